"""The slots at backends: which requests hold one, and which ticket gets the next, where. Pure; the time is an argument.

The backend is the less loaded of two chosen at random, by outstanding bytes. Two choices are nearly as good as looking
at all (Mitzenmacher: The Power of Two Choices), and several proxies that look at different pairs don't all run to the
same backend.

A request that is pinned to a version may go to the backends that serve it:
- Those that state the version, even when they are full or not ready: then the request waits.
- If none does, those that state nothing: older backends, and backends that have not been asked yet. They may have it.
- If all state other versions, any backend: its 412 says that the version is gone.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from proxy.traffic.breaker import Breaker
from proxy.traffic.concurrency import Limit
from proxy.traffic.fair_queue import FairQueue
from proxy.traffic.ticket import Pin, SlotKind, Ticket


@dataclass(eq=False, slots=True)
class Backend:
    """What the proxy knows of one backend.

    Args:
        url: Its address.
        limit: How many requests it may have.
        breaker: Whether it fails.
        connection: Further arguments for connecting to it.
        asked: Whether it has been asked at all.
        ready: Whether it said so when last asked.
        workers: The workers it stated.
        fingerprints: The versions it stated; empty if it states none.
        in_flight: Requests it has.
        outstanding_bytes: Their cost.
        leaving: Whether it gets only requests that are pinned to a version that no other one has.

    """

    url: str
    limit: Limit
    breaker: Breaker = field(default_factory=Breaker)
    connection: dict[str, Any] = field(default_factory=dict)
    asked: bool = False
    ready: bool = False
    workers: int = 0
    fingerprints: frozenset[str] = frozenset()
    in_flight: int = 0
    outstanding_bytes: int = 0
    leaving: bool = False

    def usable(self, now_s: float) -> bool:
        """Return whether it may get requests at all."""
        return self.ready and (self.breaker.spotless or self.breaker.allows(now_s))

    def has_room(self, now_s: float, beyond_limit: int = 0) -> bool:
        """Return whether it may get another request now, `beyond_limit` of them beyond its limit.

        What goes beyond the limit needn't wait until a probe has emptied the backend to its workers: that takes as long
        as a job's request.
        """
        most = self.limit.lasting + beyond_limit if beyond_limit else self.limit.value
        return self.in_flight < most and self.usable(now_s)


@dataclass(frozen=True, eq=False, slots=True)
class Lease:
    """A slot at a backend, held by one request until it is released or moved to another backend.

    It is released exactly once: `Slots` knows which leases are held, and refuses any other. Moving a request releases
    its lease and returns a new one. Two leases are never equal.

    Args:
        ticket: The request.
        backend: Where the slot is.
        in_flight: Requests at the backend when the slot was given, this one included.
        sent_s: When the slot was given.
        waited_s: How long the request had waited for it since it arrived.

    """

    ticket: Ticket
    backend: Backend
    in_flight: int
    sent_s: float
    waited_s: float


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
        self.shared = False
        """Whether several proxies contend for them, so that others keep the workers busy, too."""

    def of_tenant(self, tenant: str) -> int:
        """Return how many of a tenant's requests are at backends."""
        return self._by_tenant.get(tenant, 0)

    @property
    def in_flight(self) -> int:
        """Return the requests at all backends."""
        return sum(backend.in_flight for backend in self.backends)

    @property
    def workers(self) -> int:
        """Return the workers of the backends that are ready."""
        return sum(backend.workers for backend in self.backends if backend.ready and not backend.leaving)

    def count(self, pin: Pin) -> int:
        """Return the slots of the backends that are ready and serve a pin."""
        return sum(backend.limit.value for backend in serving(pin, self.backends) if backend.ready)

    def steady(self, per_worker: float) -> int:
        """Return how many slots keep all workers busy, which more would only keep waiting, within the limits."""
        ready = (backend for backend in self.backends if backend.ready and not backend.leaving)
        return sum(min(backend.limit.value, max(1, round(per_worker * backend.workers))) for backend in ready)

    def is_free(self, pin: Pin, now_s: float) -> bool:
        """Return whether a request with this pin can have a slot at once, ahead of nobody."""
        waiting = self._queue.requests
        if waiting > self._queue.pinned:
            return False  # a ticket without a pin waits, so no backend has room
        for backend in serving(pin, self.backends):
            if backend.has_room(now_s) and not (waiting and self._queue.waits(_OpenTo(backend, self.backends))):
                return True
        return False

    def next(self, now_s: float, beyond_limit: int) -> tuple[Backend, Ticket] | None:
        """Return the next ticket and its backend; interactive ones may go `beyond_limit` requests over each limit."""
        found = self._fill(now_s)
        if found is not None or not self._queue.waits_in("interactive"):
            return found
        return self._fill(now_s, interactive_only=True) or self._fill(
            now_s, interactive_only=True, beyond_limit=beyond_limit
        )

    def known_at(self, ticket: Ticket, now_s: float) -> Backend | None:
        """Return the backend that may have the request already, if it may get requests: there it costs no more work."""
        if not ticket.backend:
            return None
        found = (backend for backend in serving(ticket.pin, self.backends) if backend.url == ticket.backend)
        return next((backend for backend in found if backend.usable(now_s)), None)

    def give(self, ticket: Ticket, backend: Backend, now_s: float) -> Lease:
        """Return the lease of a slot at the backend."""
        backend.in_flight += 1
        backend.outstanding_bytes += ticket.cost_bytes
        if not backend.breaker.spotless:
            backend.breaker.sent()
        lease = Lease(ticket, backend, backend.in_flight, now_s, now_s - ticket.arrived_s)
        self._held.add(lease)
        self._by_tenant[ticket.tenant] = self._by_tenant.get(ticket.tenant, 0) + 1
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
            if (ticket := self._queue.pop(kind, _OpenTo(backend, self.backends))) is not None:
                return backend, ticket
            # No ticket fits a backend with the same versions either, if that leaves or stays as this one does.
            same = backend.fingerprints, backend.leaving
            backends = [other for other in backends if (other.fingerprints, other.leaving) != same]
        return None

    def _kind_at(self, backend: Backend) -> SlotKind:
        if self.shared or backend.in_flight < backend.workers:  # shared: each flow keeps to its own slots
            return SlotKind.WORKER
        workers = sum(other.workers for other in self.backends if other.ready)
        if len(self._held) < workers:
            return SlotKind.WORKER
        return SlotKind.NEXT if len(self._held) == workers else SlotKind.SPARE


class _OpenTo:
    """Says which pins may go to a backend; remembers it, since many jobs have the same pin."""

    __slots__ = ("_backend", "_backends", "_known")

    def __init__(self, backend: Backend, backends: Sequence[Backend]) -> None:
        self._backend = backend
        self._backends = backends
        self._known: dict[Pin, bool] = {}

    def __call__(self, pin: Pin) -> bool:
        known = self._known.get(pin)
        if known is None:
            known = self._known[pin] = self._backend in serving(pin, self._backends)
        return known


def pick(
    backends: Iterable[Backend], choose: Callable[[int], int], now_s: float, *, beyond_limit: int = 0
) -> Backend | None:
    """Return the backend for the next request, None if none has room.

    Args:
        backends: All there are.
        choose: Returns a random number in [0, n), as `random.Random.randrange` does.
        now_s: Now.
        beyond_limit: How far each may go beyond its limit.

    """
    free = [backend for backend in backends if backend.has_room(now_s, beyond_limit)]
    if len(free) < 2:  # noqa: PLR2004  (two choices)
        return free[0] if free else None
    first = choose(len(free))
    second = (first + 1 + choose(len(free) - 1)) % len(free)
    return min(free[first], free[second], key=lambda backend: backend.outstanding_bytes)


def serving(pin: Pin, backends: Sequence[Backend]) -> Sequence[Backend]:
    """Return the backends that a request with that pin may go to."""
    staying = backends
    if any(backend.leaving for backend in backends):
        staying = [backend for backend in backends if not backend.leaving] or backends
    if not pin:
        return staying
    return (
        stating(pin, staying)
        or stating(pin, backends)
        or [backend for backend in staying if not backend.fingerprints]
        or staying
    )


def stating(pin: Pin, backends: Sequence[Backend]) -> Sequence[Backend]:
    """Return the backends that say they serve one of the versions."""
    return [backend for backend in backends if not pin.isdisjoint(backend.fingerprints)]
