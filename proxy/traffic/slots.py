"""The slots at backends: which requests hold one, and which ticket gets the next. Pure; the time is an argument."""

from collections.abc import Callable, Sequence
from functools import cache

from proxy.traffic.balancer import Backend, Pin, pick, serving
from proxy.traffic.fair_queue import FairQueue
from proxy.traffic.lease import Lease
from proxy.traffic.ticket import OpenTo, SlotKind, Ticket


class Slots:
    """The slots at all backends.

    Args:
        backends: Those that may be used; the caller may exchange the list's content.
        queue: The waiting tickets.
        choose: Returns a random number in [0, n).

    """

    def __init__(self, backends: Sequence[Backend], queue: FairQueue, choose: Callable[[int], int]) -> None:
        self.backends = backends
        self._queue = queue
        self._choose = choose
        self._held: set[Lease] = set()
        self._by_tenant: dict[str, int] = {}

    def of_tenant(self, tenant: str) -> int:
        """Return how many of a tenant's requests are at backends."""
        return self._by_tenant.get(tenant, 0)

    def count(self, pin: Pin) -> int:
        """Return the slots of the backends that are ready and serve a pin."""
        return sum(backend.limit.value for backend in serving(pin, self.backends) if backend.ready)

    def is_free(self, pin: Pin, now_s: float) -> bool:
        """Return whether a request with this pin can have a slot at once, ahead of nobody."""
        if self._queue.backlog.requests > self._queue.pinned:
            return False  # a ticket without a pin waits, so no backend has room
        free = (backend for backend in serving(pin, self.backends) if backend.has_room(now_s))
        return any(not self._queue.waits(self._open_at(backend)) for backend in free)

    def next(self, now_s: float, beyond_limit: int) -> tuple[Backend, Ticket] | None:
        """Return the next ticket and its backend; interactive ones may go `beyond_limit` requests over each limit."""
        found = self._fill(now_s)
        if found is not None or not self._queue.waiting_in("interactive").requests:
            return found
        return self._fill(now_s, interactive_only=True) or self._fill(
            now_s, interactive_only=True, beyond_limit=beyond_limit
        )

    def give(self, ticket: Ticket, backend: Backend, now_s: float) -> Lease:
        """Return the lease of a slot at the backend."""
        backend.in_flight += 1
        backend.outstanding_bytes += ticket.cost_bytes
        backend.breaker.sent()
        lease = Lease(ticket, backend, backend.in_flight, now_s, now_s - ticket.arrived_s)
        self._held.add(lease)
        self._by_tenant[ticket.tenant] = self.of_tenant(ticket.tenant) + 1
        return lease

    def release(self, lease: Lease, now_s: float, *, failed: bool, learn: bool) -> None:
        """Take a slot back.

        Args:
            lease: The slot.
            now_s: Now.
            failed: Whether the request ended in a 5xx or a timeout.
            learn: Whether the backend's limit is to know that, and how long it took.

        Raises:
            ValueError: The lease isn't held: it was released or moved before.

        """
        if lease not in self._held:
            raise ValueError(f"the lease of a slot at {lease.backend.url} is not held: release or move a lease once")
        self._held.remove(lease)
        backend, ticket = lease.backend, lease.ticket
        backend.in_flight -= 1
        backend.outstanding_bytes -= ticket.cost_bytes
        self._by_tenant[ticket.tenant] -= 1
        if learn:
            backend.limit.record(
                now_s=now_s,
                seconds=now_s - lease.sent_s,
                cost_bytes=ticket.cost_bytes,
                in_flight=lease.in_flight,
                failed=failed,
            )

    def move(
        self, lease: Lease, now_s: float, *, tried: Sequence[Backend], learn: bool, beyond_limit: int
    ) -> Lease | None:
        """Return the lease of a slot at a backend that was not tried, for which `lease` is released; None without one.

        Raises:
            ValueError: The lease isn't held.

        """
        allowed = serving(lease.ticket.pin, self.backends)
        others = [backend for backend in allowed if backend is not lease.backend and backend not in tried]
        # A second attempt may go over the limit: the slot that it leaves was within.
        other = pick(others, self._choose, now_s, beyond_limit=beyond_limit)
        if other is None:
            return None
        self.release(lease, now_s, failed=True, learn=learn)
        return self.give(lease.ticket, other, now_s)

    def _fill(
        self, now_s: float, *, interactive_only: bool = False, beyond_limit: int = 0
    ) -> tuple[Backend, Ticket] | None:
        """Return the next ticket and its backend, among interactive ones only if so, going so far beyond the limits."""
        backends = self.backends
        while (backend := pick(backends, self._choose, now_s, beyond_limit=beyond_limit)) is not None:
            kind = SlotKind.EXTRA if interactive_only else self._kind_at(backend)
            if (ticket := self._queue.pop(kind, self._open_at(backend))) is not None:
                return backend, ticket
            # No ticket fits a backend with the same versions either.
            backends = [other for other in backends if other.fingerprints != backend.fingerprints]
        return None

    def _open_at(self, backend: Backend) -> OpenTo:
        """Return a function that says which pins may go to the backend; cached, since many jobs have the same pin."""
        return cache(lambda pin: backend in serving(pin, self.backends))

    def _kind_at(self, backend: Backend) -> SlotKind:
        workers = sum(other.workers for other in self.backends if other.ready)
        if backend.in_flight < backend.workers or len(self._held) < workers:
            return SlotKind.WORKER
        return SlotKind.NEXT if len(self._held) == workers else SlotKind.SPARE
