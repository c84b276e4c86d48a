"""What commands write: JSON, encodings, colours, defects."""

import json
import os
import pty
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from nlpbatch.program import TRACEBACK_VARIABLE, run_program
from tests.fakes.command_lines import COMMANDS, STARTS_SOMETHING, actions_of
from tests.fakes.commands import ROOT, environment, run
from tests.fakes.service import ScriptedService, analysis

NO_DATA = {"completion", "up", "demo", "run", "serve", "proxy serve", "scale", "bundle", "class-archive"}
"""They write a script, a zip or a log, or pass on what a job writes."""
FILES_WRITTEN = {"profile", "schedule", "proxy key"}
"""Their data are files: a report has its figures as JSON beside it; a key for a file is one line."""


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_what_is_data_can_be_had_as_json(command):
    name = " ".join(command)
    has_json = any("--json" in action.option_strings for action in actions_of(command))
    assert has_json is (name not in NO_DATA | FILES_WRITTEN)


PROXY_TOML = str(ROOT / "conf" / "proxy.toml")
OFFLINE = [
    ["doctor", "--service", "http://127.0.0.1:1"],
    ["plan", "--documents", "1000000", "--mean-chars", "50", "--hours", "2", "--chars-per-s", "90000"],
    ["proxy", "check", PROXY_TOML],
    ["proxy", "diff", PROXY_TOML, "--against", PROXY_TOML],
    ["proxy", "explain", "--config", PROXY_TOML, "--tenant", "default"],
    ["proxy", "simulate", "--config", PROXY_TOML, "--workload", str(ROOT / "conf" / "workloads" / "team.toml")],
    ["runs", "."],
]


@pytest.mark.parametrize("command", OFFLINE, ids=lambda command: " ".join(command[:2]))
def test_json_is_one_value_and_nothing_else(command, tmp_path):
    code, out, err = run(*command, "--json", cwd=tmp_path)
    assert code in {0, 1}
    assert isinstance(json.loads(out), dict | list)
    assert "Traceback" not in err


def test_a_sample_says_as_json_how_it_was_drawn(reviews, tmp_path):
    code, out, err = run("sample", reviews, "-o", tmp_path / "s.parquet", "--rows", "10", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert (found["rows"], found["rows_total"]) == (10, 20_072)


@pytest.mark.parametrize("streams", ["<&-", ">&-", "<&- >&- 2>&-"])
def test_closed_streams_get_an_exit_code_and_no_traceback(streams, tmp_path):
    def ask(command):
        words = [sys.executable, "-m", "nlpbatch", *command, *STARTS_SOMETHING.get(" ".join(command), [])]
        return command, subprocess.run(
            ["bash", "-c", f"{shlex.join(words)} {streams}"],
            cwd=tmp_path,
            env=environment(PYTHONPATH=str(ROOT)),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    with ThreadPoolExecutor(2) as threads:
        for command, done in threads.map(ask, COMMANDS):
            assert done.returncode in {0, 1, 2, 3}, (command, done)
            assert "Traceback" not in done.stdout + done.stderr, (command, done)
            assert "a defect" not in done.stderr, (command, done)


def test_every_help_is_readable_in_any_encoding():
    def ask(command, variables):
        done = subprocess.run(
            [sys.executable, "-m", "nlpbatch", *command, "--help"],
            env={name: value for name, value in environment().items() if not name.startswith("LC_")} | variables,
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
        return command, done

    plain = [{"LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONIOENCODING": "ascii"}]
    with ThreadPoolExecutor(2) as threads:
        asked = [(command, variables) for command in [[], *COMMANDS] for variables in plain]
        for command, done in threads.map(lambda one: ask(*one), asked):
            assert (done.returncode, done.stderr) == (0, b""), command
            assert b"usage: nlpbatch" in done.stdout
            done.stdout.decode("ascii")


@pytest.fixture(scope="module")
def service():
    with ScriptedService(analysis()) as running:
        yield running.url


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_korean_is_escaped_where_the_encoding_lacks_it(service, options):
    code, out, err = run("analyze", *options, "가 😀", NLPBATCH_SERVICE=service, PYTHONIOENCODING="ascii")
    assert (code, err) == (0, "")
    assert "\\uac00" in out
    if options:
        assert json.loads(out)["tokens"][1]["form"] == "😀"


def on_terminal(*arguments, **variables):
    """Return what a command writes to a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "nlpbatch", *arguments],
        env=environment(**{"PYTHONPATH": str(ROOT), "TERM": "xterm-256color"} | variables),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ):
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 4096):
                shown += piece
        except OSError:  # Linux's way to say that nobody has it open any more
            pass
    os.close(ours)
    return shown.decode()


COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3[0-7]|9[0-7]|38;)[0-9;]*m")


def test_colours_are_for_terminals_and_no_color_turns_them_off():
    asked = ["doctor", "--service", "http://127.0.0.1:1"]
    assert COLOUR.search(on_terminal(*asked))
    assert not COLOUR.search(on_terminal(*asked, NO_COLOR="1"))
    assert "\x1b" not in run(*asked)[1]
    assert "\x1b" not in on_terminal(*asked, TERM="dumb") or not COLOUR.search(on_terminal(*asked, TERM="dumb"))


def test_a_defect_is_one_line_without_its_message_unless_its_traceback_is_asked_for(capsys, monkeypatch):
    def fails():
        raise LookupError("비밀스러운 문장")

    assert run_program("nlpbatch", fails) == 1
    said = capsys.readouterr().err
    assert re.fullmatch(
        r"nlpbatch: internal: LookupError at test_command_line_output.py:\d+, a defect: report it, .*\n", said
    )
    monkeypatch.setenv(TRACEBACK_VARIABLE, "1")
    with pytest.raises(LookupError):
        run_program("nlpbatch", fails)


def test_a_package_that_is_missing_is_named_with_the_extra_that_has_it(capsys):
    def needs(module):
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    assert run_program("nlpbatch", lambda: needs("pydantic.fields")) == 2
    said = "nlpbatch: this needs pydantic, which isn't installed here: pip install 'nlpbatch[proxy]'\n"
    assert capsys.readouterr().err == said
    assert run_program("nlpbatch", lambda: needs("nlpbatch.gone")) == 1
