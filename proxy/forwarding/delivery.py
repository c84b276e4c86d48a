"""Sends a request that has its slot to its backend, and to another one when the retry rules say so."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Final, Protocol, TypeVar

from aiohttp import web

from nlpbatch.errors import BackendFailed, NlpbatchError, NoCapacity, ServiceTimeout
from nlpbatch.serving.problems import LOG_KEY
from nlpbatch.serving.tracing import step
from nlpbatch.wire.media import DOCUMENTS, IDEMPOTENCY_REPLAYED
from proxy.forwarding.gate import Gate
from proxy.forwarding.response_headers import ARRIVAL_KEY
from proxy.ledger.ledger import Ledger
from proxy.traffic.retries import Failure, GiveUp, Retries, RetryBudget, Return
from proxy.traffic.slots import Backend, Lease
from proxy.upstream.client import BackendNotConnected, Upstream, UpstreamRequest, UpstreamResponse

_CHANGED: Final = "the version that If-Match names has no free slot at this moment: send again"


COUNTED_KEY = web.RequestKey("counted", bool)
"""Set when the ledger has counted how the request ended."""
_MAX_DIGITS: Final = 9


class _Answered(Protocol):
    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...


A = TypeVar("A", bound=_Answered)


class DeliveryObserver(Protocol):
    """Counts what happens at backends."""

    def upstream(self, backend: str, seconds: float) -> None:
        """Count the time a request was at a backend."""
        ...

    def retried(self, backend: str) -> None:
        """Count a request that was sent to another backend after this one failed it."""
        ...


@dataclass(frozen=True, slots=True)
class WholeRequest:
    """A caller's request with its whole body.

    Args:
        request: As it came from the caller.
        sent: As backends get it.
        key: Its Idempotency-Key; None without one.

    """

    request: web.Request
    sent: UpstreamRequest
    key: str | None

    @property
    def identity(self) -> str:
        """Return what recognises the request when it fails again."""
        return self.sent.digest().hex() if self.key is None else self.key


class Delivery:
    """Sends requests to backends.

    Args:
        gate: Holds the slots.
        budget: Bounds the retries of all requests.
        upstream: Calls backends.
        ledger: Counts what they analyse.
        observer: Counts what happens.

    """

    def __init__(
        self, gate: Gate, budget: RetryBudget, upstream: Upstream, ledger: Ledger, observer: DeliveryObserver
    ) -> None:
        self._gate = gate
        self._budget = budget
        self._upstream = upstream
        self._ledger = ledger
        self._observer = observer

    async def stream(self, lease: Lease, call: WholeRequest) -> web.StreamResponse:
        """Answer a call, a long answer as it comes, and release its slot.

        Raises:
            NlpbatchError: The last attempt's error.

        """

        def finishing(status: int, headers: Mapping[str, str]) -> None:
            if status < HTTPStatus.MULTIPLE_CHOICES:
                self._count(call, status, headers, answered=True)

        send = partial(self._upstream.stream, sent=call.sent, request=call.request, finishing=finishing)
        return await self._deliver(lease, call, send, answers=True)

    async def fetch(self, lease: Lease, call: WholeRequest) -> UpstreamResponse:
        """Return the whole answer to a call, and release its slot.

        Raises:
            NlpbatchError: The last attempt's error.

        """
        return await self._deliver(lease, call, partial(self._upstream.fetch, sent=call.sent), answers=False)

    async def _deliver(
        self, lease: Lease, call: WholeRequest, send: Callable[[Backend], Awaitable[A]], *, answers: bool
    ) -> A:
        """Return the answer; `answers` says whether it goes to the call's own caller, and to nobody else."""
        retries = self._gate.retries(lease, self._budget, call.identity)
        try:
            return await self._attempts(retries, call, send, answers=answers)
        finally:
            self._gate.pump()

    async def _attempts(
        self, retries: Retries, call: WholeRequest, send: Callable[[Backend], Awaitable[A]], *, answers: bool
    ) -> A:
        while True:
            backend = retries.backend
            try:
                with step("attempt", call.sent.headers, backend=backend.url) as span:
                    result = await self._attempt(backend, call, send, answers=answers)
                    outcome = _failure(result) if isinstance(result, NlpbatchError) else result.status
                    if span is not None:
                        span.note(outcome=outcome.name.lower() if isinstance(outcome, Failure) else outcome)
            except BaseException:
                retries.abandon(time.monotonic())
                raise
            following = retries.after(outcome, time.monotonic())
            if isinstance(following, GiveUp):
                raise NoCapacity(_CHANGED, retry_after_s=following.retry_after_s)
            if isinstance(following, Return):
                if isinstance(result, NlpbatchError):
                    raise result
                return result
            self._observer.retried(backend.url)
            self._gate.pump()

    async def _attempt(
        self, backend: Backend, call: WholeRequest, send: Callable[[Backend], Awaitable[A]], *, answers: bool
    ) -> A | BackendFailed | ServiceTimeout:
        started_s = time.monotonic()
        call.request[LOG_KEY]["backend"] = backend.url
        try:
            answer = await send(backend)
        except BackendNotConnected as error:  # nothing was sent
            return error
        except (BackendFailed, ServiceTimeout) as error:
            self._ledger.attempted(call.request[ARRIVAL_KEY])
            return error
        except BaseException:
            if COUNTED_KEY not in call.request:
                self._ledger.attempted(call.request[ARRIVAL_KEY])
            raise
        finally:
            self._observer.upstream(backend.url, time.monotonic() - started_s)
        if COUNTED_KEY not in call.request:  # a streamed answer was counted before its end
            self._count(call, answer.status, answer.headers, answered=answers)
        return answer

    def _count(self, call: WholeRequest, status: int, headers: Mapping[str, str], *, answered: bool) -> None:
        """Count what a backend answered, whether or not anybody still waits for it."""
        arrival = call.request[ARRIVAL_KEY]
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            self._ledger.attempted(arrival)
            return
        size_bytes = len(call.sent.body)
        if IDEMPOTENCY_REPLAYED in headers:  # the backend analysed it for another proxy, which has counted that
            self._ledger.analysed_before(arrival, size_bytes, answered=answered)
        else:
            self._ledger.analysed(arrival, size_bytes, _documents(headers), answered=answered)
        if answered:
            call.request[COUNTED_KEY] = True


def _documents(headers: Mapping[str, str]) -> int:
    """Return the documents that a backend says it has analysed, 0 if it doesn't say."""
    stated = headers.get(DOCUMENTS, "")
    return int(stated) if stated.isascii() and stated.isdigit() and len(stated) <= _MAX_DIGITS else 0


def _failure(error: NlpbatchError) -> Failure:
    if isinstance(error, BackendNotConnected):
        return Failure.NOT_CONNECTED
    return Failure.TIMED_OUT if isinstance(error, ServiceTimeout) else Failure.BROKEN_OFF
