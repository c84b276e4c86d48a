"""How soon a client's callers may try again together, when the service doesn't say: a part of the requests, and a few.

Each of many callers that waits for its own backoff knows nothing of the others. Together they may make a part of the
recent requests again, and one a second in any case; who comes too early is told to wait for its turn. After the retry
budgets of Finagle and gRPC, which fail a request then: a batch has the time.
"""

import threading
from typing import Final

_RATIO: Final = 0.2
_PER_S: Final = 1.0
_MOST: Final = 10.0


class RetryBudget:
    """A balance of retries that may go into debt; safe to use from several threads."""

    def __init__(self) -> None:
        self._balance = _MOST
        self._at_s: float | None = None
        self._lock = threading.Lock()

    def request(self) -> None:
        """Count a request that was sent for the first time."""
        with self._lock:
            self._balance = min(self._balance + _RATIO, _MOST)

    def take(self, now_s: float) -> float:
        """Count a retry, and return in how many seconds it may be made."""
        with self._lock:
            passed_s = 0.0 if self._at_s is None else max(0.0, now_s - self._at_s)
            self._at_s = now_s
            self._balance = min(self._balance + passed_s * _PER_S, _MOST) - 1.0
            return max(0.0, -self._balance / _PER_S)
