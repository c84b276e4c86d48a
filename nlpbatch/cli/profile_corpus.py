"""`nlpbatch profile SAMPLE.parquet --text COLUMN -o REPORT.html`: a report on a sample."""

import argparse
import os
import sys
from contextlib import ExitStack
from dataclasses import astuple
from pathlib import Path

from nlpbatch.cli.sample import add_format_arguments, how_to_read, local_file
from nlpbatch.cli.texts import add_service_arguments
from nlpbatch.errors import ConfigError
from nlpbatch.wire.options import DEFAULT_ANALYZER


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = commands.add_parser(
        "profile",
        help="make a report of a sample: lengths, labels, drift, words that mark a label, oddities",
        description="Make a report of a sample by `nlpbatch sample`, or with --all of a whole data set: one HTML file "
        "that needs nothing else, and the same numbers as JSON beside it. Words need tokens, and so the service; "
        "without one the report has none.",
    )
    parser.add_argument("sample", metavar="SAMPLE.parquet", help="the output of `nlpbatch sample`")
    parser.add_argument(
        "--all", action="store_true", help="take every row of a file, directory or glob that is no sample"
    )
    add_format_arguments(parser)
    parser.add_argument("--text", required=True, metavar="COLUMN", help="column of texts")
    parser.add_argument("--label", metavar="COLUMN", help="column with the label to learn")
    parser.add_argument("--group", metavar="COLUMN", help="groups that should be alike, such as a film or a region")
    parser.add_argument("--date", metavar="COLUMN", help="dates or times")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="REPORT.html", help="file to write")
    parser.add_argument(
        "--tokens", type=int, default=20_000, metavar="N", help="rows that are analysed (default: %(default)s)"
    )
    add_service_arguments(parser)
    parser.add_argument("--analyzer", metavar="NAME", default=DEFAULT_ANALYZER, help="default: %(default)s")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure and write."""
    try:
        from nlpbatch.client.sync import Client  # noqa: PLC0415
        from nlpbatch.profile import ProfileColumns, page, report, to_json  # noqa: PLC0415  (an extra)
        from nlpbatch.sampling import SampleOptions, read_sample, sample  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise ConfigError(f"a report needs {error.name}: install nlpbatch[explore]") from error
    if arguments.tokens < 0:
        raise ConfigError(f"--tokens is {arguments.tokens}: give a number from 0")
    numbers = arguments.output.with_suffix(".json")
    if numbers == arguments.output:
        raise ConfigError(f"{numbers} is where the report's numbers would go: name the page with -o REPORT.html")
    for written in (arguments.output, numbers):
        local_file(written, source=arguments.sample)
    columns = ProfileColumns(arguments.text, arguments.label, arguments.group, arguments.date)
    if arguments.all:
        wanted = tuple(dict.fromkeys(name for name in astuple(columns) if name is not None))
        drawn = sample(arguments.sample, SampleOptions(None, wanted, **how_to_read(arguments)))
    else:
        drawn = read_sample(local_file(Path(arguments.sample)))
    service = arguments.service or os.environ.get("NLPBATCH_SERVICE")
    key = arguments.api_key or os.environ.get("NLPBATCH_API_KEY") or None
    with ExitStack() as opened:
        client = opened.enter_context(Client(service, api_key=key, job="profile")) if service else None
        found = report(drawn, columns, client, tokens=arguments.tokens, analyzer=arguments.analyzer)
    try:
        arguments.output.write_text(page(found), encoding="utf-8")
        numbers.write_text(to_json(found), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{arguments.output} can't be written: {error.strerror}: choose another with -o") from error
    for note in found["notes"]:
        print(f"note: {note}", file=sys.stderr)
    if client is None and arguments.tokens:
        print("note: no service was named, so that there are no tokens: give --service for words", file=sys.stderr)
    print(f"{arguments.output} and {numbers} are written", file=sys.stderr)
    return 0
