"""Sends a request that has its slot to its backend, and to another one when the retry rules say so."""

import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from nlpbatch.errors import BackendFailed, NlpbatchError, NoCapacity, ServiceTimeout
from proxy.forwarding.gate import Gate
from proxy.traffic.balancer import Backend
from proxy.traffic.lease import Request
from proxy.traffic.retries import Failure, GiveUp, Retries, Return
from proxy.traffic.retry_budget import RetryBudget
from proxy.upstream.client import NotConnected

_CHANGED: Final = "the version that If-Match names has no free place at this moment: send again"


class _HasStatus(Protocol):
    @property
    def status(self) -> int: ...


A = TypeVar("A", bound=_HasStatus)


class Observer(Protocol):
    """Told what happens at backends."""

    def upstream(self, backend: str, seconds: float) -> None:
        """Count the time a request was at a backend."""
        ...

    def retried(self, backend: str) -> None:
        """Count a request that was sent to another backend after this one failed it."""
        ...


class Delivery:
    """Sends requests to backends.

    Args:
        gate: Holds the slots.
        budget: Bounds the retries of all requests.
        observer: Told what happens.

    """

    def __init__(self, gate: Gate, budget: RetryBudget, observer: Observer) -> None:
        self._gate = gate
        self.budget = budget
        self._observer = observer

    async def deliver(self, lease: Request, identity: str, attempt: Callable[[Backend], Awaitable[A]]) -> A:
        """Return the answer, and release the slot.

        Args:
            lease: The request, which has its slot.
            identity: Recognises the request when it fails again.
            attempt: Sends the request to a backend; called once for each.

        Raises:
            NlpbatchError: The last attempt's error.

        """
        lease.used = True
        retries = self._gate.retries(lease, self.budget, identity)
        try:
            return await self._attempts(retries, attempt)
        finally:
            self._gate.pump()

    def abandon(self, lease: Request) -> None:
        """Give a place back that was not used; does nothing if that was done."""
        if lease.backend is not None:
            lease.backend.breaker.abandoned()
            self._gate.leave(lease, learn=False)

    async def _attempts(self, retries: Retries, attempt: Callable[[Backend], Awaitable[A]]) -> A:
        while True:
            backend = retries.backend
            try:
                result = await self._attempt(backend, attempt)
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
        self, backend: Backend, attempt: Callable[[Backend], Awaitable[A]]
    ) -> A | BackendFailed | ServiceTimeout:
        started_s = time.monotonic()
        try:
            return await attempt(backend)
        except (BackendFailed, ServiceTimeout) as error:
            return error
        finally:
            self._observer.upstream(backend.url, time.monotonic() - started_s)


def _failure(error: NlpbatchError) -> Failure:
    if isinstance(error, NotConnected):
        return Failure.NOT_CONNECTED
    return Failure.TIMED_OUT if isinstance(error, ServiceTimeout) else Failure.BROKEN_OFF
