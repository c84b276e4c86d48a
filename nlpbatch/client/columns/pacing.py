"""Bounds the bytes that a task has under way: by the proxy's advice to its job, and by half after a refusal.

All tasks of a job get the same advice: how many requests are outstanding, and how many the proxy wants. Each task
changes its own bound by their ratio, by a quarter at most and at most once a period, so that the tasks together
converge on what is wanted without knowing of each other, and don't oscillate.

A refusal halves the bound; refusals that arrive together halve it once. The proxy's advice raises it again. Where
answers carry no advice, because there is no proxy, each full bound of answers adds one request (AIMD: Chiu and Jain
1989).
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
        max_requests: Most requests under way; the bound starts at that many full requests and never exceeds them.
        request_bytes: What a full request holds.

    """

    def __init__(self, max_requests: int, request_bytes: int) -> None:
        self._max_requests = max_requests
        self._request_bytes = float(request_bytes)
        self._max_bytes = max_requests * self._request_bytes
        self._bound_bytes = self._max_bytes
        self._advised_s: float | None = None
        self._cut_s: float | None = None
        self._lock = threading.Lock()

    def has_room(self, running: int, running_bytes: int) -> bool:
        """Return whether another request may start; a first one always may."""
        if running == 0 or self._bound_bytes >= self._max_bytes:
            return running < self._max_requests
        half = self._request_bytes / 2  # so that a bound of 2.6 requests lets three be under way, and one of 2.4 two
        return running < self._max_requests and running_bytes + half <= self._bound_bytes

    def advised(self, advice: Advice, now_s: float) -> None:
        """Follow the advice a step further."""
        with self._lock:
            if not _due(self._advised_s, now_s):
                return
            self._advised_s = now_s
            self._change(min(max(advice.wanted / max(1, advice.outstanding), 1 / _STEP), _STEP))

    def refused(self, error: NlpbatchError, now_s: float) -> None:
        """Halve the bound after an error that says that the service is busy or away."""
        with self._lock:
            if not is_doubtful(error) and _due(self._cut_s, now_s):
                self._cut_s = now_s
                self._change(_CUT)

    def answered(self, body_bytes: int) -> None:
        """Raise the bound a little after an answer, unless the proxy's advice sets it."""
        with self._lock:
            if self._advised_s is None:
                self._change(1 + self._request_bytes * body_bytes / self._bound_bytes**2)

    def _change(self, factor: float) -> None:
        self._bound_bytes = min(max(self._bound_bytes * factor, self._request_bytes), self._max_bytes)


def _due(last_s: float | None, now_s: float) -> bool:
    return last_s is None or now_s - last_s >= _PERIOD_S
