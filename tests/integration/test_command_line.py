"""The whole command line: exit codes, JSON, encodings, colours, and never a traceback, whatever is asked of it."""

import json
import os
import pty
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from nlpbatch.cli import build_parser
from nlpbatch.cli.completion import leaves
from nlpbatch.program import TRACEBACK_VARIABLE, run_program
from tests.fakes.commands import ROOT, environment, run
from tests.fakes.service import ScriptedService, analysis

COMMANDS = [leaf.prog.split()[1:] for leaf in leaves(build_parser())]
STARTS_SOMETHING = {
    "up": ["--port", "99999"],
    "demo": ["nowhere.parquet"],
    "run": ["nowhere.toml"],
    "serve": ["--config", "nowhere.toml"],
    "proxy serve": ["--config", "nowhere.toml"],
    "class-archive": ["--no-such-option"],
    "scale": ["--target", "none", "--config", "nowhere.toml"],
    "runs": ["--late", "1h"],
}
"""What keeps these from starting processes or serving, so that any other argument can be tried on them."""
NO_DATA = {"completion", "up", "demo", "run", "serve", "proxy serve", "scale", "bundle", "class-archive"}
"""They write a script, a zip or a log, or pass on what a job writes."""
FILES_WRITTEN = {"profile", "schedule", "proxy key"}
"""Their data are files: a report has its figures as JSON beside it; a key for a file is one line."""
ABSURD = ["", "-1", "nan", "1e999", "9" * 20, "no/thing", ".", "\udcff", "{{", "[]", "http://[", "%s"]


@pytest.fixture
def broken(tmp_path):
    """Return a directory with files that are each wrong in another way."""
    (tmp_path / "not.toml").write_text("= = =\n[[")
    (tmp_path / "deep.toml").write_text("a = " + "[" * 3000 + "]" * 3000)
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty.toml").write_text("")
    (tmp_path / "other.toml").write_text('[tenants]\nx = 1\n[listen]\nport = "y"\n[source]\nkind = 3\n')
    (tmp_path / "not.parquet").write_bytes(b"PAR1 not at all")
    (tmp_path / "folder.toml").mkdir()
    return tmp_path


def try_all(directory, asked):
    """Return what each command says, with nothing to read on standard input."""
    lines = "".join(json.dumps(one) + "\n" for one in asked)
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "fakes" / "absurd.py")],
        input=lines.encode("utf-8", "surrogatepass"),
        cwd=directory,
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        timeout=300,
        check=False,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(asked), done.stderr.decode()[-2000:]
    return list(zip(asked, answers, strict=True))


def check(asked, code, out, err):
    shown = (asked, code, err[-500:])
    assert code in {0, 1, 2, 3, 130}, shown
    assert "Traceback" not in out + err, shown
    assert "a defect" not in err, shown
    if code in {1, 2} and "--check" not in asked:
        assert err.strip() or out.strip(), shown


def options_of(command):
    return [
        action.option_strings[-1]
        for action in actions_of(command)
        if action.option_strings and action.nargs != 0 and action.option_strings[-1] not in {"--patience", "--timeout"}
    ]


def absurdities(command):
    """Return argument lists for a command: none, unknown ones, and each option with values that make no sense."""
    name = " ".join(command)
    harmless = STARTS_SOMETHING.get(name, [])
    yield [*command, *harmless]
    yield [*command, *harmless, "--no-such-option"]
    yield [*command, *harmless, "x", "y", "z"]
    quick = ["--patience", "0.05"] if "--patience" in {o for a in actions_of(command) for o in a.option_strings} else []
    for number, option in enumerate(options_of(command)):
        for value in ABSURD[number % 3 :: 3]:
            yield [*command, *quick, f"{option}={value}", *required(command, option), *harmless]


def actions_of(command):
    leaf = next(leaf for leaf in leaves(build_parser()) if leaf.prog.split()[1:] == command)
    return leaf._actions


def required(command, but):
    """Return what a command can't do without, as wrong as the rest."""
    for action in actions_of(command):
        if action.option_strings and action.required and but not in action.option_strings:
            value = next(iter(action.choices)) if action.choices else "1" if action.type in {int, float} else "nowhere"
            yield f"{action.option_strings[-1]}={value}"
        elif not action.option_strings and action.nargs is None and action.choices is None:
            yield "nowhere"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_arguments_that_make_no_sense_get_an_exit_code_and_a_line(command, tmp_path):
    for asked, (code, out, err) in try_all(tmp_path, list(absurdities(command))):
        check(asked, code, out, err)


def test_broken_files_get_an_exit_code_and_a_line(broken):
    files = sorted(path.name for path in broken.iterdir())
    commands = [
        *(["proxy", name, "{}"] for name in ("check", "diff")),
        ["proxy", "diff", "{}", "--against", "{}"],
        ["proxy", "explain", "--config", "{}", "--tenant", "x"],
        ["proxy", "simulate", "--config", "{}", "--workload", "{}"],
        ["proxy", "serve", "--config", "{}"],
        ["serve", "--config", "{}", "--port", "99999"],
        ["up", "--proxy-config", "{}", "--port", "99999"],
        ["run", "{}", "--dry-run", "--stage", "none"],
        ["schedule", "{}", "--cron", "@daily", "--as", "systemd"],
        ["analyzers", "diff", "a", "b", "--config", "{}", "--input", "{}"],
        ["analyze", "{}", "-o", "out.parquet", "--text", "x"],
        ["sample", "{}", "-o", "out.parquet"],
        ["profile", "{}", "--text", "x", "-o", "out.html"],
        ["runs", "{}"],
    ]
    asked = [[word.format(file) for word in command] for file in files for command in commands]
    for arguments, (code, out, err) in try_all(broken, asked):
        check(arguments, code, out, err)


def test_a_directory_that_cannot_be_written_to_is_named(tmp_path, reviews):
    file = tmp_path / "file"
    file.touch()
    recipe = str(ROOT / "conf" / "recipes" / "first.toml")
    inside = str(file / "below" / "out")  # refused to root, too
    asked = [
        ["bundle", "-o", inside],
        ["sample", str(reviews), "-o", f"{inside}.parquet", "--rows", "10"],
        ["runs", str(tmp_path), "--html", inside],
        [
            "schedule",
            recipe,
            "--cron",
            "@daily",
            "--as",
            "systemd",
            "-o",
            inside,
        ],
        ["analyze", str(reviews), "-o", f"{inside}.parquet", "--text", "review", "--service", "http://127.0.0.1:1"],
        ["profile", str(reviews), "--text", "review", "-o", f"{inside}.html", "--tokens", "0", "--all"],
    ]
    for arguments, (code, out, err) in try_all(tmp_path, asked):
        check(arguments, code, out, err)
        assert code in {1, 2}
        assert "below" in err, (arguments, err)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_says_the_exit_codes_or_where_they_are(command):
    leaf = next(leaf for leaf in leaves(build_parser()) if leaf.prog.split()[1:] == command)
    assert re.search(r"exit\s+codes?", leaf.format_help(), re.IGNORECASE)


def test_the_exit_codes_are_listed_in_help_and_in_the_docs():
    help_, page = build_parser().format_help(), (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    for code in (0, 1, 2, 3, 130):
        assert re.search(rf"^  {code}\s+\w", help_, re.MULTILINE)
        assert re.search(rf"^\| {code} ", page, re.MULTILINE)


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
    assert re.fullmatch(r"nlpbatch: internal: LookupError at test_command_line.py:\d+, a defect: report it, .*\n", said)
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
