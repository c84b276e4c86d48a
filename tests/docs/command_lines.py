"""Command lines of this project in the documentation, and what its own parsers say about them."""

import argparse
import io
import re
import shlex
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from jobs import analyze, recipe, replay
from nlpbatch.cli import build_parser
from tests.docs.markdown import Block

ROOT = Path(__file__).parents[2]
_JOBS = {"analyze.py": analyze.parser, "replay.py": replay.parser, "recipe.py": recipe.parser}
_OWN = re.compile(
    r"(?:^|(?<=\$\()|(?<=\| )|(?<=do )|(?<=until ))(?:[A-Z_]+=\S+ )*((?:nlpbatch|spark-submit|python)(?= |$)|bin/\w)"
)

_PLACEHOLDER = re.compile(r"…|<[A-Za-z]|\b[A-Z]{2,}\b|\[\w|\||\{")
"""What people fill in: such a line has no values to check, but options."""
_ENDS = frozenset({"|", "&", "&&", ";", ">", ">>", "<", "||", ")", "2>&1"})


def lines_of(block: Block) -> Iterator[tuple[int, str]]:
    """Yield the command lines of this project in a block, with their line numbers; continued lines are one."""
    at, lines = block.line, block.text.splitlines()
    while lines:
        first, number = lines.pop(0), at
        at += 1
        while first.endswith("\\") and lines:
            first = first[:-1] + lines.pop(0)
            at += 1
        for found in _OWN.finditer(first.strip()):
            yield number, first.strip()[found.start(1) :]


def fault_of(line: str, *, whole: bool = True) -> str | None:  # noqa: PLR0911  (a kind of command each)
    """Return what this project's parsers have against a command line, None if nothing.

    Args:
        line: The command line.
        whole: Whether all of it must be there; text names commands without their arguments.

    """
    try:
        words = _words(line)
    except ValueError:
        return None if _PLACEHOLDER.search(line) else "quotes that don't match"
    if words[0] == "nlpbatch":
        return _fault(build_parser(), words[1:], whole=whole)
    if words[0].startswith("bin/"):
        return None if (ROOT / words[0]).is_file() else f"there is no {words[0]}"
    script = next((word for word in words[1:] if word.endswith(".py")), None)
    if words[0] == "spark-submit":
        return (
            None
            if script is None or script.rpartition("/")[2] not in _JOBS
            else _fault_of_job(script, words, whole=whole)
        )
    if words[1:2] == ["-m"] and words[2].startswith("tests."):
        return _fault_of_module(words[2].replace(".", "/"), words[3:])
    if script is not None and script.startswith("tests/"):
        return _fault_of_module(script.removesuffix(".py"), words[2:])
    return None


def _words(line: str) -> list[str]:
    splitter = shlex.shlex(line, posix=True, punctuation_chars="|&;<>()")
    splitter.whitespace_split = True
    words = []
    for word in splitter:
        if word in _ENDS or set(word) <= set("|&;<>()"):
            break
        words.append(word)
    return words


def _fault_of_job(script: str, words: list[str], *, whole: bool) -> str | None:
    name = script.rpartition("/")[2]
    if not script.startswith("http") and not (ROOT / "jobs" / name).is_file():
        return f"there is no {script}"
    return _fault(_JOBS[name](), words[words.index(script) + 1 :], whole=whole)


def _fault_of_module(path: str, words: list[str]) -> str | None:
    """Look for the options in a program's source: some can't be imported where what they measure isn't installed."""
    file = ROOT / f"{path}.py"
    if not file.exists():
        file = ROOT / path / "__main__.py"
    if not file.exists():
        return f"there is no {path}"
    source = file.read_text(encoding="utf-8")
    options = [word.partition("=")[0] for word in words if word.startswith("--")]
    return next((f"{option} is no option of {path}" for option in options if f'"{option}"' not in source), None)


def _fault(parser: argparse.ArgumentParser, words: list[str], *, whole: bool) -> str | None:
    command, left = _chosen(parser, words)
    for word in left:
        if word == "--":
            break
        name = word.partition("=")[0]
        if re.fullmatch(r"--?[A-Za-z][\w-]*", name) and name not in command._option_string_actions:
            return f"{command.prog} has no option {name}"
    if not whole or any(map(_PLACEHOLDER.search, words)):
        return None
    said = io.StringIO()
    try:
        with redirect_stderr(said), redirect_stdout(said):
            parser.parse_args(words)
    except SystemExit as ended:
        return said.getvalue().strip().splitlines()[-1] if ended.code else None
    return None


def _chosen(parser: argparse.ArgumentParser, words: list[str]) -> tuple[argparse.ArgumentParser, list[str]]:
    """Return the parser of the subcommand that the words name, and the words after it."""
    while words:
        choices = next((one for one in parser._actions if isinstance(one, argparse._SubParsersAction)), None)
        if choices is None or words[0] not in choices.choices:
            break
        parser, words = choices.choices[words[0]], words[1:]
    return parser, words
