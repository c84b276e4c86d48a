"""Reservations for requests that were refused with a Retry-After. Pure.

A Retry-After is only worth following if the proxy keeps it, too. So it reserves the refused request's bytes: for all
others they count as sent or waiting, and new requests don't take what refused ones were promised. Each refusal gets a
later time than the one before. A request that doesn't come within the grace period loses its reservation.

A request is recognised by its identity: its Idempotency-Key, or without one its key, job, class and size.
"""

import heapq
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.traffic.admission import LONGEST_RETRY_AFTER_S, Refuse
from proxy.traffic.quotas import Quota
from proxy.traffic.ticket import NOTHING, Backlog, ClassName

_MAX_OPEN: Final = 20_000
"""Reservations at a time; beyond that, a refusal reserves nothing."""
_FURTHEST_S: Final = 600.0
_GRACE_S: Final = 1.5
"""How late a request may come: Retry-After is in whole seconds, and callers add jitter."""
_GRACE_PART: Final = 0.25
_EARLY_S: Final = 0.005


@dataclass(eq=False, slots=True)
class Reservation:
    """What is reserved for one refused request."""

    identity: Hashable
    flow: tuple[str, ClassName]
    cost_bytes: int
    quotas: Sequence[Quota]
    due_s: float
    until_s: float
    refusal: Refuse
    """The refusal that its caller got."""


class Reservations:
    """All open reservations."""

    def __init__(self) -> None:
        self.open: dict[Hashable, Reservation] = {}
        """By the identity of the request; some may have ended unnoticed."""
        self._by_end: list[tuple[float, int, Reservation]] = []
        self._count = 0
        self._promised: defaultdict[tuple[str, ClassName], Backlog] = defaultdict(Backlog)

    def promised(self, tenant: str, class_name: ClassName) -> Backlog:
        """Return what is reserved for a tenant's requests of a class."""
        return self._promised.get((tenant, class_name), NOTHING)

    def of(self, identity: Hashable, now_s: float) -> Reservation | None:
        """Return the reservation of a request that arrives, whether it is due or not; None without one."""
        self._expire(now_s)
        return self.open.get(identity)

    def is_due(self, reservation: Reservation, now_s: float) -> bool:
        """Return whether the time has come that the caller was given."""
        return now_s >= reservation.due_s - _EARLY_S

    def make(
        self,
        identity: Hashable,
        *,
        flow: tuple[str, ClassName],
        cost_bytes: int,
        quotas: Sequence[Quota],
        now_s: float,
        due_s: float,
        refusal: Refuse,
    ) -> None:
        """Reserve what a request needs until it comes back at that time; nothing if that is too far away."""
        after_s = due_s - now_s
        if len(self.open) >= _MAX_OPEN or after_s > _FURTHEST_S:
            return
        until_s = due_s + _GRACE_S + _GRACE_PART * min(after_s, LONGEST_RETRY_AFTER_S)
        reservation = Reservation(identity, flow, cost_bytes, quotas, due_s, until_s, refusal)
        self.open[identity] = reservation
        self._count += 1
        heapq.heappush(self._by_end, (until_s, self._count, reservation))
        self._hold(reservation, 1)

    def redeem(self, reservation: Reservation) -> None:
        """End a reservation, because its request has come; a second time does nothing."""
        self._end(reservation, kept=True)

    def _end(self, reservation: Reservation, *, kept: bool) -> None:
        if self.open.pop(reservation.identity, None) is not None:
            self._hold(reservation, -1)
            for quota in reservation.quotas:
                quota.promise_ended(kept=kept)

    def _expire(self, now_s: float) -> None:
        while self._by_end and self._by_end[0][0] <= now_s:
            reservation = heapq.heappop(self._by_end)[2]
            if self.open.get(reservation.identity) is reservation:
                self._end(reservation, kept=False)

    def _hold(self, reservation: Reservation, sign: int) -> None:
        size_bytes = sign * reservation.cost_bytes
        flow = reservation.flow
        self._promised[flow] = self._promised[flow].plus(sign, size_bytes)
        for quota in reservation.quotas:
            quota.promised_bytes += size_bytes
            quota.promised_requests += sign
