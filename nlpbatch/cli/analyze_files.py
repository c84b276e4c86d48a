"""The arguments of `nlpbatch analyze FILE -o OUT.parquet --text COLUMN`, and of `call`: files without Spark."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from nlpbatch.cli.sample import add_format_arguments, local_file
from nlpbatch.cli.texts import service_of
from nlpbatch.errors import ConfigError
from nlpbatch.wire.options import Operation, Options

_OUTPUTS: Final = {"analyze": "tokens.parquet", "call": "results.parquet"}


def add_file_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments with which files are analysed."""
    files = parser.add_argument_group(
        "files", "With -o, the arguments are files, directories or globs: Parquet, CSV, JSON Lines or text."
    )
    files.add_argument(
        "-o", "--output", type=Path, metavar="FILE.parquet", help="write all columns, tokens and errors as Parquet"
    )
    files.add_argument(
        "--text",
        metavar="COLUMN",
        action="append",
        help="column to analyse, of strings or lists of them; may be given again (default: the only one of strings)",
    )
    files.add_argument("--overwrite", action="store_true", help="replace an existing output")
    files.add_argument("--in-flight", type=int, metavar="N", help="most requests under way (default: 8)")
    add_format_arguments(files)


def check_texts(arguments: argparse.Namespace, operation: Operation = "analyze") -> None:
    """Refuse options of files without -o, and say so if a text is the name of a file.

    Raises:
        ConfigError: Options of files without an output.

    """
    defaults = {"text": None, "overwrite": False, "in_flight": None, "format": None, "separator": None}
    given = next((name for name, default in defaults.items() if getattr(arguments, name) != default), None)
    if given is not None:
        option = f"--{given.replace('_', '-')}"
        raise ConfigError(f"{option} is for files: add -o FILE.parquet to analyse files", option=option)
    named = next((text for text in arguments.texts if _is_file(text)), None)
    if named is not None:
        print(
            f"nlpbatch: {named!r} is analysed as a text; for the file of this name: "
            f"nlpbatch {operation} {named} -o {_OUTPUTS[operation]} --text COLUMN",
            file=sys.stderr,
        )


def run_files(arguments: argparse.Namespace, given: Mapping[str, Any], operation: Operation = "analyze") -> int:
    """Analyse files, write the result and print the summary; return 3 if a file was set aside.

    Raises:
        NlpbatchError: As `FileAnalysis.run`.

    """
    if not arguments.texts:
        raise ConfigError("-o is given, but no file: name one, or a directory or glob", option="--output")
    for one in arguments.texts:
        local_file(arguments.output, source=one)
    service, asked = service_of(arguments), Options.checked(operation, {"analyzer": arguments.analyzer, **given})
    try:
        from nlpbatch.cli.file_analysis import analyze_files  # noqa: PLC0415  (pyarrow, which others do without)
    except ImportError as error:
        raise ConfigError(f"analysing files needs {error.name}: install nlpbatch[tables]") from error
    return analyze_files(arguments, service, asked)


def _is_file(text: str) -> bool:
    try:
        return "\n" not in text and Path(text).is_file()
    except (OSError, ValueError):  # too long for a path
        return False
