"""The asyncio side of admission: holds callers back until the pure modules let them pass.

A caller that waits holds a socket, a ticket and what has come in of its body, which is not read meanwhile. One that
hangs up is cancelled by the server, and leaves the queue by that.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nlpbatch.errors import NoCapacity, QueueFull
from proxy.admission import Admit, Bounds, Refuse, decide, retry_after_s
from proxy.balancer import Backend, pick
from proxy.limits import DrainRate
from proxy.scheduler import FairQueue, Ticket, Usage

_REMEDY = "send again after Retry-After, or ask the operator for a larger queue"


@dataclass(slots=True)
class Lease:
    """A place at a backend; to be given back whatever happens. Its backend changes when it is moved."""

    ticket: Ticket
    backend: Backend
    waited_s: float


class Gate:
    """Lets requests through to backends, as many as these may have, in the order the fair queue gives.

    Args:
        backends: All backends.
        weights: Tenants' weights.
        bounds: What each tenant may have waiting.
        on_refused: Told the tenant and the cause of every refusal.

    """

    def __init__(
        self,
        backends: Sequence[Backend],
        weights: dict[str, float],
        bounds: Bounds,
        on_refused: Callable[[str, str], None],
    ) -> None:
        self._backends = backends
        self._bounds = bounds
        self._on_refused = on_refused
        self._queue = FairQueue(weights)
        self._rate = DrainRate()
        self._waiting: dict[Ticket, asyncio.Future[Backend]] = {}
        self._random = random.Random()  # noqa: S311  (spreads load, guards nothing)

    @property
    def usage(self) -> Usage:
        """Return what waits in all."""
        return self._queue.usage

    def usage_of(self, tenant: str) -> Usage:
        """Return what waits of a tenant."""
        return self._queue.of(tenant)

    async def enter(self, tenant: str, job: str, cost_bytes: int) -> Lease:
        """Return a place at a backend, after waiting for it if need be.

        Raises:
            QueueFull: The tenant has as much waiting as it may have.
            NoCapacity: The wait would be, or has become, longer than `max_wait_s`.

        """
        ticket = Ticket(tenant, job, cost_bytes, time.monotonic())
        decision = decide(
            cost_bytes,
            free=not self._queue.usage.requests and any(backend.has_room for backend in self._backends),
            tenant=self._queue.of(tenant),
            ahead_bytes=self._queue.ahead_bytes(tenant, job, cost_bytes),
            bounds=self._bounds,
            rate=self._rate,
            chance=self._random.random(),
        )
        if isinstance(decision, Refuse):
            self._on_refused(tenant, decision.cause)
            raise _refusal(tenant, decision)
        if isinstance(decision, Admit):
            backend = pick(self._backends, self._random.randrange)
            if backend is not None:
                return self._occupy(ticket, backend)
        return await self._wait(ticket)

    def leave(self, lease: Lease) -> None:
        """Give the place back and let the next one through."""
        self._vacate(lease.backend, lease.ticket)
        self._rate.finished(lease.ticket.cost_bytes, time.monotonic(), backlogged=self._queue.usage.requests > 0)
        self.pump()

    def move(self, lease: Lease) -> bool:
        """Exchange the place for one at another backend; return whether there was one."""
        others = [backend for backend in self._backends if backend is not lease.backend]
        other = pick(others, self._random.randrange)
        if other is None:
            return False
        self._vacate(lease.backend, lease.ticket)
        lease.backend = self._occupy(lease.ticket, other).backend
        return True

    def pump(self) -> None:
        """Let through as many as have places; to be called when a backend becomes ready."""
        while self._queue.usage.requests and (backend := pick(self._backends, self._random.randrange)) is not None:
            ticket = self._queue.pop()
            if ticket is None:
                return
            passed = self._waiting.pop(ticket)
            if not passed.done():
                self._occupy(ticket, backend)
                passed.set_result(backend)

    async def _wait(self, ticket: Ticket) -> Lease:
        passed: asyncio.Future[Backend] = asyncio.get_running_loop().create_future()
        self._waiting[ticket] = passed
        self._queue.push(ticket)
        try:
            async with asyncio.timeout(self._bounds.max_wait_s):
                backend = await passed
        except BaseException as error:
            self._give_up(ticket, passed)
            if isinstance(error, TimeoutError):
                self._on_refused(ticket.tenant, "waited")
                raise self._waited_too_long(ticket) from None
            raise
        return Lease(ticket, backend, time.monotonic() - ticket.arrived_s)

    def _give_up(self, ticket: Ticket, passed: "asyncio.Future[Backend]") -> None:
        """Leave the queue; or give the place back that came in the same moment as the end of the wait."""
        if passed.done() and not passed.cancelled():
            self._vacate(passed.result(), ticket)
            self.pump()
            return
        self._waiting.pop(ticket, None)
        self._queue.remove(ticket)

    def _occupy(self, ticket: Ticket, backend: Backend) -> Lease:
        backend.in_flight += 1
        backend.outstanding_bytes += ticket.cost_bytes
        return Lease(ticket, backend, time.monotonic() - ticket.arrived_s)

    def _vacate(self, backend: Backend, ticket: Ticket) -> None:
        backend.in_flight -= 1
        backend.outstanding_bytes -= ticket.cost_bytes

    def _waited_too_long(self, ticket: Ticket) -> NoCapacity:
        ahead_bytes = self._queue.ahead_bytes(ticket.tenant, ticket.job, ticket.cost_bytes)
        return NoCapacity(
            f"no place became free within {self._bounds.max_wait_s:g} s: {_REMEDY}",
            retry_after_s=round(retry_after_s(ahead_bytes, self._rate, self._random.random()), 3),
        )


def _refusal(tenant: str, refusal: Refuse) -> QueueFull | NoCapacity:
    after_s = round(refusal.retry_after_s, 3)
    if refusal.cause == "wait":
        detail = f"the wait would be {refusal.value:,.1f} s, the limit is {refusal.bound:g} s: {_REMEDY}"
        return NoCapacity(detail, retry_after_s=after_s)
    value, bound = f"{refusal.value:,.0f}", f"{refusal.bound:,.0f}"
    unit = "requests" if refusal.cause == "queue_requests" else "bytes"
    detail = f"tenant {tenant} would have {value} {unit} waiting, the limit is {bound}: {_REMEDY}"
    return QueueFull(detail, retry_after_s=after_s)
