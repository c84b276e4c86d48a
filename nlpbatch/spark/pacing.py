"""How many requests a task has under way, as the proxy advises its job.

All tasks of a job get the same advice: so many are outstanding, so many would do. Each changes its own number by the
same factor, by a quarter at most and not more often than answers tell of it, so that together they come to what is
wanted without knowing of each other, and don't swing.
"""

import threading
from typing import Final

from nlpbatch.wire.advice import Advice

_STEP: Final = 1.25
_PERIOD_S: Final = 0.5


class Pacing:
    """One task's number of requests under way; safe to use from several threads.

    Args:
        most: The configured number, which it begins with and doesn't go over.

    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._bound = float(most)
        self._changed_s: float | None = None
        self._lock = threading.Lock()

    def in_flight(self) -> int:
        """Return the number, from 1."""
        return max(1, round(self._bound))

    def advised(self, advice: Advice, now_s: float) -> None:
        """Follow the advice a step further."""
        with self._lock:
            if self._changed_s is not None and now_s - self._changed_s < _PERIOD_S:
                return
            self._changed_s = now_s
            factor = min(max(advice.wanted / max(1, advice.outstanding), 1 / _STEP), _STEP)
            self._bound = min(max(self._bound * factor, 1.0), float(self._most))
