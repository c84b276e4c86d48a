"""The whole command line: exit codes, JSON, encodings, colours, and never a traceback, whatever is asked of it."""

import json
import re
import subprocess
import sys

import pytest

from nlpbatch.cli import build_parser
from nlpbatch.cli.completion import leaves
from tests.fakes.command_lines import COMMANDS, STARTS_SOMETHING, actions_of
from tests.fakes.commands import ROOT, environment

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
