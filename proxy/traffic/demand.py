"""How several proxies share the slots at the backends: as one queue for all of them would. Pure.

Each proxy states how many requests of each flow (a tenant's job in a class) wait or are under way there. From all these
statements each proxy computes the same allotment: slots by the tenants' weights, within a tenant alike for all jobs,
none more than it asks for (max-min fair). A flow's slots go to the proxies in proportion to where its requests are. So
a job of two tasks gets as much as one of two hundred, though they are spread over proxies quite differently.

Interactive requests are few and go beyond the limits; they are not held back by allotments.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from proxy.traffic.ticket import ClassName

Flow = tuple[ClassName, str, str]
"""Class, tenant and job ('' for requests without one)."""
Demand = Mapping[Flow, int]
"""Requests that wait or are under way."""


@dataclass(frozen=True, slots=True)
class Allotment:
    """What one proxy has while all together ask for more than there is.

    Args:
        slots: The slots at the backends of each flow that has requests here, fractions where there are fewer slots than
            proxies; empty while there is enough for all.
        elsewhere: Requests of each flow at the other proxies.

    """

    slots: Mapping[Flow, float] = field(default_factory=dict)
    elsewhere: Demand = field(default_factory=dict)


ALONE = Allotment()


def allot(own: Demand, others: Sequence[Demand], slots: int, weights: Mapping[str, float]) -> Allotment:
    """Return what a proxy has.

    Args:
        own: Its demand.
        others: That of each other proxy.
        slots: All slots at the backends.
        weights: The tenants'; one without has 1.

    """
    elsewhere: defaultdict[Flow, int] = defaultdict(int)
    for other in others:
        for flow, requests in other.items():
            elsewhere[flow] += requests
    total = {flow: own.get(flow, 0) + elsewhere.get(flow, 0) for flow in own.keys() | elsewhere.keys()}
    if not elsewhere or sum(total.values()) <= slots:
        return Allotment(elsewhere=elsewhere)
    shares = max_min({flow: requests for flow, requests in total.items() if requests}, slots, weights)
    here = {flow: share * own[flow] / total[flow] for flow, share in shares.items() if own.get(flow)}
    return Allotment(here, elsewhere)


def max_min(demand: Demand, slots: int, weights: Mapping[str, float]) -> dict[Flow, float]:
    """Return the slots of each flow: weighted by tenant, alike within one, none more than its demand."""
    shares: dict[Flow, float] = {}
    left, open_ = float(slots), dict(demand)
    while open_:
        jobs: defaultdict[str, int] = defaultdict(int)
        for _, tenant, _ in open_:
            jobs[tenant] += 1
        unit = left / sum(weights.get(tenant, 1.0) for tenant in jobs)
        fair = {flow: unit * weights.get(flow[1], 1.0) / jobs[flow[1]] for flow in open_}
        content = [flow for flow, requests in open_.items() if requests <= fair[flow]]
        if not content:
            return shares | fair
        for flow in content:
            shares[flow] = float(open_.pop(flow))
            left -= shares[flow]
    return shares


class SlotCredit:
    """Keeps a flow's requests under way at its slots here on the average, also where these are a fraction.

    It saves up or overdraws at most one second of one slot.
    """

    def __init__(self) -> None:
        self._credit = 0.0
        self._at_s: float | None = None

    def may_start(self, slots: float, in_flight: int, now_s: float) -> bool:
        """Return whether another request may have a slot, `in_flight` having had one since the last call."""
        if self._at_s is not None:
            self._credit = max(-1.0, min(1.0, self._credit + (slots - in_flight) * (now_s - self._at_s)))
        self._at_s = now_s
        whole = int(slots)
        return in_flight < whole or (in_flight == whole and slots > whole and self._credit >= 0)
