"""How many workers the service should have, from what there is to do. Pure; the time is an argument.

Each look proposes a number of workers:

    those that are there, times the greatest of
        the part of the time that they are busy ÷ the part that they should be busy
        the wait of a class ÷ the wait that it should have at most, if it is longer
        2, if all are busy and requests wait: jobs send as much as they are advised to, so that nobody knows how much

at most twice as many as there are. A wait is what the class has waiting, divided by the speed at which workers were
seen to work. What is wanted rises to the least proposal of the last `up_window_s`, and falls to the greatest of the
last `down_window_s`: short peaks and pauses change nothing, and workers that are just starting aren't asked for twice,
because a proposal starts from those that are there. Source of the windows: Kubernetes' HorizontalPodAutoscaler.
"""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from proxy.config import ScalingSettings
from proxy.traffic.ticket import CLASS_NAMES, ClassName

_MEMORY_S: Final = 5.0
"""Half-life of the busy part."""
_SPEED_MEMORY_S: Final = 60.0
"""Half-life of a worker's speed."""
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
        slots: Requests that keep all of them busy.

    """

    workers: int
    slots: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many workers are wanted, and why, in words for the operator."""

    workers: int
    reason: str


class WantedWorkers:
    """Decides by what it is shown from time to time.

    Args:
        settings: Bounds, targets and windows; may be exchanged.

    """

    def __init__(self, settings: ScalingSettings) -> None:
        self.settings = settings
        self.latest: Wanted | None = None
        self._busy: float | None = None
        self._speed_bytes_per_s: float | None = None
        self._before: tuple[float, int] | None = None
        self._proposals: deque[tuple[float, int]] = deque()

    def look(self, load: Load, capacity: Capacity, now_s: float) -> Wanted:
        """Return how many workers are wanted now; to be called about once a second."""
        self._measure(load, capacity, now_s)
        proposal, reason = self._propose(load, capacity)
        proposals, settings = self._proposals, self.settings
        if not proposals:
            proposals.append((now_s, capacity.workers))
        proposals.append((now_s, proposal))
        while proposals[0][0] < now_s - max(settings.up_window_s, settings.down_window_s):
            proposals.popleft()
        before = self.latest.workers if self.latest is not None else capacity.workers
        low = min(number for at_s, number in proposals if at_s >= now_s - settings.up_window_s)
        high = max(number for at_s, number in proposals if at_s >= now_s - settings.down_window_s)
        workers = self._bounded(min(max(before, low), high))
        if workers != self._bounded(proposal):
            reason += f"; {workers} until that has lasted, or for what there was before"
        elif workers != proposal:
            reason += f"; {workers} is the bound"
        self.latest = Wanted(workers, reason)
        return self.latest

    def _measure(self, load: Load, capacity: Capacity, now_s: float) -> None:
        busy = min(1.0, load.in_flight / capacity.slots) if capacity.slots else 0.0
        if self._before is None or self._busy is None:
            self._before, self._busy = (now_s, load.done_bytes), busy
            return
        elapsed_s = now_s - self._before[0]
        if elapsed_s <= 0:
            return
        done_bytes = load.done_bytes - self._before[1]
        self._before = now_s, load.done_bytes
        self._busy = _mixed(self._busy, busy, elapsed_s, _MEMORY_S)
        # Fewer than before: a proxy has left, with its counts.
        if done_bytes > 0 and capacity.workers and busy >= _BUSY_ENOUGH:
            speed = done_bytes / elapsed_s / (capacity.workers * busy)
            self._speed_bytes_per_s = (
                speed
                if self._speed_bytes_per_s is None
                else _mixed(self._speed_bytes_per_s, speed, elapsed_s, _SPEED_MEMORY_S)
            )

    def _propose(self, load: Load, capacity: Capacity) -> tuple[int, str]:
        settings, there = self.settings, capacity.workers
        if not there:
            if any(load.waiting_bytes.values()):
                return max(1, settings.min_workers), "requests wait and there is no worker"
            return settings.min_workers, "there is no worker, and nothing waits"
        busy = self._busy or 0.0
        ratio, reason = busy / settings.busy_part, f"{there} workers are busy {busy:.0%} of the time"
        for name in CLASS_NAMES:
            wait_s, most_s = self._wait_s(load, there, name), settings.batch_wait_s
            if name == "interactive":
                most_s = settings.interactive_wait_s
            if wait_s > max(most_s, most_s * ratio):
                ratio, reason = wait_s / most_s, f"{name} requests wait {wait_s:.1f} s, {most_s:g} at most are wanted"
        saturated = load.in_flight >= _SATURATED * capacity.slots and any(load.waiting_bytes.values())
        if saturated and ratio < _GROWTH:
            ratio, reason = _GROWTH, f"all {there} workers are busy, and requests wait"
        if abs(ratio - 1) <= _TOLERANCE:
            return there, reason
        # A whole number of workers does the work; 4.0000001 is 4.
        return math.ceil(there * min(ratio, _GROWTH) - 1e-6), reason

    def _wait_s(self, load: Load, workers: int, name: ClassName) -> float:
        if not self._speed_bytes_per_s:
            return 0.0
        return load.waiting_bytes.get(name, 0) / (self._speed_bytes_per_s * workers)

    def _bounded(self, workers: int) -> int:
        settings = self.settings
        most = workers if settings.max_workers is None else settings.max_workers
        return max(settings.min_workers, min(workers, most))


def _mixed(before: float, now: float, elapsed_s: float, half_life_s: float) -> float:
    keep: float = 0.5 ** (elapsed_s / half_life_s)
    return keep * before + (1 - keep) * now
