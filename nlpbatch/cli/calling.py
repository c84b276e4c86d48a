"""`nlpbatch call`: what an analyzer's own operation makes of texts, or with -o of the rows of files."""

import argparse
import json
import sys

from nlpbatch.cli.analyze_files import add_file_arguments, check_texts, run_files
from nlpbatch.cli.texts import add_arguments, ask
from nlpbatch.cli.writing import json_writer, line_writer
from nlpbatch.wire.options import Options
from nlpbatch.wire.outcome import Outcome

_EPILOG = """examples:
  nlpbatch call --analyzer mood --operation judge "참 좋다"
  nlpbatch call --analyzer mood --json < reviews.txt | jq -r '.result.label'
  nlpbatch call --analyzer mood reviews.parquet -o moods.parquet --text review

`nlpbatch analyzers` says which analyzers have operations of their own. Files and exit codes are those of `nlpbatch
analyze`; the output's column is `result`, of the type that the operation declares."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = commands.add_parser(
        "call",
        help="call an analyzer's own operation on texts, or with -o on files",
        description="Call an operation that an analyzer has of its own, on texts given as arguments, or one per line "
        "of standard input, in UTF-8; with -o on a column of files. A struct is written as a line of JSON, a list of "
        "them as a line for each.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    parser.add_argument(
        "--operation", metavar="NAME", help="which one; may be left out where the analyzer has only one"
    )
    add_file_arguments(parser)
    parser.set_defaults(run=run_call)


def run_call(arguments: argparse.Namespace) -> int:
    """Call and print, or call on files; return 1 if a document has an error, 3 if a file was set aside."""
    given = {"operation": arguments.operation}
    if arguments.output is not None:
        return run_files(arguments, given, "call")
    check_texts(arguments, "call")
    options = Options.checked("call", given)
    write = json_writer(sys.stdout, options) if arguments.json else line_writer(sys.stdout, _lines)
    return ask(arguments, "call", given, write)


def _lines(outcome: Outcome) -> list[str]:
    result = outcome.result
    rows = result if isinstance(result, list) else [result]
    return [json.dumps(row, ensure_ascii=False) for row in rows]
