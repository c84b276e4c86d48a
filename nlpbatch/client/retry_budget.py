"""The retry budget of one client: its callers together may retry a share of their requests, and a few more.

A caller that waits for its own backoff knows nothing of the other callers. Together they may retry a share of the
recent requests, and one a second in any case; a retry beyond that waits for its turn. Modelled on the retry
budgets of Finagle and gRPC, which fail the request instead: a batch can wait.
"""

import threading
from typing import Final

_RATIO: Final = 0.2
_PER_S: Final = 1.0
_MAX_BALANCE: Final = 10.0


class RetryBudget:
    """A balance of retries that may go into debt; safe to use from several threads."""

    def __init__(self) -> None:
        self._balance = _MAX_BALANCE
        self._at_s: float | None = None
        self._lock = threading.Lock()

    def request(self) -> None:
        """Count a request that was sent for the first time."""
        with self._lock:
            self._balance = min(self._balance + _RATIO, _MAX_BALANCE)

    def take(self, now_s: float) -> float:
        """Count a retry, and return the seconds until it may be made."""
        with self._lock:
            passed_s = 0.0 if self._at_s is None else max(0.0, now_s - self._at_s)
            self._at_s = now_s
            self._balance = min(self._balance + passed_s * _PER_S, _MAX_BALANCE) - 1.0
            return max(0.0, -self._balance / _PER_S)
