"""How long requests wait: predicted by how fast the queue is worked off, and bounded by controlled delay. Pure."""

from typing import Final

_WINDOW_S: Final = 0.25


class DrainRate:
    """How fast the service works off its queue: an exponentially weighted mean of bytes finished per second.

    Source of the use made of it: Retry-After = bytes ahead ÷ this rate, never a constant.

    Measured only while requests wait: without a queue, what is finished is what was asked for, which says nothing of
    what could be. A quiet hour must not look like a slow service to the burst that ends it.

    Args:
        half_life_s: After so long, half of the mean comes from what happened since.

    """

    def __init__(self, half_life_s: float = 5.0) -> None:
        self._half_life_s = half_life_s
        self._rate_bytes_per_s = 0.0
        self._window_bytes = 0
        self._window_start_s: float | None = None

    def finished(self, cost_bytes: int, now_s: float, *, backlogged: bool) -> None:
        """Count one finished request; `backlogged` tells whether others wait for its slot."""
        if not backlogged:
            self._window_bytes, self._window_start_s = 0, None
            return
        if self._window_start_s is None:
            self._window_start_s = now_s  # what has just finished was done before
            return
        self._window_bytes += cost_bytes
        elapsed_s = now_s - self._window_start_s
        if elapsed_s >= _WINDOW_S:
            self._close_window(elapsed_s, now_s)

    def seconds_for(self, size_bytes: float) -> float | None:
        """Return how long so many bytes will take; None as long as nothing is known."""
        return size_bytes / self._rate_bytes_per_s if self._rate_bytes_per_s > 0 else None

    def _close_window(self, elapsed_s: float, now_s: float) -> None:
        rate = self._window_bytes / elapsed_s
        keep = 0.5 ** (elapsed_s / self._half_life_s) if self._rate_bytes_per_s else 0.0
        self._rate_bytes_per_s = keep * self._rate_bytes_per_s + (1 - keep) * rate
        self._window_bytes, self._window_start_s = 0, now_s


class Codel:
    """Controlled delay of one class: refuses what waited too long when its queue doesn't empty.

    After Nichols and Jacobson (Controlling Queue Delay, 2012), as overload control uses it: while in each interval
    some request waits less than the target, the queue is a burst, and good. An interval in which even the least wait
    was over the target has a standing queue: in the next, what waited more than twice the target is refused, since its
    caller has most likely gone, and the time is better spent on those who haven't.

    Args:
        target_s: Longest wait that a standing queue may cause.
        interval_s: How long it may take a burst to go by.

    """

    def __init__(self, target_s: float, interval_s: float) -> None:
        self.target_s = target_s
        self.interval_s = interval_s
        self.overloaded = False
        self._min_s: float | None = None
        self._end_s = 0.0

    def drops(self, waited_s: float, now_s: float) -> bool:
        """Return whether a request whose turn has come is to be refused, having waited so long."""
        if now_s >= self._end_s:
            stood = now_s - waited_s <= self._end_s  # else the queue has been empty since
            self.overloaded = stood and self._min_s is not None and self._min_s > self.target_s
            self._min_s, self._end_s = None, now_s + self.interval_s
        self._min_s = waited_s if self._min_s is None else min(self._min_s, waited_s)
        return self.overloaded and waited_s > 2 * self.target_s
