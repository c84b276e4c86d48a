"""The asyncio side of admission: callers wait here until the traffic's decisions let them pass.

A caller that waits holds a socket, a ticket and the few KiB of its body that have arrived. When it hangs up, the server
cancels it, and so it leaves the queue.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Self

from proxy.forwarding.refusals import refusal_error
from proxy.traffic.admission import Cause, Refuse
from proxy.traffic.controller import Dropped, TrafficController
from proxy.traffic.retries import Retries, RetryBudget
from proxy.traffic.slots import Lease
from proxy.traffic.ticket import Arrival, Ticket

_Turn = asyncio.Future[Lease | Refuse]


class Gate:
    """Lets requests through to backends, as the traffic decides.

    Args:
        traffic: What decides.
        on_refused: Called with the tenant and the cause of every refusal.
        refresh_leases: Exchanges leases of quotas with the shared store; None without one.

    """

    def __init__(
        self,
        traffic: TrafficController,
        on_refused: Callable[[str, Cause], None],
        refresh_leases: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._traffic = traffic
        self._on_refused = on_refused
        self._refresh_leases = refresh_leases
        self._waiting: dict[Ticket, _Turn] = {}

    async def enter(self, arrival: Arrival, waiting: Callable[[], AbstractContextManager[None]] = nullcontext) -> Lease:
        """Return a slot at a backend, after waiting for it if necessary.

        Args:
            arrival: The request.
            waiting: Makes the context in which it waits, if it has to.

        Raises:
            NlpbatchError: Why it is refused, with the time to come back if there is one.

        """
        if self._refresh_leases is not None and self._traffic.lacks_lease(arrival, time.monotonic()):
            try:
                await self._refresh_leases()
            finally:
                self._traffic.lease_refreshed(arrival)
        ticket = self._traffic.arrive(arrival, time.monotonic())
        if isinstance(ticket, Refuse):
            raise self._refused(arrival.tenant, ticket)
        turn: _Turn = asyncio.get_running_loop().create_future()
        self._waiting[ticket] = turn
        self.pump()
        if not turn.done():
            with waiting():
                await self._wait(ticket, turn)
        step = turn.result()
        if isinstance(step, Refuse):
            raise self._refused(arrival.tenant, step)
        return step

    def retries(self, lease: Lease, budget: RetryBudget, identity: str) -> Retries:
        """Return the rules for the attempts of a request that has its slot; `pump` after each step that they take."""
        return Retries(self._traffic, budget, lease, identity, time.monotonic())

    def abandon(self, lease: Lease) -> None:
        """Release a slot that was not used, and let the next request through."""
        self._traffic.abandon(lease, time.monotonic())
        self.pump()

    def pump(self) -> None:
        """Let as many requests through as there are slots; to be called when anything has changed."""
        while self._waiting and (steps := self._traffic.dispatch(time.monotonic())):
            for step in steps:
                turn = self._waiting.pop(step.ticket)
                if not turn.done():
                    turn.set_result(step.refusal if isinstance(step, Dropped) else step)
                elif isinstance(step, Lease):  # its caller left in the same moment: the next one may have the slot
                    self._traffic.abandon(step, time.monotonic())

    async def _wait(self, ticket: Ticket, turn: _Turn) -> None:
        with self._leaving(ticket, turn):
            try:
                async with asyncio.timeout(ticket.max_wait_s):
                    await turn
            except TimeoutError:
                if not turn.cancelled():
                    return  # its turn came in the same moment
                refusal = self._traffic.expire(ticket, time.monotonic())
                raise self._refused(ticket.tenant, refusal) from None

    @contextmanager
    def _leaving(self, ticket: Ticket, turn: _Turn) -> Iterator[None]:
        """On an error leave the queue, or release the slot that came in the same moment as the end of the wait."""
        try:
            yield
        except BaseException:
            if self._waiting.pop(ticket, None) is not None:
                self._traffic.leave(ticket)
            elif turn.done() and not turn.cancelled() and isinstance(lease := turn.result(), Lease):
                self.abandon(lease)
            raise

    def _refused(self, tenant: str, refusal: Refuse) -> Exception:
        self._on_refused(tenant, refusal.cause)
        return refusal_error(tenant, refusal)


class Admission:
    """The slot of an admitted request until it is used: `take` it once, or the end of the `with` block abandons it.

    Args:
        gate: Where it came from.
        lease: The slot; None for a request that needs none.

    """

    def __init__(self, gate: Gate, lease: Lease | None) -> None:
        self._gate = gate
        self._lease = lease

    def __enter__(self) -> Self:
        """Begin the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Abandon the slot if nobody took it."""
        self.abandon()

    def take(self) -> Lease | None:
        """Return the slot, which is the caller's from now on; None if it was taken or abandoned before."""
        lease, self._lease = self._lease, None
        return lease

    def abandon(self) -> None:
        """Release the slot if nobody took it."""
        if (lease := self.take()) is not None:
            self._gate.abandon(lease)
