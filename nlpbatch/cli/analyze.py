"""`nlpbatch analyze`, `sentences` and `space`: texts in; tokens, sentences or corrected texts out."""

import argparse
import sys
from typing import Any

from nlpbatch.cli.analyze_files import add_file_arguments, check_texts, run_files
from nlpbatch.cli.texts import add_arguments, ask
from nlpbatch.cli.writing import json_writer, line_writer, table_writer
from nlpbatch.errors import ConfigError, UnknownField
from nlpbatch.wire.fields import DEFAULT_FIELDS, TOKEN_FIELDS, check_fields
from nlpbatch.wire.options import OPTIONS, Operation, Options
from nlpbatch.wire.options.values import parse_text
from nlpbatch.wire.outcome import Outcome

_EPILOG = """examples:
  nlpbatch analyze "아버지가 방에 들어가신다."
  nlpbatch analyze --tags NNG,NNP "아버지가 방에 들어가신다."
  nlpbatch analyze --json --fields form,tag,lemma < reviews.txt | jq -r '.tokens[].form'
  nlpbatch analyze reviews.parquet -o tokens.parquet --text review

A file's output has all its columns, tokens and error; rows that fail go to tokens.dead.parquet beside it. Interrupted,
the same command goes on where it ended. With --json the summary is printed as JSON.

exit code of texts: 0 done; 1 no answer, or some document has an error; 2 wrong usage, or refused for good
exit code of files: 0 done; 1 no answer; 2 wrong usage, or refused for good; 3 done, but files were set aside"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommands."""
    parser = commands.add_parser(
        "analyze",
        help="analyse texts given as arguments or one per line of standard input, or with -o files",
        description="Analyse texts given as arguments, or one per line of standard input, in UTF-8. With -o, analyse a "
        "column of files and write Parquet.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    parser.add_argument(
        "--fields",
        metavar="A,B,…",
        type=_fields,
        default=DEFAULT_FIELDS,
        help=f"token fields, of {', '.join(TOKEN_FIELDS)}; default: {','.join(DEFAULT_FIELDS)}",
    )
    parser.add_argument("--tags", metavar="A,B,…", type=lambda text: text.split(","), help="tokens of these tags only")
    parser.add_argument("--top-n", metavar="N", type=int, default=1, help="number of candidates, best first")
    _add_option(parser)
    add_file_arguments(parser)
    parser.set_defaults(run=run_analyze)
    sentences = commands.add_parser("sentences", help="split texts into sentences, one per line")
    add_arguments(sentences)
    _add_option(sentences)
    sentences.set_defaults(run=run_sentences)
    space = commands.add_parser("space", help="correct the blanks of texts")
    add_arguments(space)
    space.add_argument("--reset-whitespace", action="store_true", help="forget the blanks that the texts have, too")
    space.set_defaults(run=run_space)


def run_analyze(arguments: argparse.Namespace) -> int:
    """Analyse and print, or analyse files; return 1 if a document has an error, 3 if a file was set aside."""
    given = {"fields": arguments.fields, "tags": arguments.tags, "top_n": arguments.top_n, **_options(arguments)}
    if arguments.output is not None:
        return run_files(arguments, given)
    check_texts(arguments)
    options = Options.checked("analyze", given)
    write = json_writer(sys.stdout, options) if arguments.json else table_writer(sys.stdout, arguments.fields)
    return ask(arguments, "analyze", given, write)


def run_sentences(arguments: argparse.Namespace) -> int:
    """Split and print; return 1 if a document has an error."""
    return _in_lines(arguments, "sentences", _options(arguments))


def run_space(arguments: argparse.Namespace) -> int:
    """Correct and print; return 1 if a document has an error."""
    return _in_lines(arguments, "space", {"reset_whitespace": arguments.reset_whitespace})


def _add_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--option",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="further option, such as typos=basic or stopwords=true; lists as A,B,… or in JSON",
    )


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the further options; their values are those of query parameters."""
    given = {}
    for pair in arguments.option:
        name, separator, text = pair.partition("=")
        if not separator:
            raise ConfigError(f"option {name!r} has no value: write it as KEY=VALUE", option="--option")
        given[name] = parse_text(OPTIONS[name], text) if name in OPTIONS else text
    return given


def _in_lines(arguments: argparse.Namespace, operation: Operation, given: dict[str, Any]) -> int:
    options = Options.checked(operation, given)
    write = json_writer(sys.stdout, options) if arguments.json else line_writer(sys.stdout, _lines)
    return ask(arguments, operation, given, write)


def _lines(outcome: Outcome) -> list[str]:
    """Return a document's outcome as text for people."""
    if outcome.sentences is not None:
        return [one.text or "" for one in outcome.sentences]
    return [outcome.text or ""]


def _fields(value: str) -> tuple[str, ...]:
    try:
        return check_fields(name.strip() for name in value.split(","))
    except UnknownField as error:
        raise argparse.ArgumentTypeError(error.message) from error
