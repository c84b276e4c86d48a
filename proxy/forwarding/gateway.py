"""One request's way: who asks, what it costs, may it come in, read the body, have it answered, record."""

import asyncio
import re
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Final

from aiohttp import HttpVersion11, web
from multidict import CIMultiDict

from nlpbatch.errors import (
    BodyTimeout,
    InvalidRequest,
    LengthRequired,
    NlpbatchError,
    RequestTooLarge,
    Unauthenticated,
    UnsupportedMediaType,
)
from nlpbatch.serving.problems import LOG_KEY
from nlpbatch.serving.reading import hold_body, wide_reads
from nlpbatch.wire.media import IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, JOB, PREFER, PRIORITY, pinned_to
from nlpbatch.wire.priority import is_batch
from nlpbatch.wire.problem import status_of
from proxy.config import LimitSettings
from proxy.forwarding.answer_cache import idempotency_key
from proxy.forwarding.delivery import Delivery
from proxy.forwarding.gate import Gate
from proxy.forwarding.response_headers import ASK_KEY, LEASE_KEY, wanted_wait_s
from proxy.forwarding.single_flight import Flight, Flights, Perform
from proxy.live import Live
from proxy.metrics import UNKNOWN_TENANT, Metrics
from proxy.traffic.balancer import Backend
from proxy.traffic.lease import Ask, Request
from proxy.traffic.ticket import ClassName
from proxy.upstream.client import Upstream
from proxy.upstream.messages import Answer, Question, check_target, question_headers
from proxy.usage import HUNG_UP, UsageCounter

_JOB = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_GET_COST_BYTES: Final = 1024
"""What a request without a body costs: little, but not nothing."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a gateway is made of."""

    gate: Gate
    upstream: Upstream
    delivery: Delivery
    flights: Flights
    metrics: Metrics
    usage: UsageCounter


class Gateway:
    """The handler of everything under `/v1/` that is passed on.

    Args:
        live: Says which keys there are, what their tenants may claim, and how large a body may be.
        parts: What does the work.

    """

    def __init__(self, live: Live, parts: Parts) -> None:
        self._live = live
        self._parts = parts

    @property
    def _limits(self) -> LimitSettings:
        return self._live.settings.limits

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Return the backend's answer, or raise why there is none."""
        tenant, status, size_bytes = UNKNOWN_TENANT, 500, 0
        try:
            tenant, key_id = self.authenticate(request)
            response = await self._pass(request, tenant, key_id)
            status, size_bytes = response.status, _size_bytes(response)
        except NlpbatchError as error:
            status = status_of(error)
            raise
        except (asyncio.CancelledError, ConnectionError):
            status = HUNG_UP
            raise
        finally:
            self._parts.metrics.answered(tenant, status, size_bytes)
            if ASK_KEY in request:
                self._parts.usage.ended(tenant, request[ASK_KEY].job, status)
        return response

    def authenticate(self, request: web.Request) -> tuple[str, str]:
        """Return the tenant and the id of the key that a request comes with.

        Raises:
            Unauthenticated: No key, or none that this proxy knows.

        """
        found = self._live.now.keys.find(request.headers.get("Authorization"))
        if found is None:
            raise Unauthenticated(
                "no API key that this proxy knows: send Authorization: Bearer KEY, with a key from its operator"
            )
        return found

    async def _pass(self, request: web.Request, tenant: str, key_id: str) -> web.StreamResponse:
        check_target(request)
        ask = request[ASK_KEY] = self._ask(request, tenant, key_id)
        headers = question_headers(request)
        request[LOG_KEY] = {"tenant": tenant, "job": ask.job, "class": ask.class_name, "bytes": ask.cost_bytes}
        name = idempotency_key(request.headers.getall(IDEMPOTENCY_KEY, ()))
        if name is not None and self._parts.flights.knows(tenant, name):
            # Kept, or on its way: it needs no place, unless that comes to nothing.
            return await self._share(request, await self._read(request, headers), name, None)
        lease = await self._enter(request)
        try:
            question = await self._read(request, headers)
        except BaseException:
            self._parts.delivery.abandon(lease)
            raise
        if name is None:
            return await self._stream(request, question, lease)
        return await self._share(request, question, name, lease)

    async def _stream(self, request: web.Request, question: Question, lease: Request) -> web.StreamResponse:
        """Answer a request that nobody else asks."""

        async def attempt(backend: Backend) -> web.StreamResponse:
            request[LOG_KEY] |= {"backend": backend.url}
            response = await self._parts.upstream.pass_back(backend, question, request)
            self._count(request[ASK_KEY], question, response.status)
            return response

        return await self._parts.delivery.deliver(lease, question.digest().hex(), attempt)

    async def _share(
        self, request: web.Request, question: Question, name: str, lease: Request | None
    ) -> web.StreamResponse:
        """Answer a request that may come again, or that another is asking already."""
        parts, tenant = self._parts, request[ASK_KEY].tenant
        if lease is not None and parts.flights.knows(tenant, name):
            parts.delivery.abandon(lease)
        try:
            perform = self._perform(request, question, name, lease)
            answer, replayed = await parts.flights.share(tenant, name, question.digest(), perform)
        except asyncio.CancelledError:
            # Before it was used: the flight, if it goes on without its caller, takes another place.
            if lease is not None and not lease.used:
                parts.delivery.abandon(lease)
            raise
        response = answer.to_response()
        if replayed:
            response.headers[IDEMPOTENCY_REPLAYED] = "true"
            request[LOG_KEY] |= {"replayed": True}
            parts.metrics.replayed(tenant)
            parts.usage.replayed(tenant, request[ASK_KEY].job, len(question.body))
        return response

    def _perform(self, request: web.Request, question: Question, name: str, lease: Request | None) -> Perform:
        async def attempt(backend: Backend) -> Answer:
            request[LOG_KEY] |= {"backend": backend.url}
            answer = await self._parts.upstream.ask(backend, question)
            self._count(request[ASK_KEY], question, answer.status)
            return answer

        async def perform(flight: Flight) -> Answer:
            place = lease if lease is not None and lease.backend is not None else await self._enter(request)
            flight.sent()
            return await self._parts.delivery.deliver(place, name, attempt)

        return perform

    def _count(self, ask: Ask, question: Question, status: int) -> None:
        """Count what a backend did, whether or not anybody still waits for it."""
        if status < HTTPStatus.MULTIPLE_CHOICES:
            self._parts.usage.analysed(ask.tenant, ask.job, len(question.body))

    async def _enter(self, request: web.Request) -> Request:
        ask = request[ASK_KEY]
        lease = request[LEASE_KEY] = await self._parts.gate.enter(ask, partial(hold_body, request))
        waited_s = lease.sent_s - lease.arrived_s
        self._parts.metrics.passed(ask.tenant, ask.class_name, waited_s, ask.cost_bytes)
        request[LOG_KEY] |= {"queue_s": round(waited_s, 4)}
        return lease

    async def _read(self, request: web.Request, headers: CIMultiDict[str]) -> Question:
        """Return the question with its body; a slow sender mustn't hold its place for long."""
        try:
            if request.content.is_eof():  # it has come already
                body = await request.read()
            else:
                body = await self._receive(request)
        except TimeoutError:
            raise BodyTimeout(
                f"the body's {request.content_length:,} bytes did not arrive within {self._limits.body_timeout_s:g} s: "
                "send it faster, or fewer documents at a time"
            ) from None
        return Question(request.method, request.rel_url.raw_path_qs, headers, body)

    async def _receive(self, request: web.Request) -> bytes:
        async with asyncio.timeout(self._limits.body_timeout_s):
            await _ask_for_body(request)
            with wide_reads(request):
                return await request.read()

    def _ask(self, request: web.Request, tenant: str, key_id: str) -> Ask:
        job, cost_bytes = _job(request), self._cost_bytes(request)
        class_name = _class_name(request, self._live.now.classes[tenant])
        # Who has no Idempotency-Key is known by what can be seen of it.
        named = request.headers.get(IDEMPOTENCY_KEY)
        who = (tenant, named) if named is not None else (key_id, job, class_name, cost_bytes)
        wait_s, pin = wanted_wait_s(request.headers.get(PREFER)), pinned_to(request.headers.getall("If-Match", ()))
        return Ask(tenant, key_id, job, class_name, cost_bytes, who, wait_s, pin)

    def _cost_bytes(self, request: web.Request) -> int:
        """Return the body's declared bytes: known before it is read, and what will be read at most."""
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise UnsupportedMediaType("the body is compressed: send it as it is, requests are admitted by their size")
        if request.content_length is None:
            if request.headers.get("Transfer-Encoding"):
                raise LengthRequired("the body has no Content-Length: send it, requests are admitted by their size")
            return _GET_COST_BYTES
        if request.content_length > self._limits.body_bytes:
            raise RequestTooLarge(
                f"the body has {request.content_length:,} bytes, the limit is {self._limits.body_bytes:,}: "
                "send fewer documents at a time",
                limit=self._limits.body_bytes,
            )
        return max(request.content_length, _GET_COST_BYTES)


async def expect(_: web.Request) -> None:
    """Leave `Expect: 100-continue` unanswered: the body is asked for when the request has its place, see `_read`."""


async def _ask_for_body(request: web.Request) -> None:
    if request.version >= HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun


def _size_bytes(response: web.StreamResponse) -> int:
    # A streamed answer may not tell its length; then its bytes on the wire are near enough.
    return response.body_length if response.content_length is None else response.content_length


def _class_name(request: web.Request, may_claim: frozenset[ClassName]) -> ClassName:
    """Return what the request claims to be; the other class if its tenant may not claim that."""
    claimed: ClassName = "batch" if is_batch(request.headers.get(PRIORITY)) else "interactive"
    return claimed if claimed in may_claim else next(iter(may_claim))


def _job(request: web.Request) -> str:
    job = request.headers.get(JOB, "")
    if job and not _JOB.fullmatch(job):
        raise InvalidRequest(f"{JOB} is not a name of 1 to 128 letters, digits and ._:-: rename the job", path=JOB)
    return job
