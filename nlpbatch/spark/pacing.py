"""How many bytes a task has under way: as the proxy advises its job, and less at once when the service is in trouble.

All tasks of a job get the same advice: so many requests are outstanding, so many would do. Each changes its own bound
by the same factor, by a quarter at most and not more often than answers tell of it, so that together they come to what
is wanted without knowing of each other, and don't swing.

A refusal halves the bound, once for all that come together. What was given up comes back as the proxy advises; of
answers without advice, which come from elsewhere than the proxy, each bound's worth adds one request (AIMD: Chiu and
Jain 1989).
"""

import threading
from typing import Final

from nlpbatch.client.policy import is_doubtful
from nlpbatch.errors import NlpbatchError
from nlpbatch.wire.advice import Advice

_STEP: Final = 1.25
_CUT: Final = 0.5
_PERIOD_S: Final = 0.5


class Pacing:
    """One task's bound on bytes under way; safe to use from several threads.

    Args:
        most: Most requests under way; the bound begins at that many full ones and doesn't go over.
        request_bytes: What a full request holds.

    """

    def __init__(self, most: int, request_bytes: int) -> None:
        self._most = most
        self._request_bytes = float(request_bytes)
        self._most_bytes = most * self._request_bytes
        self._bound_bytes = self._most_bytes
        self._advised_s: float | None = None
        self._cut_s: float | None = None
        self._lock = threading.Lock()

    def has_room(self, running: int, running_bytes: int) -> bool:
        """Return whether another request may be begun; one always may."""
        if running == 0 or self._bound_bytes >= self._most_bytes:
            return running < self._most
        half = self._request_bytes / 2  # so that a bound of 2.6 requests lets three be under way, and one of 2.4 two
        return running < self._most and running_bytes + half <= self._bound_bytes

    def advised(self, advice: Advice, now_s: float) -> None:
        """Follow the advice a step further."""
        with self._lock:
            if not _due(self._advised_s, now_s):
                return
            self._advised_s = now_s
            self._change(min(max(advice.wanted / max(1, advice.outstanding), 1 / _STEP), _STEP))

    def refused(self, error: NlpbatchError, now_s: float) -> None:
        """Make way after an error that says that the service is busy or away."""
        with self._lock:
            if not is_doubtful(error) and _due(self._cut_s, now_s):
                self._cut_s = now_s
                self._change(_CUT)

    def answered(self, body_bytes: int) -> None:
        """Add back a little after an answer, unless the proxy says how much."""
        with self._lock:
            if self._advised_s is None:
                self._change(1 + self._request_bytes * body_bytes / self._bound_bytes**2)

    def _change(self, factor: float) -> None:
        self._bound_bytes = min(max(self._bound_bytes * factor, self._request_bytes), self._most_bytes)


def _due(last_s: float | None, now_s: float) -> bool:
    return last_s is None or now_s - last_s >= _PERIOD_S
