"""`nlpbatch analyze`: texts in, tokens out; a table for people, one JSON object per line for pipes."""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TextIO, cast

from nlpbatch.errors import ConfigError, UnknownField
from nlpbatch.wire.analyze import DEFAULT_ANALYZER
from nlpbatch.wire.cutting import cut_by_bytes
from nlpbatch.wire.fields import DEFAULT_FIELDS, TOKEN_FIELDS, check_fields
from nlpbatch.wire.limits import KIB, SizeLimits
from nlpbatch.wire.outcome import DocumentError, Outcome, text_too_large

if TYPE_CHECKING:
    import io

    from nlpbatch.client.sync import Client

_REQUEST_BYTES = 64 * KIB
"""Text of one request: enough to keep the service busy, little enough to see the first answer soon."""
_PIPED_WIDTH = 160
_PATIENCE_TYPED_S = 10.0  # somebody is watching
_PATIENCE_PIPED_S = 300.0

# Conjoining jamo such as the one of "-ㄴ다" have no width of their own; U+11A8 to U+11C2 in order.
_FINALS = dict(zip(range(0x11A8, 0x11C3), "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ", strict=True))

Document = str | DocumentError
"""A text, or why it needn't be sent."""
Writer = Callable[[Document, Outcome], None]

_EPILOG = """examples:
  nlpbatch analyze "아버지가 방에 들어가신다."
  nlpbatch analyze --json --fields form,tag,lemma < reviews.txt | jq -r '.tokens[].form'

exit code: 0 done; 1 no answer, or some document has an error; 2 wrong usage"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = commands.add_parser(
        "analyze",
        help="analyse texts given as arguments, or one per line of standard input",
        description="Analyse texts given as arguments, or one per line of standard input, in UTF-8.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="a document; without any, standard input is read")
    parser.add_argument("--service", metavar="URL", help="address of the proxy; else from NLPBATCH_SERVICE")
    parser.add_argument("--api-key", metavar="KEY", help="better in NLPBATCH_API_KEY: other users see arguments")
    parser.add_argument("--analyzer", metavar="NAME", default=DEFAULT_ANALYZER, help="default: %(default)s")
    parser.add_argument(
        "--fields",
        metavar="A,B,…",
        type=_fields,
        default=DEFAULT_FIELDS,
        help=f"token fields, of {', '.join(TOKEN_FIELDS)}; default: {','.join(DEFAULT_FIELDS)}",
    )
    parser.add_argument(
        "--json", action="store_true", help='a line {"tokens": […], "error": null} per document, in the order of input'
    )
    parser.add_argument(
        "--patience",
        metavar="SECONDS",
        type=float,
        help=f"how long to go on asking; default: {_PATIENCE_TYPED_S:g}, for standard input {_PATIENCE_PIPED_S:g}",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Analyse and print; return 1 if a document has an error.

    Raises:
        NlpbatchError: The service gave no answer, or refused.

    """
    documents, errors = 0, Counter[str]()
    write = _json_writer(sys.stdout) if arguments.json else _table_writer(sys.stdout, arguments.fields)
    with _client(arguments) as client:
        for answered in _answers(client, arguments):
            for document, outcome in answered:
                write(document, outcome)
            sys.stdout.flush()
            documents += len(answered)
            errors.update(outcome.error.code for _, outcome in answered if outcome.error)
    if errors:
        by_code = ", ".join(f"{count:,} {code}" for code, count in errors.most_common())
        print(
            f"nlpbatch: {errors.total():,} of {documents:,} documents have an error: {by_code}",
            file=sys.stderr,
        )
    return 1 if errors else 0


def _client(arguments: argparse.Namespace) -> "Client":
    from nlpbatch.client.policy import RetryPolicy  # noqa: PLC0415  (other subcommands do without)
    from nlpbatch.client.sync import Client  # noqa: PLC0415

    service = arguments.service or os.environ.get("NLPBATCH_SERVICE")
    if not service:
        raise ConfigError(
            "no service to ask: add --service http://HOST:PORT or set NLPBATCH_SERVICE "
            "(`nlpbatch up` starts one on this machine and says where)",
            option="--service",
        )
    patience_s = arguments.patience
    if patience_s is None:
        patience_s = _PATIENCE_TYPED_S if arguments.texts else _PATIENCE_PIPED_S
    return Client(
        service,
        api_key=arguments.api_key or os.environ.get("NLPBATCH_API_KEY") or None,
        retry=RetryPolicy(patience_s=patience_s),
    )


def _answers(client: "Client", arguments: argparse.Namespace) -> Iterator[list[tuple[Document, Outcome]]]:
    """Yield the documents of each request with what they got, in order; all from one version of the analyzer."""
    fingerprint = None
    for documents in _requests(client, arguments.texts):
        texts = [document for document in documents if isinstance(document, str)]
        outcomes: Iterator[Outcome] = iter(())
        if texts:
            analysis = client.analyze(texts, analyzer=arguments.analyzer, fields=arguments.fields, if_match=fingerprint)
            fingerprint, outcomes = analysis.fingerprint, iter(analysis)
        yield [
            (document, next(outcomes) if isinstance(document, str) else Outcome(None, document))
            for document in documents
        ]


def _requests(client: "Client", texts: Sequence[str]) -> Iterator[Sequence[Document]]:
    """Yield what one request is to carry."""
    limits = SizeLimits() if texts else client.analyzers().limits
    if not texts and sys.stdin.isatty():
        print("type one text per line; Ctrl-D ends", file=sys.stderr)
    stream = cast("io.BufferedIOBase", sys.stdin.buffer)
    for documents in [texts] if texts else read_lines(stream, limits.text_bytes):
        lengths = [len(document.encode(errors="replace")) if isinstance(document, str) else 0 for document in documents]
        for start, end in cut_by_bytes(lengths, most_bytes=_REQUEST_BYTES, most_documents=limits.documents):
            yield documents[start:end]


def read_lines(stream: "io.BufferedIOBase", limit_bytes: int) -> Iterator[list[Document]]:
    """Yield the lines that have arrived, some at a time; holds no more of the stream than that and one line.

    A byte that isn't UTF-8 becomes a lone surrogate: then that line gets an error from the service, no other.
    A line over the limit becomes the error that the service would give.
    """
    rest, dropped_bytes = b"", 0
    while piece := stream.read1(_REQUEST_BYTES):
        *lines, rest = (rest + piece).split(b"\n")
        if lines:
            yield [_document(line, limit_bytes, 0 if number else dropped_bytes) for number, line in enumerate(lines)]
            dropped_bytes = 0
        if len(rest) > limit_bytes + 1:
            # The last byte may be the carriage return of a line end that hasn't arrived yet.
            rest, dropped_bytes = rest[-1:], dropped_bytes + len(rest) - 1
    if rest:
        yield [_document(rest, limit_bytes, dropped_bytes)]


def _document(line: bytes, limit_bytes: int, dropped_bytes: int) -> Document:
    line = line.removesuffix(b"\r")
    size_bytes = dropped_bytes + len(line)
    if size_bytes > limit_bytes:
        return text_too_large(size_bytes, limit_bytes)
    return line.decode("utf-8", "surrogateescape")


def _json_writer(out: TextIO) -> Writer:
    encoding = out.encoding or "utf-8"

    def write(_: Document, outcome: Outcome) -> None:
        error = outcome.error
        members = {
            "tokens": None if outcome.tokens is None else [token.as_dict() for token in outcome.tokens],
            "error": None if error is None else {"code": error.code, "message": error.message},
        }
        line = json.dumps(members, ensure_ascii=False)
        try:
            line.encode(encoding)
        except UnicodeEncodeError:
            line = json.dumps(members)  # escapes say the same in any encoding
        out.write(line + "\n")

    return write


def _table_writer(out: TextIO, fields: Sequence[str]) -> Writer:
    from rich.console import Console  # noqa: PLC0415  (--json does without)
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    encoding = out.encoding or "utf-8"
    console = Console(file=out, width=None if out.isatty() else _PIPED_WIDTH, highlight=False)
    columns = _columns(fields)

    def show(outcome: Outcome) -> Any:
        if outcome.error is not None:
            return Text(f"{outcome.error.code}: {outcome.error.message}", style="red")
        if not outcome.tokens:
            return Text("no tokens", style="dim")
        table = Table(show_edge=False, pad_edge=False)
        for heading, _ in columns:
            table.add_column(Text(heading), overflow="fold")
        for token in outcome.tokens:
            values = token.as_dict()
            table.add_row(*(Text(visible(cell(values))) for _, cell in columns))
        return table

    def write(document: Document, outcome: Outcome) -> None:
        with console.capture() as captured:
            if isinstance(document, str):
                console.print(Text(visible(document), style="bold", overflow="ellipsis", no_wrap=True))
            console.print(show(outcome), end="\n\n")
        out.write(captured.get().encode(encoding, "backslashreplace").decode(encoding))

    return write


def _columns(fields: Sequence[str]) -> list[tuple[str, Callable[[dict[str, Any]], str]]]:
    """Return heading and cell of each column; start and end share one, because people read them together."""

    def cell(name: str) -> Callable[[dict[str, Any]], str]:
        return lambda values: _shown(values[name])

    spans = {"start", "end"} <= set(fields)
    columns = [(name, cell(name)) for name in fields if not (spans and name in {"start", "end"})]
    if spans:
        position = sum(name != "end" for name in fields[: fields.index("start")])
        columns.insert(position, ("start-end", lambda values: f"{values['start']}-{values['end']}"))
    return columns


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return "" if value is None else str(value)


def visible(text: str) -> str:
    """Return the text as a terminal can show it in line, with escapes for what the terminal would obey or hide."""
    text = text.translate(_FINALS)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _fields(value: str) -> tuple[str, ...]:
    try:
        return check_fields(name.strip() for name in value.split(","))
    except UnknownField as error:
        raise argparse.ArgumentTypeError(error.message) from error
