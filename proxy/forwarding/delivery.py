"""Gets a request that has its place answered: by its backend, or by another one when that fails.

Analysis changes nothing, so a request may always be sent again, as long as nothing of an answer has been passed on.
What keeps that from making things worse: a retry budget, a place at the other backend, and breakers. A request that
fails on two backends is to blame itself, and neither is.

A backend that has just been exchanged for another version answers 412 until its next health check. That costs nobody
anything, so the request is tried where its version is; if there is no place, it is to come back.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from nlpbatch.errors import BackendFailed, NlpbatchError, NoCapacity, ServiceTimeout
from proxy.forwarding.gate import Gate
from proxy.traffic.balancer import Backend
from proxy.traffic.lease import Request
from proxy.traffic.retry_budget import RetryBudget
from proxy.upstream.client import NotConnected

_CONNECTION_ATTEMPTS: Final = 3
"""Backends that a request is offered to while there is no connection; nothing has been sent to any of them."""
_VERSION_ATTEMPTS: Final = 3
"""Backends that a pinned request is offered to while they have another version."""
_CHANGED_RETRY_AFTER_S: Final = 1.0
_RETRIED: Final = frozenset({500, 502, 503})


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
    """Sends requests on, with retries.

    Args:
        gate: Exchanges places.
        budget: Bounds second attempts.
        observer: Told what happens.

    """

    def __init__(self, gate: Gate, budget: RetryBudget, observer: Observer) -> None:
        self._gate = gate
        self.budget = budget
        self._observer = observer

    async def deliver(self, lease: Request, identity: str, attempt: Callable[[Backend], Awaitable[A]]) -> A:
        """Return the answer, and give the place back.

        Args:
            lease: The request's place.
            identity: What it is known by when it fails again.
            attempt: Asks a backend; called once for each.

        Raises:
            NlpbatchError: The last attempt's error.

        """
        failed, learn = True, False
        lease.used = True
        try:
            answer = await self._attempts(lease, identity, attempt)
            failed, learn = answer.status >= 500, True  # noqa: PLR2004
        except (BackendFailed, ServiceTimeout):
            learn = True
            raise
        else:
            return answer
        finally:
            if not learn and lease.backend is not None:
                lease.backend.breaker.abandoned()
            self._gate.leave(lease, failed=failed, learn=learn)

    def abandon(self, lease: Request) -> None:
        """Give a place back that was not used; does nothing if that was done."""
        if lease.backend is not None:
            lease.backend.breaker.abandoned()
            self._gate.leave(lease, learn=False)

    async def _attempts(self, lease: Request, identity: str, attempt: Callable[[Backend], Awaitable[A]]) -> A:
        self.budget.request(time.monotonic())
        tried: list[Backend] = []
        blamed: list[Backend] = []
        while True:
            backend = _at(lease)
            tried.append(backend)
            answer, error = await self._once(backend, attempt)
            if error is None and answer is not None and answer.status not in _RETRIED:
                backend.breaker.succeeded()
                if not self._has_changed(lease, tried, answer):
                    return answer
                self._observer.retried(backend.url)
                continue
            if _is_its_fault(answer, error):
                backend.breaker.failed(identity, time.monotonic())
                blamed.append(backend)
            else:
                backend.breaker.abandoned()
            if len(blamed) > 1:
                for one in blamed:
                    one.breaker.forgive(identity)
            if self._again(lease, tried, error):
                self._observer.retried(backend.url)
                continue
            if error is not None:
                raise error
            if answer is not None:
                return answer

    async def _once(
        self, backend: Backend, attempt: Callable[[Backend], Awaitable[A]]
    ) -> tuple[A | None, NlpbatchError | None]:
        started_s = time.monotonic()
        try:
            return await attempt(backend), None
        except (BackendFailed, ServiceTimeout) as error:
            return None, error
        finally:
            self._observer.upstream(backend.url, time.monotonic() - started_s)

    def _again(self, lease: Request, tried: list[Backend], error: NlpbatchError | None) -> bool:
        """Return whether the request now has a place at another backend, to be tried there."""
        if isinstance(error, NotConnected):
            return len(tried) < _CONNECTION_ATTEMPTS and self._gate.move(lease, but=tuple(tried))
        if len(tried) > 1 or isinstance(error, ServiceTimeout):
            return False  # a request that takes too long would take another backend's time as well
        return self.budget.take(time.monotonic()) and self._gate.move(lease, but=tuple(tried))

    def _has_changed(self, lease: Request, tried: list[Backend], answer: _HasStatus) -> bool:
        """Return whether the backend has another version than it stated, and the request a place at another one.

        Raises:
            NoCapacity: Another one states the version, and has no place.

        """
        if answer.status != 412 or not lease.pin or len(tried) >= _VERSION_ATTEMPTS:  # noqa: PLR2004
            return False
        if self._gate.move(lease, but=tuple(tried), learn=False):
            return True
        if self._gate.serves_elsewhere(lease, but=tuple(tried)):
            detail = "the version that If-Match names has no free place at this moment: send again"
            raise NoCapacity(detail, retry_after_s=_CHANGED_RETRY_AFTER_S)
        return False


def _at(lease: Request) -> Backend:
    if lease.backend is None:
        raise asyncio.InvalidStateError("the request has no place")
    return lease.backend


def _is_its_fault(answer: _HasStatus | None, error: NlpbatchError | None) -> bool:
    """Return whether the backend failed; one that says it has no room hasn't."""
    return error is not None or (answer is not None and answer.status != 503)  # noqa: PLR2004
