"""What this process has answered and refused lately, for the operator: counts of ten minutes and the last refusals.

Requests are added up by ten seconds, tenant, class and job, so that what is kept doesn't grow with the load. It has no
text, no key, and nothing of a refusal but what the proxy itself says. Times are seconds since the epoch.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Final, NamedTuple

from nlpbatch.errors import NlpbatchError
from proxy.instants import iso
from proxy.ledger.ledger import HUNG_UP, REFUSALS
from proxy.traffic.slots import Lease
from proxy.traffic.ticket import Arrival

SLICE_S: Final = 10
SLICES: Final = 60
MAX_REFUSALS: Final = 200
_MAX_FLOWS: Final = 200
"""Jobs of all tenants that are told apart within ten seconds; callers invent their names."""
_MAX_JOBS_OF_TENANT: Final = 50
"""Those of one tenant, so that one that invents many leaves the others' apart."""
_COMES_BACK_S: Final = 60.0
"""Who is told to come back later than that, such as when a budget's day is over, isn't under way meanwhile."""
OTHER: Final = "(other)"
OF_API: Final = "(of the API)"
"""The code of what the API itself refused, whose answers the proxy doesn't read."""
_FAILED: Final = 400

FlowName = tuple[str, str, str]
"""Tenant, class and job ('' for requests without one)."""
Reason = tuple[str, str, str, str, str]
"""Tenant, class and job of refused requests, the error's code and its cause ('' without one)."""


@dataclass(slots=True)
class FlowCounts:
    """What became of the requests of one flow in some seconds.

    Args:
        answered: Those that got an answer, also one that was kept or shared.
        answered_bytes: Their cost.
        refused: Those that were sent away for now: 429 and 503.
        refused_bytes: Their cost.
        failed: Those that ended in another error.
        abandoned: Those whose caller hung up.
        served: Those that had a slot at a backend, however they ended.
        served_bytes: Their cost.
        wait_s: How long these waited for it, all together.
        longest_wait_s: The longest of them.
        service_s: How long they had it, all together.
        away_s: For how long refused ones were sent away, all together.

    """

    answered: int = 0
    answered_bytes: int = 0
    refused: int = 0
    refused_bytes: int = 0
    failed: int = 0
    abandoned: int = 0
    served: int = 0
    served_bytes: int = 0
    wait_s: float = 0.0
    longest_wait_s: float = 0.0
    service_s: float = 0.0
    away_s: float = 0.0

    def add(self, other: "FlowCounts") -> None:
        """Add what was counted elsewhere, or at another time."""
        self.answered += other.answered
        self.answered_bytes += other.answered_bytes
        self.refused += other.refused
        self.refused_bytes += other.refused_bytes
        self.failed += other.failed
        self.abandoned += other.abandoned
        self.served += other.served
        self.served_bytes += other.served_bytes
        self.wait_s += other.wait_s
        self.longest_wait_s = max(self.longest_wait_s, other.longest_wait_s)
        self.service_s += other.service_s
        self.away_s += other.away_s


_values = attrgetter(*(one.name for one in fields(FlowCounts)))


@dataclass(frozen=True, slots=True)
class Slice:
    """Ten seconds of one flow.

    Args:
        start_s: When they began.
        flow: Whose requests.
        counts: What became of them.

    """

    start_s: int
    flow: FlowName
    counts: FlowCounts

    def to_json(self) -> list[Any]:
        """Return it as short as JSON can have it: processes of a host tell each other."""
        return [self.start_s, *self.flow, *_values(self.counts)]

    @classmethod
    def from_json(cls, values: Sequence[Any]) -> "Slice":
        """Return what `to_json` told."""
        start_s, tenant, class_name, job, *counts = values
        return cls(start_s, (tenant, class_name, job), FlowCounts(*counts))


class _Refusal(NamedTuple):
    """A request that the proxy or the API refused, without the error: that has the frames of its traceback."""

    at_s: float
    tenant: str
    arrival: Arrival | None
    status: int
    code: str
    cause: str | None
    reason: str
    retry_after_s: float | None

    @classmethod
    def of(
        cls, at_s: float, tenant: str, arrival: Arrival | None, status: int, error: NlpbatchError | None
    ) -> "_Refusal":
        if error is None:
            reason = f"the API answered with HTTP {status}: its own log says why"
            return cls(at_s, tenant, arrival, status, OF_API, None, reason, None)
        cause = error.details.get("cause")
        return cls(at_s, tenant, arrival, status, error.code, cause, error.message, error.retry_after_s)

    def to_json(self) -> dict[str, Any]:
        arrival = self.arrival
        return {
            "at": iso(self.at_s),
            "at_s": round(self.at_s, 3),
            "tenant": self.tenant,
            "key": None if arrival is None else arrival.key_id,
            "class": None if arrival is None else arrival.class_name,
            "job": None if arrival is None else arrival.job or None,
            "status": self.status,
            "code": self.code,
            "cause": self.cause,
            "reason": self.reason,
            "retry_after_s": self.retry_after_s,
        }


class Recent:
    """Counts as requests end.

    Args:
        now_s: Returns the time in seconds since the epoch.

    """

    def __init__(self, now_s: Callable[[], float] = time.time) -> None:
        self._now_s = now_s
        self._start_s = 0
        self._flows: dict[FlowName, FlowCounts] = {}
        self._slices: dict[int, dict[FlowName, FlowCounts]] = {}
        self._reasons: dict[int, Counter[Reason]] = {}
        self._refusals: deque[_Refusal] = deque(maxlen=MAX_REFUSALS)
        self._unknown: deque[_Refusal] = deque(maxlen=MAX_REFUSALS // 4)
        """Those without a valid key, whose number is anybody's choice."""

    def ended(
        self, tenant: str, arrival: Arrival | None, lease: Lease | None, status: int, error: NlpbatchError | None
    ) -> None:
        """Count a request that has ended.

        Args:
            tenant: Whose it was; '-' for a caller that nobody knows.
            arrival: The request; None if it was refused before anything was known of it.
            lease: The slot that it had; None without one.
            status: Of the answer.
            error: Why the proxy itself refused it; None if it didn't.

        """
        now_s = self._now_s()
        if not self._start_s <= now_s < self._start_s + SLICE_S:
            self._begin(now_s)
        flow = (tenant, "", "") if arrival is None else (tenant, arrival.class_name, arrival.job)
        counts = self._flows.get(flow) or self._counts(flow)
        if arrival is not None and lease is not None:
            counts.served += 1
            counts.served_bytes += arrival.cost_bytes
            counts.wait_s += lease.waited_s
            counts.longest_wait_s = max(counts.longest_wait_s, lease.waited_s)
            counts.service_s += time.monotonic() - lease.sent_s
        if status < _FAILED:
            counts.answered += 1
            counts.answered_bytes += 0 if arrival is None else arrival.cost_bytes
            return
        if status == HUNG_UP:
            counts.abandoned += 1
            return
        if status in REFUSALS:
            counts.refused += 1
            counts.refused_bytes += 0 if arrival is None else arrival.cost_bytes
        else:
            counts.failed += 1
        if error is not None and error.retry_after_s is not None and error.retry_after_s <= _COMES_BACK_S:
            counts.away_s += error.retry_after_s
        refusal = _Refusal.of(now_s, tenant, arrival, status, error)
        (self._unknown if arrival is None else self._refusals).append(refusal)
        self._count_reason((*flow, refusal.code, refusal.cause or ""))

    def slices(self) -> list[Slice]:
        """Return the last ten minutes, the oldest first."""
        self._begin(self._now_s())
        return [Slice(start_s, *one) for start_s, flows in sorted(self._slices.items()) for one in flows.items()]

    def reasons(self) -> dict[Reason, int]:
        """Return how many were refused in the last ten minutes, by whose they were and why."""
        self._begin(self._now_s())
        found: Counter[Reason] = Counter()
        for one in self._reasons.values():
            found.update(one)
        return found

    def refusals(self) -> list[dict[str, Any]]:
        """Return the last refusals as JSON members, the newest first."""
        newest = sorted([*reversed(self._refusals), *reversed(self._unknown)], key=lambda one: -one.at_s)
        return [one.to_json() for one in newest]

    def _begin(self, now_s: float) -> None:
        """Begin the slice that a time is in, and forget what is older than ten minutes, or from a clock set back."""
        self._start_s = int(now_s) // SLICE_S * SLICE_S
        oldest_s = self._start_s - (SLICES - 1) * SLICE_S
        self._slices = {at_s: one for at_s, one in self._slices.items() if one and oldest_s <= at_s <= self._start_s}
        self._flows = self._slices.setdefault(self._start_s, {})
        self._reasons = {at_s: one for at_s, one in self._reasons.items() if at_s in self._slices}

    def _counts(self, flow: FlowName) -> FlowCounts:
        if flow[2] and flow not in self._flows and self._is_full(flow[0]):
            flow = (flow[0], flow[1], OTHER)
        return self._flows.setdefault(flow, FlowCounts())

    def _is_full(self, tenant: str) -> bool:
        return len(self._flows) >= _MAX_FLOWS or sum(one[0] == tenant for one in self._flows) >= _MAX_JOBS_OF_TENANT

    def _count_reason(self, reason: Reason) -> None:
        counts = self._reasons.setdefault(self._start_s, Counter())
        if reason not in counts and len(counts) >= _MAX_FLOWS:
            reason = (*reason[:2], OTHER, *reason[3:])
        counts[reason] += 1


def summed(slices: Iterable[Slice]) -> dict[FlowName, FlowCounts]:
    """Return the counts of each flow over all slices."""
    found: dict[FlowName, FlowCounts] = {}
    for one in slices:
        found.setdefault(one.flow, FlowCounts()).add(one.counts)
    return found


def joined(parts: Sequence[Sequence[Slice]]) -> list[Slice]:
    """Return the slices of several processes as those of one, the oldest first."""
    found: dict[tuple[int, FlowName], FlowCounts] = {}
    for part in parts:
        for one in part:
            found.setdefault((one.start_s, one.flow), FlowCounts()).add(one.counts)
    return [Slice(start_s, flow, counts) for (start_s, flow), counts in sorted(found.items(), key=lambda pair: pair[0])]
