"""How many workers the service should have, from what there is to do. Pure; the time is an argument.

Each look proposes a number of workers:

    those that are there, times the greatest of
        the part of the time that they are busy ÷ the part that they should be busy
        the wait of a class ÷ the wait that it should have at most, if it is longer
        2, if all are busy and requests wait: jobs send as much as they are advised to, so that nobody knows how much
    as many as before, if none is there: an outage is no lack of work

at most twice as many as there are. A worker is busy if there is a request for it: a second one for each, which jobs
keep there for the moment when the first is done, makes none busier. A wait is what the class has waiting, divided by
the speed at which workers were seen to work. What is wanted rises to the least proposal of the last `up_window_s`, and
falls to the greatest of the last `down_window_s`: short peaks and pauses change nothing, and workers that are just
starting aren't asked for twice, because a proposal starts from those that are there. Source of the windows:
Kubernetes' HorizontalPodAutoscaler.

A proxy that has just started knows neither which workers there are nor whether they were needed: it is not settled for
`up_window_s`, or for `down_window_s` if it sees none, and wants none of those that it sees fewer for `down_window_s`.
"""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from proxy.config_service import ScalingSettings
from proxy.traffic.ticket import CLASS_NAMES, ClassName

_MEMORY_S: Final = 5.0
"""Half-life of the busy part."""
_SPEED_MEMORY_S: Final = 60.0
"""Half-life of the bytes and the workers' time whose quotient is a worker's speed."""
_BUSY_ENOUGH: Final = 0.5
"""Below this part of busy workers, bytes done say little of how fast they are."""
_SATURATED: Final = 0.95
_GROWTH: Final = 2.0
_TOLERANCE: Final = 0.1
"""A proposal that differs by less from the workers that are there is to keep these."""


@dataclass(frozen=True, slots=True)
class Load:
    """What there is to do; that of several proxies is added.

    Args:
        waiting_bytes: Of requests that wait for a slot, by class.
        in_flight: Requests at backends.
        done_bytes: Of all requests that were answered so far.

    """

    waiting_bytes: Mapping[ClassName, int] = field(default_factory=dict)
    in_flight: int = 0
    done_bytes: int = 0

    def __add__(self, other: "Load") -> "Load":
        waiting = {name: self.waiting_bytes.get(name, 0) + other.waiting_bytes.get(name, 0) for name in CLASS_NAMES}
        return Load(waiting, self.in_flight + other.in_flight, self.done_bytes + other.done_bytes)

    def to_json(self) -> dict[str, Any]:
        """Return JSON members from which `from_json` makes an equal value."""
        members: dict[str, Any] = {name: self.waiting_bytes.get(name, 0) for name in CLASS_NAMES}
        return members | {"in_flight": self.in_flight, "done_bytes": self.done_bytes}

    @classmethod
    def from_json(cls, members: Mapping[str, int]) -> "Load":
        """Return what another proxy says; nothing of one that doesn't say."""
        waiting = {name: members.get(name, 0) for name in CLASS_NAMES}
        return cls(waiting, members.get("in_flight", 0), members.get("done_bytes", 0))


@dataclass(frozen=True, slots=True)
class Capacity:
    """What there is to do it.

    Args:
        workers: Of the backends that are ready.
        slots: Requests that keep all of them busy, without a pause between two.
        known: Whether all backends are known, and each has been asked.

    """

    workers: int
    slots: int
    known: bool = True


Cause = Literal["busy", "interactive_wait", "batch_wait", "saturated", "no_worker"]
"""What a proposal follows from."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many workers are wanted, and why.

    Args:
        workers: The number.
        reason: In words, for the operator.
        cause: What the proposal follows from.
        proposal: What is wanted if that lasts, before the bounds.
        there: Workers of the backends that are ready.
        busy: The part of the time that they are busy, 0 to 1.
        waits_s: How long what waits of each class would take all of them; nothing while their speed isn't known.
        settled: Whether it may be acted upon.

    """

    workers: int
    reason: str
    cause: Cause
    proposal: int
    there: int
    busy: float
    waits_s: Mapping[ClassName, float]
    settled: bool

    def to_json(self) -> dict[str, Any]:
        """Return JSON members, as an operator sees them."""
        return {
            "wanted_workers": self.workers,
            "workers": self.there,
            "reason": self.reason,
            "cause": self.cause,
            "proposal": self.proposal,
            "busy": round(self.busy, 3),
            "waits_s": {name: round(wait_s, 3) for name, wait_s in self.waits_s.items()},
        }


class WantedWorkers:
    """Decides by what it is shown from time to time.

    Args:
        settings: Bounds, targets and windows; may be exchanged.

    """

    def __init__(self, settings: ScalingSettings) -> None:
        self.settings = settings
        self.latest: Wanted | None = None
        self._speed = _Speed()
        self._busy: float | None = None
        self._began_s: float | None = None
        self._seen = False
        self._looked_s = 0.0
        self._proposals: deque[tuple[float, int]] = deque()

    def look(self, loads: Mapping[str, Load], capacity: Capacity, now_s: float) -> Wanted:
        """Return how many workers are wanted now; to be called about once a second.

        Args:
            loads: What there is to do at each proxy, by its name.
            capacity: What all of them share to do it.
            now_s: Now; not before the last look.

        """
        if self._began_s is None:
            self._began_s = self._looked_s = now_s
        self._measure(loads, capacity, now_s)
        load = sum(loads.values(), start=Load())
        ratio, cause, reason = self._ratio(load, capacity.workers, capacity.slots)
        before = capacity.workers if self.latest is None else self.latest.workers
        if capacity.workers:
            # A whole number of workers does the work; 4.0000001 is 4.
            proposal = math.ceil(capacity.workers * min(ratio, _GROWTH) - 1e-6)
        else:
            proposal = max(before, 1 if any(load.waiting_bytes.values()) else 0)
        workers = self._windowed(before, proposal, now_s)
        if now_s - self._began_s < self.settings.down_window_s:
            workers = max(workers, capacity.workers)
        workers = self._bounded(workers)
        if workers != self._bounded(proposal):
            reason += f"; {workers} until that has lasted, or for what there was before"
        elif workers != proposal:
            reason += f"; {workers} is the bound"
        self._seen = self._seen or capacity.workers > 0
        settled_s = self.settings.up_window_s if self._seen else self.settings.down_window_s
        settled = capacity.known and now_s - self._began_s >= settled_s
        waits_s = self._waits_s(load, capacity.workers)
        busy = self._busy or 0.0
        self.latest = Wanted(workers, reason, cause, proposal, capacity.workers, busy, waits_s, settled)
        return self.latest

    def _measure(self, loads: Mapping[str, Load], capacity: Capacity, now_s: float) -> None:
        in_flight = sum(load.in_flight for load in loads.values())
        busy = min(1.0, in_flight / capacity.workers) if capacity.workers else 0.0
        elapsed_s, self._looked_s = now_s - self._looked_s, now_s
        self._busy = busy if self._busy is None else _mixed(self._busy, busy, elapsed_s, _MEMORY_S)
        done_bytes = {name: load.done_bytes for name, load in loads.items()}
        self._speed.look(done_bytes, capacity.workers * busy, elapsed_s, count=busy >= _BUSY_ENOUGH)

    def _ratio(self, load: Load, there: int, slots: int) -> tuple[float, Cause, str]:
        """Return the factor by which there should be more workers, before it is bounded, with its reason."""
        waiting = any(load.waiting_bytes.values())
        if not there:
            rest = "and requests wait" if waiting else "and nothing waits"
            return 1.0, "no_worker", f"no worker is ready, {rest}: as many stay wanted as before"
        settings, busy = self.settings, self._busy or 0.0
        found: tuple[float, Cause, str] = (
            busy / settings.busy_part,
            "busy",
            f"{there} workers are busy {busy:.0%} of the time",
        )
        for name, wait_s in self._waits_s(load, there).items():
            most_s = settings.interactive_wait_s if name == "interactive" else settings.batch_wait_s
            if wait_s > max(most_s, most_s * found[0]):
                cause: Cause = "interactive_wait" if name == "interactive" else "batch_wait"
                reason = f"{name} requests wait {wait_s:.1f} s, {most_s:g} at most are wanted"
                found = wait_s / most_s, cause, reason
        if waiting and load.in_flight >= _SATURATED * slots and found[0] < _GROWTH:
            found = _GROWTH, "saturated", f"all {there} workers are busy, and requests wait"
        return (1.0, *found[1:]) if abs(found[0] - 1) <= _TOLERANCE else found

    def _windowed(self, before: int, proposal: int, now_s: float) -> int:
        """Return what the proposals of both windows make of what was wanted before."""
        proposals, settings = self._proposals, self.settings
        if not proposals:
            proposals.append((now_s, before))
        proposals.append((now_s, proposal))
        while proposals[0][0] < now_s - max(settings.up_window_s, settings.down_window_s):
            proposals.popleft()
        low = min(number for at_s, number in proposals if at_s >= now_s - settings.up_window_s)
        high = max(number for at_s, number in proposals if at_s >= now_s - settings.down_window_s)
        return min(max(before, low), high)

    def _waits_s(self, load: Load, workers: int) -> dict[ClassName, float]:
        speed = self._speed.bytes_per_s
        if speed is None or not workers:
            return {}
        return {name: load.waiting_bytes.get(name, 0) / (speed * workers) for name in CLASS_NAMES}

    def _bounded(self, workers: int) -> int:
        settings = self.settings
        most = workers if settings.max_workers is None else settings.max_workers
        return max(settings.min_workers, min(workers, most))


class _Speed:
    """How fast a worker is: all that was done by the time that workers took for it, the latest of both counting most.

    Both are kept apart, since large requests end in one look of many: the mean of quotients would count the looks in
    which something ended only.
    """

    def __init__(self) -> None:
        self._done: dict[str, int] = {}
        self._bytes = self._worker_s = 0.0

    @property
    def bytes_per_s(self) -> float | None:
        """Return a worker's speed; None before one has done a second's work."""
        return self._bytes / self._worker_s if self._bytes > 0 and self._worker_s >= 1 else None

    def look(self, done_bytes: Mapping[str, int], workers: float, elapsed_s: float, *, count: bool) -> None:
        """Count what each proxy's workers have done since it was looked at; nothing of a proxy that is new here."""
        grown = sum(max(0, done - self._done.get(name, done)) for name, done in done_bytes.items())
        self._done = dict(done_bytes)
        if count:
            keep = 0.5 ** (elapsed_s / _SPEED_MEMORY_S)
            self._bytes = keep * self._bytes + grown
            self._worker_s = keep * self._worker_s + workers * elapsed_s


def _mixed(before: float, now: float, elapsed_s: float, half_life_s: float) -> float:
    keep: float = 0.5 ** (elapsed_s / half_life_s)
    return keep * before + (1 - keep) * now
