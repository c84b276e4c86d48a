"""The calls that both clients make: the request of each, and how its answer is read. Nothing here does I/O."""

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlencode

from nlpbatch.client.answers import check_pinned, success_body
from nlpbatch.client.arrow_documents import documents_array
from nlpbatch.client.messages import Attempt, HttpAnswer, HttpRequest
from nlpbatch.client.settings import header_value, priority_value
from nlpbatch.errors import UnexpectedAnswer
from nlpbatch.wire import media
from nlpbatch.wire.analyze import JsonRequest, parse_answer
from nlpbatch.wire.analyzer import Catalogue
from nlpbatch.wire.caller_limits import CallerLimits
from nlpbatch.wire.options import Operation, Options
from nlpbatch.wire.outcome import Analysis
from nlpbatch.wire.usage import Usage

if TYPE_CHECKING:
    import pyarrow as pa

Answered = TypeVar("Answered")


@dataclass(frozen=True, slots=True)
class Call(Generic[Answered]):
    """A request and the function that reads its answer, or raises the error that the answer means."""

    request: HttpRequest
    read: Callable[[Attempt, HttpAnswer], Answered]


@dataclass(frozen=True, slots=True)
class Trace:
    """How one request was answered.

    Args:
        request_id: Its id in the logs of the service.
        attempts: Number of times that it was sent.
        replayed: Whether the answer was kept from an earlier, identical request.
        body_bytes: Bytes of its body, sent with each attempt.

    """

    request_id: str
    attempts: int
    replayed: bool
    body_bytes: int


class Calls:
    """Makes the calls of one client.

    Raises:
        ConfigError: The key, the job or the priority can't be sent.

    """

    def __init__(
        self,
        *,
        api_key: str | None,
        job: str | None,
        priority: str | None,
        traceparent: Callable[[], str | None] | None = None,
    ) -> None:
        self._traceparent = traceparent
        # Answers are compressed inside the Arrow stream, if at all.
        self._headers = {"Accept-Encoding": "identity", "User-Agent": "nlpbatch"}
        if api_key is not None:
            self._headers["Authorization"] = f"Bearer {header_value('api_key', api_key, secret=True)}"
        if job is not None:
            self._headers[media.JOB] = header_value("job", job)
        if priority is not None:
            self._headers[media.PRIORITY] = priority_value(priority)

    def ask(
        self,
        documents: tuple[Any, ...],
        options: Options,
        if_match: str | None,
        extra: tuple[Any, ...] | None = None,
    ) -> Call[Analysis]:
        """Return the call of an operation on documents in JSON, with the extra member of each.

        See `nlpbatch.wire.documents`; neither is checked here.
        """
        body = JsonRequest(documents, options, extra).to_json()
        request = self._request(media.OPERATION_PATHS[options.operation], media.JSON, body, if_match)

        def read(attempt: Attempt, answer: HttpAnswer) -> Analysis:
            content = success_body(attempt, answer)
            analysis = parse_answer(content, documents=len(documents), columns=options.columns)
            check_pinned(if_match, analysis.fingerprint)
            return analysis

        return Call(request, read)

    def ask_arrow(
        self,
        operation: Operation,
        documents: "pa.Array",
        if_match: str | None,
        given: Mapping[str, Any],
        extra: "pa.Array | None" = None,
    ) -> "Call[pa.Table]":
        """Return the call of an operation on documents in Arrow streams; see `nlpbatch.wire.arrow`.

        Raises:
            InvalidRequest: Not an array of the operation's type, or an option can't be used.
            InvalidOption: The engine doesn't take the value of an option.
            UnknownField: A field that isn't offered.

        """
        from nlpbatch.wire.arrow import decode_answer, encode_request, fingerprint_of  # noqa: PLC0415  (pyarrow)

        array = documents_array(operation, documents)
        options = Options.checked(operation, given)
        path = f"{media.OPERATION_PATHS[operation]}?{urlencode(options.to_query())}"
        request = self._request(path, media.ARROW_STREAM, encode_request(array, operation, extra), if_match)

        def read(attempt: Attempt, answer: HttpAnswer) -> "pa.Table":
            table = decode_answer(success_body(attempt, answer), documents=len(array), options=options)
            check_pinned(if_match, fingerprint_of(table))
            return table

        return Call(request, read)

    def analyzers(self) -> Call[Catalogue]:
        """Return the call for the catalogue of analyzers."""
        return self._get(media.ANALYZERS_PATH, Catalogue.from_json, "list analyzers")

    def limits(self) -> Call[CallerLimits]:
        """Return the call for the caller's limits, and its use of them."""
        return self._get(media.LIMITS_PATH, CallerLimits.from_json, "state a caller's limits")

    def usage(self, job: str) -> Call[Usage]:
        """Return the call for the proxy's counts of a job."""
        return self._get(f"{media.USAGE_PATH}?{urlencode({'job': job})}", Usage.from_json, "state a job's usage")

    def _get(self, path: str, parse: Callable[[Any], Answered], says: str) -> Call[Answered]:
        request = self._request(path, media.JSON, None, None)

        def read(attempt: Attempt, answer: HttpAnswer) -> Answered:
            body = success_body(attempt, answer)
            try:
                return parse(json.loads(body))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise UnexpectedAnswer(
                    f"{attempt.service} answered {len(body):,} bytes that don't {says}: "
                    "check that the address is an nlpbatch service"
                ) from error

        return Call(request, read)

    def _request(self, path: str, accept: str, body: bytes | None, if_match: str | None) -> HttpRequest:
        headers = self._headers | {"Accept": accept, media.REQUEST_ID: uuid.uuid4().hex}
        if if_match is not None:
            headers["If-Match"] = media.etag(header_value("if_match", if_match))
        traceparent = None if self._traceparent is None else self._traceparent()
        if traceparent is not None:
            headers[media.TRACEPARENT] = header_value("traceparent", traceparent)
        if body is not None:
            headers["Content-Type"] = accept
            headers[media.IDEMPOTENCY_KEY] = f'"{_idempotency_key(path, headers, body)}"'
        method = "GET" if body is None else "POST"
        return HttpRequest(method, path, headers, body)


def _idempotency_key(target: str, headers: Mapping[str, str], body: bytes) -> str:
    """Return the same key for identical requests if they are pinned: a Spark task that runs twice sends them twice.

    The address isn't part of it, so that a proxy may find the answer that another one has. Without `If-Match` the key
    is this request's alone, because the answer may change with the analyzer's version.
    """
    if "If-Match" not in headers:
        return headers[media.REQUEST_ID]
    asked = "\n".join((target, headers["Accept"], headers["If-Match"], ""))
    return hashlib.sha256(asked.encode("ascii", "replace") + body).hexdigest()
