"""A backend of a simulation: workers, a queue that serves interactive requests first, and its faults. Pure."""

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from random import Random
from typing import Final

from proxy.planning.workloads import BackendWork
from proxy.traffic.retries import Failure, Outcome
from proxy.traffic.ticket import Ticket

_OK: Final = HTTPStatus.OK.value
_FAILED: Final = HTTPStatus.INTERNAL_SERVER_ERROR.value


class Timeline:
    """What is to happen, in order of time."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = count()

    def after(self, delay_s: float, act: Callable[[], None]) -> None:
        """Let something happen so much later."""
        heapq.heappush(self._events, (self.now_s + delay_s, next(self._count), act))

    def run(self, end_s: float) -> None:
        """Let everything happen that happens before the end."""
        while self._events and self._events[0][0] <= end_s:
            self.now_s, _, act = heapq.heappop(self._events)
            act()
        self.now_s = end_s


@dataclass(eq=False, slots=True)
class _Work:
    """A request at the backend."""

    request: Ticket
    done: Callable[[Outcome], None]
    """Called with how the attempt ended."""
    left_s: float
    end_s: float = 0.0
    starts: int = 0
    """How often it was started; it is preempted in between."""

    @property
    def urgent(self) -> bool:
        """Return whether a person waits for it."""
        return self.request.class_name == "interactive"


@dataclass(eq=False, slots=True)
class SimulatedBackend:
    """Serves requests as a real one with so many workers would.

    Args:
        kind: How fast it is.
        timeline: Where its answers happen.
        random: Its chance.

    """

    kind: BackendWork
    timeline: Timeline
    random: Random
    down: bool = False
    failing: float = 0.0
    """Which part of its requests it answers with an error."""
    failure_s: float | None = None
    """How long such an error takes, without a worker; None for errors that come after the work."""
    slowness: float = 1.0
    busy_s: float = 0.0
    """Seconds of work done by all workers."""
    joined_s: float = 0.0
    left_s: float | None = None
    """When it was taken out: it ends what it has, and gets nothing more."""
    _urgent: deque[_Work] = field(default_factory=deque)
    _batch: deque[_Work] = field(default_factory=deque)
    _running: list[_Work] = field(default_factory=list)

    def send(self, request: Ticket, done: Callable[[Outcome], None]) -> None:
        """Take a request; `done` is called when it is answered or fails."""
        if self.down:
            self.timeline.after(0.001, lambda: done(Failure.NOT_CONNECTED))
            return
        if self.failure_s is not None and self._fails():
            self.timeline.after(self.failure_s, lambda: done(_FAILED))
            return
        work = _Work(request, done, self._seconds(request.cost_bytes))
        if len(self._running) < self.kind.workers:
            self._start(work)
        elif work.urgent and (held_up := self._preemptible()) is not None:
            self._stop(held_up)
            self._batch.appendleft(held_up)
            work.left_s += self.kind.document_s / 2  # the document that the worker is on comes first
            self._start(work)
        else:
            (self._urgent if work.urgent else self._batch).append(work)

    def break_down(self) -> None:
        """Lose everything that is here, and refuse connections from now on."""
        self.down = True
        for work in (*self._urgent, *self._batch, *self._running):
            work.starts += 1  # what was to happen to it doesn't
            self.timeline.after(0.001, lambda done=work.done: done(Failure.BROKEN_OFF))  # type: ignore[misc]
        for works in (self._urgent, self._batch, self._running):
            works.clear()

    def recover(self) -> None:
        """Be as before the fault."""
        self.down, self.failing, self.failure_s, self.slowness = False, 0.0, None, 1.0

    def _start(self, work: _Work) -> None:
        work.starts += 1
        work.end_s = self.timeline.now_s + work.left_s
        self._running.append(work)
        self.timeline.after(work.left_s, lambda start=work.starts: self._finish(work, start))  # type: ignore[misc]

    def _stop(self, work: _Work) -> None:
        self._running.remove(work)
        left_s = work.end_s - self.timeline.now_s
        self.busy_s += work.left_s - left_s
        work.left_s = left_s
        work.starts += 1

    def _finish(self, work: _Work, start: int) -> None:
        if work.starts != start:
            return
        self._stop(work)
        if self._urgent or self._batch:
            self._start((self._urgent or self._batch).popleft())
        failed = self.failure_s is None and self._fails()
        outcome = _FAILED if failed else _OK
        if self.kind.round_trip_s:
            self.timeline.after(self.kind.round_trip_s, lambda: work.done(outcome))
        else:
            work.done(outcome)

    def _fails(self) -> bool:
        return self.failing > 0 and self.random.random() < self.failing

    def _preemptible(self) -> _Work | None:
        """Return the job's request that would end last of those being served; None if interactive requests have all."""
        return max((work for work in self._running if not work.urgent), key=lambda work: work.end_s, default=None)

    def _seconds(self, size_bytes: int) -> float:
        kind = self.kind
        # The mean is the stated one, whatever the spread.
        noise = self.random.lognormvariate(-(kind.spread**2) / 2, kind.spread) if kind.spread else 1.0
        return (kind.base_s + size_bytes / kind.bytes_per_s) * self.slowness * noise
