"""The page about the command line, from the parsers that read it."""

import argparse
import os
import re
from collections.abc import Iterator

from jobs import analyze, recipe, replay
from nlpbatch.cli import build_parser

_JOBS = {"jobs/analyze.py": analyze.parser, "jobs/replay.py": replay.parser, "jobs/recipe.py": recipe.parser}


def command_page() -> str:
    """Return the page."""
    os.environ["COLUMNS"] = "100"
    parts = ["# Command line\n", "Made from the programs' own parsers. Every command has `--help`.\n"]
    parts += _commands(build_parser())
    parts.append("## Jobs for spark-submit\n")
    for script, parser in _JOBS.items():
        parts += _command(f"spark-submit {script}", parser(), level=3)
    return "\n".join(parts)


def _commands(parser: argparse.ArgumentParser, level: int = 2) -> Iterator[str]:
    choices = next((one for one in parser._actions if isinstance(one, argparse._SubParsersAction)), None)
    if choices is None:
        return
    for name, command in choices.choices.items():
        about = next((one.help or "" for one in choices._choices_actions if one.dest == name), "")
        yield from _command(f"{parser.prog} {name}", command, level, about)
        yield from _commands(command, level + 1)


def _command(title: str, parser: argparse.ArgumentParser, level: int, about: str = "") -> Iterator[str]:
    yield f"{'#' * level} {title}\n"
    yield _sentence(parser.description or about) + "\n"
    usage = parser.format_usage().removeprefix("usage: ").strip()
    yield f"```text\n{usage}\n```\n"
    rows = [_row(parser, one) for one in parser._actions if _is_shown(one)]
    if rows:
        yield "| argument | meaning |\n| --- | --- |\n" + "".join(rows)
    if parser.epilog:
        yield _epilog(parser) + "\n"


def _is_shown(action: argparse.Action) -> bool:
    hidden = isinstance(action, argparse._HelpAction | argparse._SubParsersAction)
    return not hidden and action.help != argparse.SUPPRESS


def _row(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    formatter = parser._get_formatter()
    named = ", ".join(f"`{one}`" for one in action.option_strings)
    value = formatter._format_args(
        action,
        formatter._get_default_metavar_for_optional(action)
        if named
        else formatter._get_default_metavar_for_positional(action),
    )
    shown = f"{named} `{value}`" if named and value else named or f"`{value}`"
    return f"| {_cell(shown)} | {_cell(formatter._expand_help(action) if action.help else '')} |\n"


def _epilog(parser: argparse.ArgumentParser) -> str:
    text = (parser.epilog or "") % {"prog": parser.prog}
    if parser.formatter_class is argparse.RawDescriptionHelpFormatter:
        return f"```text\n{text.strip()}\n```"
    return _cell(text)


def _sentence(text: str) -> str:
    text = _cell(text.strip())
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", ":")) or not text else ".")


def _cell(text: str) -> str:
    text = " ".join(text.replace("|", "\\|").split())
    # Only outside of code: there, it would be shown as it stands.
    return re.sub(r"(`[^`]*`)|<", lambda found: found[1] or "&lt;", text)
