"""`nlpbatch analyze FILE -o OUT.parquet --text COLUMN`: tokens for the rows of files, without Spark."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nlpbatch.cli.sample import add_format_arguments, how_to_read, local_file
from nlpbatch.cli.texts import PATIENCE_PIPED_S, service_of
from nlpbatch.errors import ConfigError
from nlpbatch.formats.encodings import known_encoding
from nlpbatch.wire.options import Options

if TYPE_CHECKING:
    from nlpbatch.files.source import Source

SET_ASIDE: Final = 3
"""Exit code of an analysis that is done, except for files that can't be read."""


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


def check_texts(arguments: argparse.Namespace) -> None:
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
            f"nlpbatch analyze {named} -o tokens.parquet --text COLUMN",
            file=sys.stderr,
        )


def run_files(arguments: argparse.Namespace, given: Mapping[str, Any]) -> int:
    """Analyse files, write the result and print the summary; return 3 if a file was set aside.

    Raises:
        NlpbatchError: As `FileAnalysis.run`.

    """
    service, asked = service_of(arguments), Options.checked("analyze", {"analyzer": arguments.analyzer, **given})
    try:
        from nlpbatch.files.analysis import FileAnalysis  # noqa: PLC0415  (pyarrow, which other subcommands do without)
        from nlpbatch.files.large import LargeHint, job_command  # noqa: PLC0415
        from nlpbatch.files.listing import find_files  # noqa: PLC0415
        from nlpbatch.files.opening import open_source  # noqa: PLC0415
        from nlpbatch.files.source import ReadOptions  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(f"analysing files needs {error.name}: install nlpbatch[tables]") from error
    from nlpbatch.client.policy import RetryPolicy  # noqa: PLC0415
    from nlpbatch.client.progress import progress_of  # noqa: PLC0415

    if not arguments.texts:
        raise ConfigError("-o is given, but no file: name one, or a directory or glob", option="--output")
    for one in arguments.texts:
        local_file(arguments.output, source=one)
    read = how_to_read(arguments)
    reader = ReadOptions(**read | {"encoding": known_encoding(read["encoding"])})
    files = find_files(arguments.texts)
    source = open_source(files, reader)
    text = arguments.text or [_only_text(source)]
    _note(f"read as {source.assumed}; column{'s' if len(text) > 1 else ''} {', '.join(map(repr, text))}")
    sizes = {} if arguments.in_flight is None else {"in_flight": _checked_in_flight(arguments.in_flight)}
    analysis = FileAnalysis(
        inputs=arguments.texts,
        files=files,
        text=text,
        output=arguments.output,
        service=service,
        asked=asked,
        reader=reader,
        api_key=arguments.api_key or os.environ.get("NLPBATCH_API_KEY") or None,
        overwrite=arguments.overwrite,
        retry=RetryPolicy(patience_s=PATIENCE_PIPED_S if arguments.patience is None else arguments.patience),
        **sizes,
    )
    hint = LargeHint(job_command(arguments.texts, text, service), sum(file.size_bytes for file in files))
    _note(hint.at_start())
    with progress_of("analyze", source.rows, shown=True) as advance:
        summary = analysis.run(source, _hinting(advance, source, hint.after), _note)
    print(f"analyze: done\n{summary.to_text()}", file=sys.stderr)
    if arguments.json:
        sys.stdout.write(summary.to_json())
    if summary.set_aside:
        _note(
            f"{len(summary.set_aside):,} of {summary.files:,} files were set aside, see above: correct or remove them"
        )
        return SET_ASIDE
    return 0


def _hinting(
    advance: Callable[[int], None], source: "Source", hint: Callable[[float, float], str | None]
) -> Callable[[int], None]:
    """Return what reports rows that are done, and says if the rest will take long."""
    began_s = time.monotonic()
    before: list[float] = []

    def report(rows: int) -> None:
        advance(rows)
        share = source.read_share()
        first = before[0] if before else before.append(share) or share
        _note(hint(time.monotonic() - began_s, (share - first) / (1 - first) if first < 1 else 1.0))

    return report


def _note(words: str | None) -> None:
    if words:
        print(f"nlpbatch: {words}", file=sys.stderr)


def _only_text(source: "Source") -> str:
    from nlpbatch.client.columns.text_columns import is_text, is_text_list  # noqa: PLC0415
    from nlpbatch.formats.malformed import CORRUPT  # noqa: PLC0415

    found = [one.name for one in source.schema if is_text(one.type) or is_text_list(one.type)]
    found = [name for name in found if name != CORRUPT]
    if len(found) == 1:
        return str(found[0])
    which = f"choose from {', '.join(found)}" if found else "there is none of strings"
    raise ConfigError(f"--text COLUMN says which column to analyse: {which}", option="--text")


def _checked_in_flight(value: int) -> int:
    most = 256
    if not 1 <= value <= most:
        raise ConfigError(f"in_flight is {value:,}, must be 1 to {most}: choose a value in that range")
    return value


def _is_file(text: str) -> bool:
    try:
        return "\n" not in text and Path(text).is_file()
    except (OSError, ValueError):  # too long for a path
        return False
