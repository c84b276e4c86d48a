"""The API's endpoints: read a request, have it analysed, write the answer in the encoding that was requested."""

import hashlib
import json
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import pyarrow as pa
from aiohttp import web

from nlpbatch.engine import documents
from nlpbatch.engine.answer import PoolAnswer
from nlpbatch.engine.job import Encoding
from nlpbatch.errors import (
    FingerprintMismatch,
    InvalidRequest,
    NotAcceptable,
    RequestTooLarge,
    UnsupportedMediaType,
)
from nlpbatch.server.analyzers import Analyzers
from nlpbatch.server.metrics import ServerMetrics
from nlpbatch.server.outcome_cache.cache import CacheQuestion, OutcomeCache, Served
from nlpbatch.server.shared_answers import EncodedAnswer, SharedAnswers
from nlpbatch.serving.problems import LOG_KEY
from nlpbatch.serving.query import read_query
from nlpbatch.serving.reading import wide_reads
from nlpbatch.serving.tracing import add_past_step, current_span
from nlpbatch.wire import media
from nlpbatch.wire.analyze import parse_request
from nlpbatch.wire.analyzer import AnalyzerInfo
from nlpbatch.wire.arrow import join_answer
from nlpbatch.wire.limits import SizeLimits
from nlpbatch.wire.options import OPERATIONS, Operation, Options
from nlpbatch.wire.options.offered import resolve, spans_refused
from nlpbatch.wire.outcome import TRANSIENT_CODES
from nlpbatch.wire.priority import is_batch
from nlpbatch.wire.tags import KIWI

_CHOOSING_HEADERS: Final = (media.IDEMPOTENCY_KEY, "Content-Type", "Content-Encoding", "Accept", "If-Match")
_TRACED_WORKERS: Final = 64


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """A request, whichever encoding it came in: `documents: binary[n]`."""

    documents: pa.Array
    options: Options


class Routes:
    """The handlers of `/v1/*`."""

    def __init__(
        self,
        analyzers: Analyzers,
        limits: SizeLimits,
        metrics: ServerMetrics,
        shared: SharedAnswers,
        cache: OutcomeCache,
    ) -> None:
        self._analyzers = analyzers
        self._shared = shared
        self._cache = cache
        self._limits = limits
        self._metrics = metrics

    def add_to(self, app: web.Application) -> None:
        """Add the endpoints."""
        for operation in OPERATIONS:
            app.router.add_post(media.OPERATION_PATHS[operation], partial(self.answer, operation))
        app.router.add_get(media.ANALYZERS_PATH, self.analyzers)
        app.router.add_get(media.QUARANTINE_PATH, self.quarantine)
        app.router.add_delete(media.QUARANTINE_PATH, self.release)

    async def analyzers(self, _: web.Request) -> web.Response:
        """Answer `GET /v1/analyzers`."""
        return web.json_response(self._analyzers.catalogue().to_json())

    async def quarantine(self, _: web.Request) -> web.Response:
        """Answer `GET /quarantine`: the texts that are refused, by hash, and the options."""
        members = {"documents": self._analyzers.quarantine(), "questions": self._analyzers.questions()}
        return web.json_response(members)

    async def release(self, _: web.Request) -> web.Response:
        """Answer `DELETE /quarantine`: give all of them another chance."""
        self._analyzers.release()
        return web.Response(status=204)

    async def answer(self, operation: Operation, request: web.Request) -> web.Response:
        """Answer `POST /v1/analyze` and the other operations, in JSON or Arrow."""
        analyse = partial(self._analyse, operation, request)
        if media.IDEMPOTENCY_KEY not in request.headers or not is_batch(request.headers.get(media.PRIORITY)):
            return (await analyse()).to_response()
        shared = await self._shared.share(_identity(request, await _body(request)), analyse)
        response = shared.answer.to_response()
        if shared.joined:
            self._metrics.joined()
            request[LOG_KEY] = {"joined": True}
        if shared.given_before:
            response.headers[media.IDEMPOTENCY_REPLAYED] = "true"
        return response

    async def _analyse(self, operation: Operation, request: web.Request) -> EncodedAnswer:
        encoding = _answer_encoding(request)
        parsed = await _read(request, operation)
        self._check_size(parsed)
        pinned = media.pinned_to(request.headers.getall("If-Match", ()))
        version = self._analyzers.get(parsed.options.analyzer, pinned)
        info = version.info
        _check_pinned(pinned, info)
        parsed = replace(parsed, options=resolve(parsed.options, info))
        if operation == "analyze" and info.tagset != KIWI and documents.have_spans(parsed.documents):
            raise spans_refused(info)
        urgent = not is_batch(request.headers.get(media.PRIORITY))
        question = CacheQuestion(info.fingerprint, encoding, parsed.options, urgent=urgent)
        asked_at_s = time.time()
        served = await self._cache.analyze(version.pool, parsed.documents, question)
        count, answer = len(parsed.documents), served.answer
        self._metrics.answered(info.name, count, answer, cached=served.cached)
        request[LOG_KEY] = {"documents": count, "cached": served.cached, "analysis_s": round(answer.analysis_s, 4)}
        _trace(asked_at_s, answer)
        return _answer(encoding, parsed, info, served)

    def _check_size(self, parsed: ParsedRequest) -> None:
        count, limit = len(parsed.documents), self._limits.documents
        if count > limit:
            raise RequestTooLarge(
                f"the request has {count:,} documents, the limit is {limit:,}: send fewer at a time, "
                "or raise limits.documents of the service",
                limit=limit,
            )


def _identity(request: web.Request, body: bytes) -> bytes:
    """Return a hash of the Idempotency-Key and all that decides about the answer."""
    chosen = (value for name in _CHOOSING_HEADERS for value in (name, *request.headers.getall(name, ())))
    hashed = hashlib.sha256("\n".join((request.raw_path, *chosen, "")).encode("utf-8", "surrogateescape"))
    hashed.update(body)
    return hashed.digest()


def _answer_encoding(request: web.Request) -> Encoding:
    """Return the encoding of the answer: that of Accept, else that of the request."""
    accepted = [media.media_type(part) for part in request.headers.get("Accept", "*/*").split(",")]
    if media.ARROW_STREAM in accepted:
        return "arrow"
    if "*/*" in accepted or "application/*" in accepted:
        return "arrow" if request.content_type == media.ARROW_STREAM else "json"
    if media.JSON in accepted:
        return "json"
    raise NotAcceptable(f"Accept names none of this service's types: send {media.JSON} or {media.ARROW_STREAM}")


async def _read(request: web.Request, operation: Operation) -> ParsedRequest:
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("the body is compressed: send it as it is, its size is the cost of the request")
    content_type = request.content_type if "Content-Type" in request.headers else media.JSON
    if content_type == media.ARROW_STREAM:
        options = Options.from_query(read_query(request), operation)
        return ParsedRequest(documents.from_stream(await _body(request), operation), options)
    if content_type != media.JSON:
        raise UnsupportedMediaType(
            f"Content-Type {content_type[:80]} is not supported: send {media.JSON} or {media.ARROW_STREAM}"
        )
    if request.query_string:
        raise InvalidRequest("a JSON request carries its options in the body: leave the query out", path="?")
    parsed = parse_request(await _body(request), operation)
    return ParsedRequest(documents.from_json(operation, parsed.documents, parsed.extra), parsed.options)


async def _body(request: web.Request) -> bytes:
    with wide_reads(request):
        return await request.read()


def _check_pinned(pinned: frozenset[str], info: AnalyzerInfo) -> None:
    if not pinned or info.fingerprint in pinned:
        return
    raise FingerprintMismatch(
        f"analyzer {info.name!r} has fingerprint {info.fingerprint}, not the one that If-Match names: "
        "start a new run, or bring the old version back",
        fingerprint=info.fingerprint,
    )


def _trace(asked_at_s: float, answer: PoolAnswer) -> None:
    """Add spans of what a request waited for and of its workers, the first of them if they are many."""
    span = current_span()
    if span is None:
        return
    add_past_step(span, "queue", asked_at_s, answer.queue_s)
    for worker in answer.workers[:_TRACED_WORKERS]:
        add_past_step(span, "worker", worker.began_at_s, worker.seconds, pid=worker.pid)


def _transient(answer: PoolAnswer) -> dict[str, str]:
    """Return the header with which the proxy doesn't replay an answer whose errors a retry may avoid."""
    return {} if TRANSIENT_CODES.isdisjoint(answer.errors) else {"Cache-Control": "no-store"}


def _answer(encoding: Encoding, parsed: ParsedRequest, info: AnalyzerInfo, served: Served) -> EncodedAnswer:
    answer = served.answer
    names = {"analyzer": info.name, "fingerprint": info.fingerprint}
    if encoding == "arrow":
        body = join_answer(answer.bodies, options=parsed.options, **names)
    else:
        head = json.dumps(names, separators=(",", ":")).encode().removesuffix(b"}")
        body = b"".join((head, b',"outcomes":[', b",".join(answer.bodies), b"]}"))
    timing = f"queue;dur={answer.queue_s * 1000:.2f}, analysis;dur={answer.analysis_s * 1000:.2f}"
    headers = {
        "ETag": media.etag(info.fingerprint),
        media.SERVER_TIMING: timing,
        media.DOCUMENTS: str(len(parsed.documents)),
        media.ANALYZER: info.name,
        media.CACHED: str(served.cached),
    } | _transient(answer)
    return EncodedAnswer(body, media.ARROW_STREAM if encoding == "arrow" else media.JSON, headers)
