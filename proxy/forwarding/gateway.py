"""The way of a request: authenticate, find its cost, admit it, read its body, have it answered, count it.

The body is read only when the request has a slot, so that a waiting request holds a socket and not memory.

Longer than most files here, because it has the whole way of a request in its order.
"""

import asyncio
import hashlib
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from aiohttp import HttpVersion11, web
from multidict import CIMultiDict, istr

from nlpbatch.errors import (
    BodyTimeout,
    InvalidRequest,
    LengthRequired,
    NlpbatchError,
    RequestTooLarge,
    TooManyFailedKeys,
    Unauthenticated,
    UnsupportedMediaType,
)
from nlpbatch.serving.failed_keys import FailedKeys
from nlpbatch.serving.problems import LOG_KEY
from nlpbatch.serving.reading import hold_body, read_all, wide_reads
from nlpbatch.serving.tracing import step
from nlpbatch.wire.media import IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, JOB, PREFER, PRIORITY, pinned_to
from nlpbatch.wire.priority import is_batch
from nlpbatch.wire.problem import STATUS_BY_ERROR, status_of
from proxy.config import LimitSettings
from proxy.forwarding.delivery import COUNTED_KEY, Delivery, WholeRequest
from proxy.forwarding.gate import Admission, Gate
from proxy.forwarding.peer_answers import PeerAnswers
from proxy.forwarding.request_record import CODE, record_of
from proxy.forwarding.response_headers import ARRIVAL_KEY, LEASE_KEY, wanted_wait_s
from proxy.forwarding.single_flight import Fetch, Flight, SingleFlight, idempotency_key
from proxy.ledger.ledger import HUNG_UP, Ledger
from proxy.live import Live
from proxy.metrics import UNKNOWN_TENANT, Metrics
from proxy.recent import Recent
from proxy.request_log import RequestLog
from proxy.shared.claims import Claim
from proxy.traffic.slots import Lease
from proxy.traffic.ticket import ANY_VERSION, Arrival, ClassName
from proxy.upstream.client import UpstreamRequest, UpstreamResponse, check_target, headers_for_backend
from proxy.upstream.peers import PeerQuestion

_JOB = re.compile(r"[A-Za-z0-9._:-]{1,128}")
# As istr, names needn't be folded for each look-up.
_IDEMPOTENCY_KEY, _PREFER, _PRIORITY, _JOB_NAME = map(istr, (IDEMPOTENCY_KEY, PREFER, PRIORITY, JOB))
_IF_MATCH, _CONTENT_ENCODING = istr("If-Match"), istr("Content-Encoding")
_GET_COST_BYTES: Final = 1024
"""What a request without a body costs: little, but not nothing."""


AskOthers = Callable[[Flight, Arrival], Awaitable[UpstreamResponse | Claim]]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a gateway is made of."""

    gate: Gate
    delivery: Delivery
    single_flight: SingleFlight
    metrics: Metrics
    ledger: Ledger
    recent: Recent
    peers: PeerAnswers | None = None
    """Without a fleet there are none."""
    request_log: RequestLog | None = None
    """None where no record of requests is wanted."""


class Gateway:
    """The handler of everything under `/v1/` that is passed on.

    Args:
        live: Says which keys there are, what their tenants may claim, and how large a body may be.
        parts: What does the work.

    """

    def __init__(self, live: Live, parts: Parts) -> None:
        self._live = live
        self._parts = parts
        self.failed_keys = FailedKeys()

    @property
    def _limits(self) -> LimitSettings:
        return self._live.now.settings.limits

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Return the backend's answer, or raise why there is none."""
        tenant, status, size_bytes, began_s = UNKNOWN_TENANT, 500, 0, time.monotonic()
        headers: Mapping[str, str] = {}
        refusal: NlpbatchError | None = None
        try:
            tenant, key_id = self.authenticate(request)
            response = await self._forward(request, tenant, key_id)
            status, size_bytes, headers = response.status, _size_bytes(response), response.headers
        except NlpbatchError as error:
            status, refusal = status_of(error), error
            if self._parts.request_log is not None:
                headers = {CODE: error.code}
            raise
        except (asyncio.CancelledError, ConnectionError):
            status = HUNG_UP
            raise
        finally:
            self._parts.metrics.answered(tenant, status, size_bytes)
            self._parts.recent.ended(tenant, request.get(ARRIVAL_KEY), request.get(LEASE_KEY), status, refusal)
            refusal = None  # else its traceback, which has this frame, would keep both
            if ARRIVAL_KEY in request and COUNTED_KEY not in request:
                self._parts.ledger.ended(request[ARRIVAL_KEY], status, request.content_length or 0)
            if self._parts.request_log is not None:
                self._parts.request_log.add(record_of(request, status, size_bytes, headers, time.monotonic() - began_s))
        return response

    def authenticate(self, request: web.Request) -> tuple[str, str]:
        """Return the tenant and the id of the key that a request comes with.

        Raises:
            Unauthenticated: No key, or none that is valid here; TooManyFailedKeys if that comes too often from there.

        """
        try:
            return self._live.authenticate(request.headers.get("Authorization"))
        except Unauthenticated as error:
            self._key_failed(request.remote or "")
            self._parts.metrics.key_failed(status_of(error))
            raise

    def _key_failed(self, address: str) -> None:
        """Count a failed key; raise if its address has to wait. Not on the way of requests with a valid one."""
        per_minute = self._limits.failed_keys_per_minute
        wait_s = self.failed_keys.fail(address, time.monotonic(), per_minute)
        if wait_s <= 0:
            return
        self._parts.metrics.key_failed(STATUS_BY_ERROR[TooManyFailedKeys])
        raise TooManyFailedKeys(
            f"over {per_minute:,} requests in a minute without a valid key from this address: correct the key; "
            "requests with a valid one are answered",
            retry_after_s=round(wait_s, 3),
        )

    async def _forward(self, request: web.Request, tenant: str, key_id: str) -> web.StreamResponse:
        check_target(request)
        arrival = request[ARRIVAL_KEY] = self._arrival(request, tenant, key_id)
        headers = headers_for_backend(request)
        request[LOG_KEY] = {
            "tenant": tenant,
            "job": arrival.job,
            "class": arrival.class_name,
            "bytes": arrival.cost_bytes,
        }
        key = idempotency_key(request.headers.getall(_IDEMPOTENCY_KEY, ()))
        if key is not None:
            # Backends share answers, too, and know no tenants.
            headers[_IDEMPOTENCY_KEY] = hashlib.sha256(f"{tenant}\0{key}".encode()).hexdigest()[:32]
            return await self._forward_once(request, headers, key)
        lease = await self._admit(request, arrival)
        with Admission(self._parts.gate, lease) as admission:
            call = WholeRequest(request, await self._read(request, headers), key)
            admission.take()  # the delivery releases it
        return await self._parts.delivery.stream(lease, call)

    async def _forward_once(self, request: web.Request, headers: CIMultiDict[str], key: str) -> web.StreamResponse:
        """Answer a request with an Idempotency-Key: it may come again, or another caller may have sent it already."""
        parts, arrival = self._parts, request[ARRIVAL_KEY]
        if parts.single_flight.knows(arrival.tenant, key):
            # Already cached or in flight: no slot needed unless that attempt fails.
            call = WholeRequest(request, await self._read(request, headers), key)
            return await self._share(call, key, Admission(parts.gate, None), None)
        if parts.peers is not None:
            return await self._forward_in_fleet(request, headers, key, parts.peers)
        with Admission(parts.gate, await self._admit(request, arrival)) as admission:
            call = WholeRequest(request, await self._read(request, headers), key)
            return await self._share(call, key, admission, None)

    async def _forward_in_fleet(
        self, request: web.Request, headers: CIMultiDict[str], key: str, peers: PeerAnswers
    ) -> web.StreamResponse:
        """Do the same in a fleet, where another proxy may have the request."""
        parts, tenant = self._parts, request[ARRIVAL_KEY].tenant
        with parts.single_flight.expecting(tenant, key) as expect_no_more:
            claim = await peers.claim(tenant, key)
            if claim.owner is None:
                _continue_at(claim, request)
                lease = await self._admit(request, request[ARRIVAL_KEY])
            else:
                expect_no_more()
                lease = None
            with Admission(parts.gate, lease) as admission:
                call = WholeRequest(request, await self._read(request, headers), key)
                return await self._share(call, key, admission, claim)

    async def _share(
        self, call: WholeRequest, key: str, admission: Admission, claim: Claim | None
    ) -> web.StreamResponse:
        parts, arrival = self._parts, call.request[ARRIVAL_KEY]
        if parts.single_flight.knows(arrival.tenant, key):
            admission.abandon()
            claim = None  # it may be another proxy's by the time that this attempt fails
        digest = call.sent.digest()
        if parts.peers is None:
            fetch: Fetch = partial(self._fetch, call, admission)
        else:
            ask_others = partial(parts.peers.fetch, PeerQuestion(arrival.tenant, key, digest), claim)
            fetch = partial(self._fetch_in_fleet, call, admission, ask_others)
        answer, replayed = await parts.single_flight.share(arrival.tenant, key, digest, fetch)
        response = answer.to_response()
        if replayed:
            response.headers[IDEMPOTENCY_REPLAYED] = "true"
            call.request[LOG_KEY]["replayed"] = True
            parts.metrics.replayed(arrival.tenant)
            parts.ledger.replayed(arrival, len(call.sent.body))
            call.request[COUNTED_KEY] = True
        return response

    async def _fetch(self, call: WholeRequest, admission: Admission, flight: Flight) -> UpstreamResponse:
        """Return the answer that all callers of a flight share.

        The first caller's slot is gone if that caller hung up before this began, or if another flight came to nothing.
        """
        lease = admission.take() or await self._admit(call.request, call.request[ARRIVAL_KEY])
        flight.sent()
        return await self._parts.delivery.fetch(lease, call)

    async def _fetch_in_fleet(
        self, call: WholeRequest, admission: Admission, ask_others: AskOthers, flight: Flight
    ) -> UpstreamResponse:
        """Return the same in a fleet, where another proxy may have it."""
        found = await ask_others(flight, call.request[ARRIVAL_KEY])
        if isinstance(found, UpstreamResponse):
            return found
        _continue_at(found, call.request)
        lease = admission.take() or await self._admit(call.request, call.request[ARRIVAL_KEY])
        flight.sent()
        if self._parts.peers is not None and call.key is not None:
            self._parts.peers.sent(lease.ticket.tenant, call.key, lease.backend.url)
        return await self._parts.delivery.fetch(lease, call)

    async def _admit(self, request: web.Request, arrival: Arrival) -> Lease:
        with step("queue"):
            lease = request[LEASE_KEY] = await self._parts.gate.enter(arrival, partial(hold_body, request))
        self._parts.metrics.passed(arrival.tenant, arrival.class_name, lease.waited_s, arrival.cost_bytes)
        request[LOG_KEY]["queue_s"] = round(lease.waited_s, 4)
        return lease

    async def _read(self, request: web.Request, headers: CIMultiDict[str]) -> UpstreamRequest:
        """Return the request with its body; a slow sender mustn't hold its slot for long."""
        try:
            if request.content.is_eof():  # it has arrived already
                body = await read_all(request.content)
            else:
                body = await self._receive(request)
        except TimeoutError:
            raise BodyTimeout(
                f"the body's {request.content_length:,} bytes did not arrive within {self._limits.body_timeout_s:g} s: "
                "send it faster, or fewer documents at a time"
            ) from None
        return UpstreamRequest(request.method, request.rel_url.raw_path_qs, headers, body)

    async def _receive(self, request: web.Request) -> bytes:
        async with asyncio.timeout(self._limits.body_timeout_s):
            await _ask_for_body(request)
            with wide_reads(request):
                return await read_all(request.content)

    def _arrival(self, request: web.Request, tenant: str, key_id: str) -> Arrival:
        job, cost_bytes, headers = _job(request), self._cost_bytes(request), request.headers
        class_name = _class_name(request, self._live.now.classes[tenant])
        # Without an Idempotency-Key, identify the caller by key, job, class and size.
        named = headers.get(_IDEMPOTENCY_KEY)
        identity = (tenant, named) if named is not None else (key_id, job, class_name, cost_bytes)
        wait_s = wanted_wait_s(headers[_PREFER]) if _PREFER in headers else None
        pin = pinned_to(headers.getall(_IF_MATCH)) if _IF_MATCH in headers else ANY_VERSION
        return Arrival(tenant, key_id, job, class_name, cost_bytes, identity, wait_s, pin)

    def _cost_bytes(self, request: web.Request) -> int:
        """Return the body's declared bytes: known before it is read, and what will be read at most."""
        if _CONTENT_ENCODING in request.headers and request.headers[_CONTENT_ENCODING].lower() != "identity":
            raise UnsupportedMediaType("the body is compressed: send it as it is, requests are admitted by their size")
        length = request.content_length
        if length is None:
            if request.headers.get("Transfer-Encoding"):
                raise LengthRequired("the body has no Content-Length: send it, requests are admitted by their size")
            return _GET_COST_BYTES
        if length > self._limits.body_bytes:
            raise RequestTooLarge(
                f"the body has {length:,} bytes, the limit is {self._limits.body_bytes:,}: "
                "send fewer documents at a time",
                limit=self._limits.body_bytes,
            )
        return max(length, _GET_COST_BYTES)


def _continue_at(claim: Claim | None, request: web.Request) -> None:
    """Let a request that is taken over go where it was sent before."""
    if claim is not None and claim.backend:
        request[ARRIVAL_KEY] = request[ARRIVAL_KEY]._replace(backend=claim.backend)


async def expect(_: web.Request) -> None:
    """Leave `Expect: 100-continue` unanswered: the body is asked for when the request has its slot, see `_receive`."""


async def _ask_for_body(request: web.Request) -> None:
    if request.version >= HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun


def _size_bytes(response: web.StreamResponse) -> int:
    # A streamed answer may not tell its length; then its bytes on the wire are near enough.
    return response.body_length if response.content_length is None else response.content_length


def _class_name(request: web.Request, may_claim: frozenset[ClassName]) -> ClassName:
    """Return what the request claims to be; the other class if its tenant may not claim that."""
    claimed: ClassName = "batch" if is_batch(request.headers.get(_PRIORITY)) else "interactive"
    return claimed if claimed in may_claim else next(iter(may_claim))


def _job(request: web.Request) -> str:
    job = request.headers.get(_JOB_NAME, "")
    if job and not _JOB.fullmatch(job):
        raise InvalidRequest(f"{JOB} is not a name of 1 to 128 letters, digits and ._:-: rename the job", path=JOB)
    return job
