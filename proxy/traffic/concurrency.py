"""How many requests a backend may have at a time: numbers in, a number out. Pure; `Slots` enforces the limit.

`AdaptiveLimit` is TCP Vegas (Brakmo, Peterson 1995; Netflix's concurrency-limits) with three changes, each because the
original fails here:
- Latency is divided by the service time that the request's size predicts. Raw latency takes a shift from short texts to
  long ones for congestion, and rejects nearly half of a load that fits.
- The backend states its workers, so the limit starts there, and the queue that is wanted inside the backend is half a
  request to one per worker. The original's 3 to 6 requests are too many for 2 workers: a job with few requests at a
  time would lose its share to one with many.
- The service time is learned while there are no more requests than workers, when nothing waits inside the backend.
  Under lasting load that never happens by itself, so the limit goes down to the workers every few seconds, which
  leaves none of them idle. (Probing at one request, as others do, pins the throughput: envoy#46532.)
"""

import math
from typing import Final, Protocol

from proxy.config import ConcurrencySettings

_WINDOW_S: Final = 1.0
_WINDOW_SAMPLES: Final = 10
_PROBE_PERIOD_S: Final = 4.0
_PROBE_SAMPLES: Final = 10
_PROBE_MAX_S: Final = 2.0
_BACK_OFF: Final = 0.9
_FORGET: Final = 1 / 24
"""How much a sample counts against all before it: a backend that became slower is known after one or two probes."""


class Limit(Protocol):
    """A limit that may learn from what it let through."""

    @property
    def value(self) -> int:
        """Return the requests that may be at the backend now, at least 1."""
        ...

    @property
    def lasting(self) -> int:
        """Return the same, without regard to a probe that lowers it for a moment."""
        ...

    def stated(self, workers: int) -> None:
        """Take note of the workers that the backend says it has."""
        ...

    def record(self, *, now_s: float, seconds: float, cost_bytes: int, in_flight: int, failed: bool) -> None:
        """Learn from one finished request.

        Args:
            now_s: Now.
            seconds: From sending to the whole answer.
            cost_bytes: The request's cost.
            in_flight: Requests at the backend when it was sent, itself included.
            failed: Whether it ended in a 5xx or a timeout.

        """
        ...


class FixedLimit:
    """A constant number of slots for each stated worker.

    Args:
        per_worker: Slots for each.

    """

    def __init__(self, per_worker: float) -> None:
        self._per_worker = per_worker
        self._workers = 1

    @property
    def value(self) -> int:
        """Return the slots."""
        return max(1, round(self._workers * self._per_worker))

    @property
    def lasting(self) -> int:
        """Return the slots, too."""
        return self.value

    def stated(self, workers: int) -> None:
        """Take note of the workers that the backend says it has."""
        self._workers = max(1, workers)

    def record(self, *, now_s: float, seconds: float, cost_bytes: int, in_flight: int, failed: bool) -> None:
        """Learn nothing."""


class ServiceTime:
    """What a request takes by its size, when it doesn't wait: least squares over the recent, which counts most."""

    def __init__(self) -> None:
        self._weight = self._x = self._y = self._xx = self._xy = 0.0
        self.samples = 0

    def learn(self, cost_bytes: int, seconds: float) -> None:
        """Add a sample."""
        keep = 1 - _FORGET
        self._weight = keep * self._weight + 1
        self._x = keep * self._x + cost_bytes
        self._y = keep * self._y + seconds
        self._xx = keep * self._xx + cost_bytes * cost_bytes
        self._xy = keep * self._xy + cost_bytes * seconds
        self.samples += 1

    def predict(self, cost_bytes: int) -> float:
        """Return seconds, above 0: a line with neither a negative start nor a negative slope."""
        mean_x, mean_y = self._x / self._weight, self._y / self._weight
        variance = self._xx / self._weight - mean_x * mean_x
        slope = (self._xy / self._weight - mean_x * mean_y) / variance if variance > 0.01 * mean_x**2 else math.inf
        # Without a spread of sizes nothing is known of the slope, and work is proportional to size.
        slope = min(max(slope, 0.0), mean_y / mean_x)
        return max(mean_y + slope * (cost_bytes - mean_x), 1e-6)


class AdaptiveLimit:
    """As many requests as keep the backend's workers busy with the next one at hand.

    Args:
        per_worker: Slots for each stated worker, to begin with.
        max_per_worker: As far as it goes.

    """

    def __init__(self, per_worker: float, max_per_worker: float) -> None:
        self._per_worker = per_worker
        self._max_per_worker = max_per_worker
        self._workers = 0
        self._limit = 1.0
        self._slots = 1
        self._service = ServiceTime()
        self._window = _Window(0.0)
        self._probe_s = 0.0
        self._probe_left = 0

    @property
    def value(self) -> int:
        """Return the slots."""
        return self._workers if self._probe_left else self._slots

    @property
    def lasting(self) -> int:
        """Return the slots but for a probe."""
        return self._slots

    def stated(self, workers: int) -> None:
        """Start over with another number of workers."""
        workers = max(1, workers)
        if workers != self._workers:
            self._workers = workers
            self._limit = max(1.0, workers * self._per_worker)
            self._slots = int(self._limit)

    def record(self, *, now_s: float, seconds: float, cost_bytes: int, in_flight: int, failed: bool) -> None:
        """Learn from one finished request; see `Limit`."""
        if in_flight > max(self.value, self._workers) and not failed:
            return  # it was let in beyond the limit, of which it says nothing
        self._window.add(in_flight, failed=failed)
        if not failed:
            self._learn(seconds, cost_bytes, in_flight, now_s)
        if now_s - self._window.start_s >= _WINDOW_S and self._window.samples >= _WINDOW_SAMPLES:
            self._adjust()
            self._window = _Window(now_s)
        self._probe(now_s)

    def _learn(self, seconds: float, cost_bytes: int, in_flight: int, now_s: float) -> None:
        if in_flight <= max(1, self._workers):
            self._service.learn(cost_bytes, seconds)
            self._probe_s = now_s if not self._probe_left else self._probe_s
            self._probe_left = max(0, self._probe_left - 1)
        if self._service.samples:
            self._window.waited(seconds, self._service.predict(cost_bytes))

    def _adjust(self) -> None:
        window, step = self._window, max(1.0, self._workers / 8)
        if window.failed:
            self._limit *= _BACK_OFF
        elif window.most_in_flight >= self._limit / 2:  # else it isn't the limit that holds anything back
            queued = window.queued
            if queued < self._workers / 2 and window.most_in_flight >= self._slots:
                self._limit += step
            elif queued > self._workers:
                # One more than workers, or they wait for us between two requests.
                self._limit = max(self._limit - step, min(self._limit, self._workers + 1.0))
        self._limit = min(max(self._limit, 1.0), max(1.0, self._workers * self._max_per_worker))
        self._slots = int(self._limit)

    def _probe(self, now_s: float) -> None:
        """Go down to the workers for some requests, when there has been no such moment for long."""
        if self._probe_left and now_s - self._probe_s > _PROBE_MAX_S:
            self._probe_left, self._probe_s = 0, now_s
        elif not self._probe_left and now_s - self._probe_s > _PROBE_PERIOD_S and self._limit > self._workers > 0:
            self._probe_left, self._probe_s = _PROBE_SAMPLES, now_s


class _Window:
    """What happened in about a second."""

    def __init__(self, start_s: float) -> None:
        self.start_s = start_s
        self.samples = 0
        self.failed = 0
        self.most_in_flight = 0
        self._in_flight = 0
        self._seconds = self._predicted_s = 0.0

    def add(self, in_flight: int, *, failed: bool) -> None:
        """Count a request."""
        self.samples += 1
        self.failed += failed
        self._in_flight += in_flight
        self.most_in_flight = max(self.most_in_flight, in_flight)

    def waited(self, seconds: float, predicted_s: float) -> None:
        """Count what it took and what it would have taken alone."""
        self._seconds += seconds
        self._predicted_s += predicted_s

    @property
    def queued(self) -> float:
        """Return how many of the requests at the backend were waiting there, on the average."""
        if self._seconds <= self._predicted_s:
            return 0.0
        return self._in_flight / self.samples * (1 - self._predicted_s / self._seconds)


def new_limit(settings: ConcurrencySettings) -> Limit:
    """Return a limit for one backend."""
    if settings.policy == "fixed":
        return FixedLimit(settings.per_worker)
    return AdaptiveLimit(settings.per_worker, settings.max_per_worker)
