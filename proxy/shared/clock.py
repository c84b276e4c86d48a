"""The fleet's time: the store's clock, as last read, since the clocks of proxies may differ by a minute."""

import time
from collections.abc import Callable
from typing import Final

_JITTER_S: Final = 1.0


class FleetClock:
    """The time in seconds since the epoch; this machine's own until a store has answered with its time.

    Args:
        wall_s: Returns this machine's time.
        monotonic_s: Returns a time that never goes back.

    """

    def __init__(
        self, wall_s: Callable[[], float] = time.time, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall_s = wall_s
        self._monotonic_s = monotonic_s
        self._offset_s: float | None = None
        self._last_s = 0.0

    def now_s(self) -> float:
        """Return the time, never less than before by milliseconds, which each look at the store's clock may be off."""
        now_s = self._monotonic_s() + self.offset_s()
        if self._last_s - _JITTER_S < now_s < self._last_s:
            return self._last_s
        self._last_s = now_s
        return now_s

    def offset_s(self) -> float:
        """Return the time at which the monotonic clock was 0."""
        return self._wall_s() - self._monotonic_s() if self._offset_s is None else self._offset_s

    def adopt(self, store_us: int) -> None:
        """Go by the store's clock, which has just said that it is so many microseconds since the epoch."""
        self._offset_s = store_us / 1e6 - self._monotonic_s()
