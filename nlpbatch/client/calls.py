"""The calls that both clients make: what each sends, and how its answer is read. Nothing here does I/O."""

import hashlib
import json
import math
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlencode

from nlpbatch.client.address import parse_address
from nlpbatch.errors import (
    ConfigError,
    FingerprintMismatch,
    InvalidRequest,
    NlpbatchError,
    UnexpectedAnswer,
)
from nlpbatch.wire import media
from nlpbatch.wire.advice import Advice
from nlpbatch.wire.analyze import JsonRequest, parse_answer
from nlpbatch.wire.analyzer import Catalogue
from nlpbatch.wire.caller_limits import CallerLimits
from nlpbatch.wire.options import DOCUMENT_MEMBERS, Operation, Options
from nlpbatch.wire.outcome import Analysis
from nlpbatch.wire.problem import from_answer
from nlpbatch.wire.usage import Usage

if TYPE_CHECKING:
    import pyarrow as pa

Answered = TypeVar("Answered")
_PRIORITY = re.compile(r"u=[0-7](, ?i(=\?[01])?)?")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One logical request as every attempt sends it; `target` is its path and query."""

    service: str
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None

    @property
    def request_id(self) -> str:
        """Return the id that all attempts have in common."""
        return self.headers[media.REQUEST_ID]


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A complete answer; `headers` are case-insensitive."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Call(Generic[Answered]):
    """A request and the reading of its answer, which raises what the answer stands for if it is no success."""

    request: HttpRequest
    read: Callable[[HttpAnswer], Answered]


@dataclass(frozen=True, slots=True)
class Trace:
    """What one request took that was answered.

    Args:
        request_id: Under which the service has it in its logs.
        attempts: How often it was sent.
        replayed: Whether the answer had been kept from an earlier request that asked the same.
        body_bytes: What was sent each time.

    """

    request_id: str
    attempts: int
    replayed: bool
    body_bytes: int


class Calls:
    """Makes the calls of one client.

    Raises:
        ConfigError: The address, the key, the job or the priority can't be sent.

    """

    def __init__(self, service: str, *, api_key: str | None, job: str | None, priority: str | None) -> None:
        self.address = parse_address(service)
        # Answers are compressed inside the Arrow stream, if at all.
        self._headers = {"Accept-Encoding": "identity", "User-Agent": "nlpbatch"}
        if api_key is not None:
            self._headers["Authorization"] = f"Bearer {_header_value('api_key', api_key, secret=True)}"
        if job is not None:
            self._headers[media.JOB] = _header_value("job", job)
        if priority is not None:
            self._headers[media.PRIORITY] = _priority(priority)

    def ask(
        self,
        documents: tuple[Any, ...],
        options: Options,
        if_match: str | None,
        extra: tuple[Any, ...] | None = None,
    ) -> Call[Analysis]:
        """Return the call that asks for an operation on documents in JSON, with what belongs to each of them.

        See `nlpbatch.wire.documents`; neither is checked here.
        """
        body = JsonRequest(documents, options, extra).to_json()
        request = self._request(media.OPERATION_PATHS[options.operation], media.JSON, body, if_match)

        def read(answer: HttpAnswer) -> Analysis:
            content = _success(request, answer)
            analysis = parse_answer(content, documents=len(documents), columns=options.columns)
            _check_pinned(if_match, analysis.fingerprint)
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
        """Return the call that asks for an operation on documents in Arrow streams; see `nlpbatch.wire.arrow`.

        Raises:
            InvalidRequest: Not an array of the operation's type, or an option can't be used.
            InvalidOption: The engine doesn't take the value of an option.
            UnknownField: A field that isn't offered.

        """
        from nlpbatch.wire.arrow import decode_answer, encode_request, fingerprint_of  # noqa: PLC0415 (see below)

        # Whoever sends JSON only has no need of pyarrow, which takes longer to import than all the rest.
        array = _documents_array(operation, documents)
        options = Options.checked(operation, given)
        path = f"{media.OPERATION_PATHS[operation]}?{urlencode(options.to_query())}"
        request = self._request(path, media.ARROW_STREAM, encode_request(array, operation, extra), if_match)

        def read(answer: HttpAnswer) -> "pa.Table":
            table = decode_answer(_success(request, answer), documents=len(array), options=options)
            _check_pinned(if_match, fingerprint_of(table))
            return table

        return Call(request, read)

    def analyzers(self) -> Call[Catalogue]:
        """Return the call that asks what the service offers."""
        return self._get(media.ANALYZERS_PATH, Catalogue.from_json, "list analyzers")

    def limits(self) -> Call[CallerLimits]:
        """Return the call that asks what the caller may send, and has waiting."""
        return self._get(media.LIMITS_PATH, CallerLimits.from_json, "tell a caller's limits")

    def usage(self, job: str) -> Call[Usage]:
        """Return the call that asks what the proxy has counted of a job."""
        return self._get(f"{media.USAGE_PATH}?{urlencode({'job': job})}", Usage.from_json, "tell a job's usage")

    def _get(self, path: str, parse: Callable[[Any], Answered], says: str) -> Call[Answered]:
        request = self._request(path, media.JSON, None, None)

        def read(answer: HttpAnswer) -> Answered:
            body = _success(request, answer)
            try:
                return parse(json.loads(body))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise UnexpectedAnswer(
                    f"{request.service} answered {len(body):,} bytes that don't {says}: "
                    "check that the address is an nlpbatch service"
                ) from error

        return Call(request, read)

    def _request(self, path: str, accept: str, body: bytes | None, if_match: str | None) -> HttpRequest:
        headers = self._headers | {"Accept": accept, media.REQUEST_ID: uuid.uuid4().hex}
        if if_match is not None:
            headers["If-Match"] = media.etag(_header_value("if_match", if_match))
        if body is not None:
            headers["Content-Type"] = accept
            headers[media.IDEMPOTENCY_KEY] = f'"{_idempotency_key(self.address.base_path + path, headers, body)}"'
        method = "GET" if body is None else "POST"
        return HttpRequest(self.address.url, method, self.address.base_path + path, headers, body)


def _idempotency_key(target: str, headers: Mapping[str, str], body: bytes) -> str:
    """Return what the same question has in common, if it is pinned: a Spark task that runs twice asks it twice.

    Without `If-Match` it is this request's alone, for the answer may be another one tomorrow.
    """
    if "If-Match" not in headers:
        return headers[media.REQUEST_ID]
    asked = "\n".join((target, headers["Accept"], headers["If-Match"], ""))
    return hashlib.sha256(asked.encode("ascii", "replace") + body).hexdigest()


def attempt_headers(request: HttpRequest, timeout_s: float) -> Mapping[str, str]:
    """Return the headers of one attempt, which say how long an answer is waited for."""
    return {**request.headers, media.PREFER: f"wait={math.ceil(timeout_s)}"}


def advise(on_advice: Callable[[Advice], None] | None, answer: HttpAnswer) -> None:
    """Hand on the advice that comes with an answer, if anybody wants it."""
    if on_advice is not None and (advice := Advice.from_header(answer.headers.get(media.ADVICE))) is not None:
        on_advice(advice)


def check_pool_size(pool_size: int) -> int:
    """Return the most requests in flight at once, checked to be one.

    Raises:
        ConfigError: Not a number from 1.

    """
    if not isinstance(pool_size, int) or pool_size < 1:
        raise ConfigError(f"pool_size is {pool_size!r}: give a whole number from 1", option="pool_size")
    return pool_size


def _documents_array(operation: Operation, documents: Any) -> Any:
    import pyarrow as pa  # noqa: PLC0415 (as above)

    name, *_ = DOCUMENT_MEMBERS[operation]
    wanted = "strings" if name == "texts" else "lists"
    if isinstance(documents, pa.ChunkedArray):
        documents = documents.combine_chunks()
    if not isinstance(documents, pa.Array):
        raise InvalidRequest(f"{name} is a {type(documents).__name__}: give a pyarrow array of {wanted}")
    if name == "texts":
        return _string_array(documents)
    if not (pa.types.is_list(documents.type) or pa.types.is_large_list(documents.type)):
        raise InvalidRequest(f"{name} is a pyarrow array of {documents.type}: give one of lists")
    return documents


def _string_array(texts: Any) -> Any:
    import pyarrow as pa  # noqa: PLC0415 (as above)

    if pa.types.is_string(texts.type):
        return texts
    if any(same(texts.type) for same in (pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)):
        return texts.cast(pa.string())
    raise InvalidRequest(f"texts is a pyarrow array of {texts.type}: give one of strings")


def _success(request: HttpRequest, answer: HttpAnswer) -> bytes:
    """Return the body of a 2xx answer of the type that was asked for; raise what any other answer stands for."""
    where = f"{request.method} {request.service}"
    if 300 <= answer.status < 400:  # noqa: PLR2004
        raise UnexpectedAnswer(
            f"{where} was answered with a redirect to {answer.headers.get('Location', 'nowhere')[:200]!r}, "
            "which is not followed: give the final address"
        )
    if not 200 <= answer.status < 300:  # noqa: PLR2004
        raise _refusal(answer)
    given = media.media_type(answer.headers.get("Content-Type"))
    if given != request.headers["Accept"]:
        raise UnexpectedAnswer(
            f"{where} was answered with {given[:80] or 'no media type'}, asked for {request.headers['Accept']}: "
            "check that the address is an nlpbatch service"
        )
    return answer.body


def _refusal(answer: HttpAnswer) -> NlpbatchError:
    return from_answer(answer.status, answer.headers, answer.body, now_s=time.time())


def _check_pinned(if_match: str | None, fingerprint: str) -> None:
    """Trust nobody in between to have kept If-Match: no output may mix two fingerprints."""
    if if_match is not None and fingerprint != if_match:
        raise FingerprintMismatch(
            f"the answer has fingerprint {fingerprint or 'none'}, asked for {if_match}: "
            "start a new run, or bring the old version back",
            fingerprint=fingerprint,
        )


def _header_value(name: str, value: Any, *, secret: bool = False) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{name} is a {type(value).__name__}: give a string", option=name)
    shown = "" if secret else f" {value[:80]!r}"
    if not value or not value.isascii() or not value.isprintable() or value != value.strip() or '"' in value:
        raise ConfigError(
            f"{name}{shown} can't stand in an HTTP header: give visible ASCII characters without quotes", option=name
        )
    return value


def _priority(value: Any) -> str:
    if not isinstance(value, str) or not _PRIORITY.fullmatch(value):
        raise ConfigError(
            f"priority is {str(value)[:80]!r}: give an urgency of RFC 9218 from 'u=0' (most) to 'u=7' (least)",
            option="priority",
        )
    return value
