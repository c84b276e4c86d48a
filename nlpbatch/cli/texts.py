"""Sends texts from the command line or standard input to the service, and writes their outcomes."""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from nlpbatch.errors import ConfigError
from nlpbatch.wire.cutting import cut_by_bytes
from nlpbatch.wire.limits import KIB, SizeLimits
from nlpbatch.wire.options import DEFAULT_ANALYZER, Operation
from nlpbatch.wire.outcome import DocumentError, Outcome, text_too_large

if TYPE_CHECKING:
    import io

    from nlpbatch.client.sync import Client

_REQUEST_BYTES = 64 * KIB
"""Text of one request: enough to keep the service busy, little enough to see the first answer soon."""
_PATIENCE_TYPED_S = 10.0  # a person is waiting
PATIENCE_PIPED_S = 300.0

Document = str | DocumentError
"""A text, or why it needn't be sent."""
Writer = Callable[[Document, Outcome], None]
Parse = Callable[[str], Any]
"""Returns the document in a text, or a DocumentError."""


def _as_it_is(text: str) -> str:
    return text


def add_service_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of every command that calls the service."""
    parser.add_argument(
        "--service", metavar="URL,…", help="address of the proxy, or several; else from NLPBATCH_SERVICE"
    )
    parser.add_argument("--api-key", metavar="KEY", help="better in NLPBATCH_API_KEY: other users see arguments")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of every command on texts."""
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="a document; without any, standard input is read")
    add_service_arguments(parser)
    parser.add_argument("--analyzer", metavar="NAME", default=DEFAULT_ANALYZER, help="default: %(default)s")
    parser.add_argument(
        "--json", action="store_true", help="a JSON object per document, with its error, in the order of input"
    )
    parser.add_argument(
        "--patience",
        metavar="SECONDS",
        type=float,
        help=f"seconds for retries; default: {_PATIENCE_TYPED_S:g}, for standard input {PATIENCE_PIPED_S:g}",
    )


def ask(
    arguments: argparse.Namespace,
    operation: Operation,
    given: Mapping[str, Any],
    write: Writer,
    parse: Parse = _as_it_is,
) -> int:
    """Perform an operation on the texts and write their outcomes; return 1 if a document has an error.

    `parse` makes a document of a text, or returns its error.

    Raises:
        NlpbatchError: The service gave no answer, or refused.

    """
    documents, errors = 0, Counter[str]()
    with connect(arguments, _patience_s(arguments)) as client:
        for answered in _answers(client, arguments, operation, given, parse):
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


def _patience_s(arguments: argparse.Namespace) -> float:
    if arguments.patience is not None:
        return float(arguments.patience)
    return _PATIENCE_TYPED_S if arguments.texts else PATIENCE_PIPED_S


def connect(arguments: argparse.Namespace, patience_s: float = _PATIENCE_TYPED_S) -> "Client":
    """Return a client of the service that the arguments or the environment name.

    Raises:
        ConfigError: They name none.

    """
    from nlpbatch.client.policy import RetryPolicy  # noqa: PLC0415  (other subcommands do without)
    from nlpbatch.client.sync import Client  # noqa: PLC0415

    return Client(
        service_of(arguments),
        api_key=arguments.api_key or os.environ.get("NLPBATCH_API_KEY") or None,
        retry=RetryPolicy(patience_s=patience_s),
    )


def service_of(arguments: argparse.Namespace) -> str:
    """Return the address of the service that the arguments or the environment name.

    Raises:
        ConfigError: They name none.

    """
    service = arguments.service or os.environ.get("NLPBATCH_SERVICE")
    if not service:
        raise ConfigError(
            "no service to ask: add --service http://HOST:PORT or set NLPBATCH_SERVICE "
            "(`nlpbatch up` starts one on this machine and prints its address)",
            option="--service",
        )
    return str(service)


def _answers(
    client: "Client", arguments: argparse.Namespace, operation: Operation, given: Mapping[str, Any], parse: Parse
) -> Iterator[list[tuple[Document, Outcome]]]:
    """Yield the documents of each request with their outcomes, in order; all from one version of the analyzer."""
    fingerprint = None
    perform = getattr(client, operation)
    for documents in _requests(client, arguments.texts):
        parsed = [parse(document) if isinstance(document, str) else document for document in documents]
        sent = [one for one in parsed if not isinstance(one, DocumentError)]
        outcomes: Iterator[Outcome] = iter(())
        if sent:
            analysis = perform(sent, analyzer=arguments.analyzer, if_match=fingerprint, **given)
            fingerprint, outcomes = analysis.fingerprint, iter(analysis)
        yield [
            (document, Outcome(None, one) if isinstance(one, DocumentError) else next(outcomes))
            for document, one in zip(documents, parsed, strict=True)
        ]


def _requests(client: "Client", texts: Sequence[str]) -> Iterator[Sequence[Document]]:
    """Yield the documents of each request."""
    limits = SizeLimits() if texts else client.analyzers().limits
    for documents in [texts] if texts else read_lines(standard_input(), limits.text_bytes):
        lengths = [len(document.encode(errors="replace")) if isinstance(document, str) else 0 for document in documents]
        for start, end in cut_by_bytes(lengths, most_bytes=_REQUEST_BYTES, most_documents=limits.documents):
            yield documents[start:end]


def standard_input() -> "io.BufferedIOBase":
    """Return standard input in bytes, after a hint to a person who would have to type it.

    Raises:
        ConfigError: It is closed.

    """
    if sys.stdin is None:
        raise ConfigError("standard input is closed: give texts as arguments, or open it")
    if sys.stdin.isatty():
        print("type one text per line; Ctrl-D ends", file=sys.stderr)
    return cast("io.BufferedIOBase", sys.stdin.buffer)


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
