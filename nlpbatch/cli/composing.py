"""`nlpbatch join` and `glue`: morphemes or chunks of text in, texts out."""

import argparse
import json
import sys
from typing import Any

from nlpbatch.cli.texts import Parse, add_arguments, ask, standard_input
from nlpbatch.cli.writing import json_writer, line_writer
from nlpbatch.client.arguments import plain_morphemes
from nlpbatch.errors import InvalidRequest
from nlpbatch.wire.documents import check_documents
from nlpbatch.wire.options import Operation, Options
from nlpbatch.wire.outcome import INVALID_DOCUMENT, DocumentError, Outcome, Token

_JOIN = """a document is morphemes separated by blanks, a JSON array of [form, tag], or what `nlpbatch analyze --json`
writes:
  nlpbatch join "덥/VA 어/EC"
  nlpbatch analyze --json --fields form,tag < reviews.txt | nlpbatch join"""
_GLUE = """the arguments are the chunks of one document; of standard input each line is a chunk, and an empty line ends
a document:
  nlpbatch glue "그러나 알고보니 그 봉" "지 안에 있던 것은"
  nlpbatch glue < page.txt"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommands."""
    join = commands.add_parser(
        "join", help="make texts from morphemes", epilog=_JOIN, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(join)
    join.add_argument("--no-lm-search", action="store_true", help="don't choose among ambiguous forms: faster")
    join.set_defaults(run=run_join)
    glue = commands.add_parser(
        "glue",
        help="put chunks of text together, with blanks where they belong",
        epilog=_GLUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(glue)
    glue.set_defaults(run=run_glue)


def run_join(arguments: argparse.Namespace) -> int:
    """Join and print; return 1 if a document has an error."""
    return _ask(arguments, "join", {"lm_search": not arguments.no_lm_search}, read_morphemes)


def run_glue(arguments: argparse.Namespace) -> int:
    """Glue and print; return 1 if a document has an error."""
    if arguments.texts:
        arguments.texts = ["\n".join(arguments.texts)]
    else:
        content = standard_input().read().decode("utf-8", "surrogateescape").replace("\r\n", "\n")
        arguments.texts = [text for text in (one.strip("\n") for one in content.split("\n\n")) if text]
    return _ask(arguments, "glue", {}, lambda text: text.split("\n")) if arguments.texts else 0


def read_morphemes(text: str) -> Any:
    """Return the morphemes in a line, or its error."""
    try:
        entries = json.loads(text) if text.lstrip().startswith(("[", "{")) else _pairs(text)
        if isinstance(entries, dict):
            entries = plain_morphemes(Token(members) for members in entries["tokens"] or ())
        (documents, _) = check_documents("join", {"morphemes": [entries]})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, InvalidRequest):
        message = 'not morphemes: write them as form/TAG, as [["form", "TAG"], …], or as `analyze --json` does'
        return DocumentError(INVALID_DOCUMENT, message)
    return documents[0]


def _pairs(text: str) -> list[tuple[str, str]]:
    pairs = [morpheme.rpartition("/") for morpheme in text.split()]
    if not all(form and tag for form, _, tag in pairs):
        raise ValueError
    return [(form, tag) for form, _, tag in pairs]


def _ask(arguments: argparse.Namespace, operation: Operation, given: dict[str, Any], parse: Parse) -> int:
    options = Options.checked(operation, given)
    write = json_writer(sys.stdout, options) if arguments.json else line_writer(sys.stdout, _lines)
    return ask(arguments, operation, given, write, parse)


def _lines(outcome: Outcome) -> list[str]:
    return (outcome.text or "").split("\n")
