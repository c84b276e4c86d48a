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
from nlpbatch.wire.media import IDEMPOTENCY_REPLAYED
from proxy.forwarding.gate import Gate
from proxy.forwarding.response_headers import ARRIVAL_KEY
from proxy.traffic.retries import Failure, GiveUp, Retries, RetryBudget, Return
from proxy.traffic.slots import Backend, Lease
from proxy.upstream.client import NotConnected, Upstream, UpstreamRequest, UpstreamResponse
from proxy.usage import UsageCounter

_CHANGED: Final = "the version that If-Match names has no free slot at this moment: send again"


class _Answer(Protocol):
    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...


A = TypeVar("A", bound=_Answer)


class Observer(Protocol):
    """Counts what happens at backends."""

    def upstream(self, backend: str, seconds: float) -> None:
        """Count the time a request was at a backend."""
        ...

    def retried(self, backend: str) -> None:
        """Count a request that was sent to another backend after this one failed it."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
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
        usage: Counts what they analyse.
        observer: Counts what happens.

    """

    def __init__(
        self, gate: Gate, budget: RetryBudget, upstream: Upstream, usage: UsageCounter, observer: Observer
    ) -> None:
        self._gate = gate
        self._budget = budget
        self._upstream = upstream
        self._usage = usage
        self._observer = observer

    async def stream(self, lease: Lease, call: Call) -> web.StreamResponse:
        """Answer a call, a long answer as it comes, and release its slot.

        Raises:
            NlpbatchError: The last attempt's error.

        """
        send = partial(self._upstream.stream, sent=call.sent, request=call.request)
        return await self._deliver(lease, call, send)

    async def fetch(self, lease: Lease, call: Call) -> UpstreamResponse:
        """Return the whole answer to a call, and release its slot.

        Raises:
            NlpbatchError: The last attempt's error.

        """
        return await self._deliver(lease, call, partial(self._upstream.fetch, sent=call.sent))

    async def _deliver(self, lease: Lease, call: Call, send: Callable[[Backend], Awaitable[A]]) -> A:
        retries = self._gate.retries(lease, self._budget, call.identity)
        try:
            return await self._attempts(retries, call, send)
        finally:
            self._gate.pump()

    async def _attempts(self, retries: Retries, call: Call, send: Callable[[Backend], Awaitable[A]]) -> A:
        while True:
            backend = retries.backend
            try:
                result = await self._attempt(backend, call, send)
            except BaseException:
                retries.abandon(time.monotonic())
                raise
            outcome = _failure(result) if isinstance(result, NlpbatchError) else result.status
            step = retries.after(outcome, time.monotonic())
            if isinstance(step, GiveUp):
                raise NoCapacity(_CHANGED, retry_after_s=step.retry_after_s)
            if isinstance(step, Return):
                if isinstance(result, NlpbatchError):
                    raise result
                return result
            self._observer.retried(backend.url)
            self._gate.pump()

    async def _attempt(
        self, backend: Backend, call: Call, send: Callable[[Backend], Awaitable[A]]
    ) -> A | BackendFailed | ServiceTimeout:
        started_s = time.monotonic()
        call.request[LOG_KEY] |= {"backend": backend.url}
        try:
            answer = await send(backend)
        except (BackendFailed, ServiceTimeout) as error:
            return error
        finally:
            self._observer.upstream(backend.url, time.monotonic() - started_s)
        if answer.status < HTTPStatus.MULTIPLE_CHOICES:  # whether or not anybody still waits for it
            arrival = call.request[ARRIVAL_KEY]
            # The backend may have analysed it for another proxy, which has counted that.
            count = self._usage.replayed if IDEMPOTENCY_REPLAYED in answer.headers else self._usage.analysed
            count(arrival.tenant, arrival.job, len(call.sent.body))
        return answer


def _failure(error: NlpbatchError) -> Failure:
    if isinstance(error, NotConnected):
        return Failure.NOT_CONNECTED
    return Failure.TIMED_OUT if isinstance(error, ServiceTimeout) else Failure.BROKEN_OFF
