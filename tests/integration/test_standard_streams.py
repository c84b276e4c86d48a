"""Commands whose standard streams are closed, full, without a reader, or of an encoding that lacks Hangul."""

import os
import shlex
import subprocess
import sys

import pytest

from tests.fakes.service import ScriptedService, analysis

FULL = "standard output can't be written: No space left on device"
CLOSED = "standard output can't be written: Bad file descriptor"


@pytest.fixture(scope="module")
def service():
    with ScriptedService(analysis()) as running:
        yield running.url


def shell(arguments, streams, service, **variables):
    """Run the command with redirections as a shell writes them; return its exit code, output and complaints."""
    command = shlex.join([sys.executable, "-m", "nlpbatch", *arguments])
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NLPBATCH_", "PYTHONIO", "LC_"))}
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} {streams}"],
        capture_output=True,
        text=True,
        env=kept | {"NLPBATCH_SERVICE": service} | variables,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("arguments", [["analyze", "가"], ["analyze", "--json", "가"], ["--help"], ["proxy", "--help"]])
@pytest.mark.parametrize(("streams", "said"), [(">/dev/full", FULL), (">&-", CLOSED)])
def test_output_that_cannot_be_written_is_an_error(service, arguments, streams, said):
    assert shell(arguments, streams, service) == (1, "", f"nlpbatch: {said}\n")


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full"])
def test_complaints_that_nobody_can_read_change_nothing(service, streams):
    assert shell(["analyze", "--fields", "colour", "가"], streams, service) == (2, "", "")
    code, out, err = shell(["analyze", "--json", "--fields", "form", "가"], streams, service)
    assert (code, out, err) == (0, '{"tokens": [{"form": "가"}], "error": null}\n', "")


def test_with_all_streams_closed_only_the_exit_code_is_left(service):
    assert shell(["analyze", "가"], "<&- >&- 2>&-", service) == (1, "", "")
    assert shell(["analyze", "--fields", "colour", "가"], "<&- >&- 2>&-", service) == (2, "", "")


def test_a_closed_standard_input_is_named(service):
    code, out, err = shell(["analyze"], "<&-", service)
    assert (code, out) == (2, "")
    assert err == "nlpbatch: standard input is closed: give texts as arguments, or open it\n"


@pytest.mark.parametrize("arguments", [["--help"], ["analyze", "--help"], ["analyze", "가"]])
def test_a_reader_that_leaves_at_once_ends_it_quietly(service, arguments):
    code, _, err = shell(arguments, "| true", service)
    assert (code, err) == (0, "")


@pytest.mark.parametrize(
    "variables", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}, {"LANG": "C"}]
)
@pytest.mark.parametrize(
    "arguments", [["analyze", "--help"], ["analyze", "가"], ["analyze", "--json", "가"], ["proxy", "--help"]]
)
def test_any_encoding_of_the_terminal_will_do(service, arguments, variables):
    code, out, err = shell(arguments, "", service, **variables)
    assert (code, err) == (0, "")
    assert out


def test_errors_are_printed_in_any_encoding(service):
    code, _, err = shell(
        ["profile", "없다.parquet", "--text", "본문", "-o", "r.html"], "", service, PYTHONIOENCODING="ascii"
    )
    assert code == 2
    assert err.startswith("nlpbatch: \\uc5c6\\ub2e4.parquet")
    assert err.count("\n") == 1
