"""`nlpbatch analyze FILE -o OUT.parquet --text COLUMN`, and `call`: answers for the rows of files; needs pyarrow."""

import argparse
import os
import sys
import time
from contextlib import closing
from typing import Final

from nlpbatch.cli.sample import how_to_read
from nlpbatch.cli.texts import PATIENCE_PIPED_S
from nlpbatch.client.columns.text_columns import is_text, is_text_list
from nlpbatch.client.policy import RetryPolicy
from nlpbatch.client.progress import progress_of
from nlpbatch.errors import ConfigError
from nlpbatch.files.analysis import FileAnalysis
from nlpbatch.files.large import LargeHint, job_command
from nlpbatch.files.listing import find_files
from nlpbatch.files.opening import open_source
from nlpbatch.files.source import ReadOptions, Source
from nlpbatch.files.summary import Summary
from nlpbatch.formats.encodings import known_encoding
from nlpbatch.formats.malformed import CORRUPT
from nlpbatch.wire.options import Operation, Options

SET_ASIDE: Final = 3
"""Exit code of an analysis that is done, except for files that can't be read."""
_MAX_IN_FLIGHT: Final = 256


def analyze_files(arguments: argparse.Namespace, service: str, asked: Options) -> int:
    """Analyse files, write the result and print the summary; return 3 if a file was set aside.

    Raises:
        NlpbatchError: As `FileAnalysis.run`.

    """
    read = how_to_read(arguments)
    reader = ReadOptions(**read | {"encoding": known_encoding(read["encoding"])})
    files = find_files(arguments.texts)
    with closing(open_source(files, reader)) as source:
        text = arguments.text or [_only_text(source)]
        _note(f"read as {source.assumed}; column{'s' if len(text) > 1 else ''} {', '.join(map(repr, text))}")
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
            **_in_flight(arguments),
        )
        summary = _run(analysis, source)
    return _report(summary, asked.operation, as_json=arguments.json)


def _run(analysis: FileAnalysis, source: Source) -> Summary:
    command = job_command(analysis.inputs, analysis.text, analysis.service, analysis.asked)
    hint = LargeHint(command, sum(file.size_bytes for file in analysis.files))
    _note(hint.at_start())
    began_s = time.monotonic()
    with progress_of(analysis.asked.operation, source.rows, shown=True) as advance:

        def done(rows: int) -> None:
            advance(rows)
            _note(hint.after(time.monotonic() - began_s, source.read_share()))

        return analysis.run(source, done, _note)


def _report(summary: Summary, operation: Operation, *, as_json: bool) -> int:
    print(f"{operation}: done\n{summary.to_text()}", file=sys.stderr)
    if as_json:
        sys.stdout.write(summary.to_json())
    if not summary.set_aside:
        return 0
    aside = f"{len(summary.set_aside):,} of {summary.files:,} files were set aside"
    _note(f"{aside}, see above: correct them, or remove them from the input")
    return SET_ASIDE


def _note(words: str | None) -> None:
    if words:
        print(f"nlpbatch: {words}", file=sys.stderr)


def _only_text(source: Source) -> str:
    found: list[str] = [one.name for one in source.schema if is_text(one.type) or is_text_list(one.type)]
    found = [name for name in found if name != CORRUPT]
    if len(found) == 1:
        return found[0]
    which = f"choose from {', '.join(found)}" if found else "there is none of strings"
    raise ConfigError(f"--text COLUMN says which column to analyse: {which}", option="--text")


def _in_flight(arguments: argparse.Namespace) -> dict[str, int]:
    value = arguments.in_flight
    if value is not None and not 1 <= value <= _MAX_IN_FLIGHT:
        raise ConfigError(f"in_flight is {value:,}, must be 1 to {_MAX_IN_FLIGHT}: choose a value in that range")
    return {} if value is None else {"in_flight": value}
