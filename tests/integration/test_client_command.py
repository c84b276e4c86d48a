"""`nlpbatch analyze` as its own process: pipes, signals and exit codes."""

import contextlib
import json
import os
import signal
import subprocess
import sys

import pytest

from nlpbatch import errors
from tests.fakes.service import ScriptedService, analysis, hang, problem

COMMAND = [sys.executable, "-c", "import sys; from nlpbatch.cli import main; sys.exit(main())", "analyze"]


def environment(**variables):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NLPBATCH_", "PYTHONIO"))}
    return kept | variables


def run(*arguments, stdin=b"", **variables):
    done = subprocess.run(
        [*COMMAND, *arguments], input=stdin, capture_output=True, env=environment(**variables), timeout=60, check=False
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def start(*arguments, **variables):
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        env=environment(**variables),
    )


@pytest.fixture(scope="module")
def service():
    with ScriptedService(analysis()) as running:
        yield running.url


def test_a_text_becomes_a_table(service):
    code, out, err = run("아버지가 방에", "--service", service)
    assert (code, err) == (0, "")
    assert "아버지가 │ NNG" in out


def test_lines_become_objects(service):
    code, out, err = run("--json", stdin="가 나\n\n다".encode(), NLPBATCH_SERVICE=service)
    assert (code, err) == (0, "")
    assert [len(json.loads(line)["tokens"]) for line in out.splitlines()] == [2, 0, 1]


@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8"])
def test_hangul_gets_through_in_any_locale(service, locale):
    code, out, err = run("--json", "가", "--fields=form", "--service", service, LC_ALL=locale)
    assert (code, err) == (0, "")
    assert json.loads(out) == {"tokens": [{"form": "가"}], "error": None}


def test_an_answer_comes_while_the_pipe_is_still_open(service):
    with start("--json", "--service", service) as process:
        for text in ("가", "나"):
            process.stdin.write(f"{text}\n".encode())
            assert json.loads(process.stdout.readline())["tokens"][0]["form"] == text
        process.stdin.close()
        assert process.wait(10) == 0


def test_a_reader_that_leaves_ends_it_quietly(service):
    with start("--json", "--service", service) as process:
        process.stdin.write(b"abc\n" * 10_000)
        process.stdout.readline()
        process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(b"abc\n" * 200_000)
        assert process.wait(30) == 0
        assert process.stderr.read() == b""


def test_ctrl_c_ends_it_with_one_line():
    with ScriptedService(hang()) as silent, start("--service", silent.url, "가") as process:
        while not silent.exchanges:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        assert process.stderr.read() == b"nlpbatch: interrupted\n"


def test_a_refusal_is_one_line_with_its_code():
    with ScriptedService(problem(errors.Unauthenticated("no such key: ask the operator for one"))) as refusing:
        code, out, err = run("가", "--service", refusing.url, "--api-key", "k-1")
    assert (code, out) == (2, "")
    assert err == "nlpbatch: unauthenticated: no such key: ask the operator for one\n"


def test_a_service_that_is_not_there_is_named():
    code, out, err = run("가", "--service", "http://127.0.0.1:9", "--patience", "0.3")
    assert (code, out) == (1, "")
    assert err.startswith("nlpbatch: patience_exhausted: gave up on http://127.0.0.1:9 after ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["가"], "add --service http://HOST:PORT"),
        (["가", "--service", "localhost:8700"], "give a URL such as http://"),
        (["가", "--service", "http://proxy", "--patience", "-1"], "patience_s is -1, must be"),
        (["가", "--fields", "colour"], "unknown token field 'colour'"),
    ],
)
def test_wrong_usage_is_2(arguments, said):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert said in err
