"""How many requests may be sent a second time: a part of the recent ones, and a few in any case. Pure.

After Finagle's RetryBudget and Google's SRE book: without a budget, a service that fails because of its load gets
double the load.
"""

from typing import Final

_WINDOW_S: Final = 10.0
_ROUNDING: Final = 1e-9
"""A hundred times a fifth is twenty retries, not nineteen."""


class RetryBudget:
    """A balance: each request pays in a part of a retry, a few come in with time, and each retry costs one.

    Args:
        ratio: Retries per request.
        least: Retries each 10 s, however few requests there are.

    """

    def __init__(self, ratio: float, least: int) -> None:
        self.ratio = ratio
        self.least = least
        self._balance = float(least)
        self._at_s: float | None = None

    def request(self, now_s: float) -> None:
        """Count a request."""
        self._pass(now_s)
        self._balance += self.ratio

    def take(self, now_s: float) -> bool:
        """Return whether a retry may be made, and count it if so."""
        self._pass(now_s)
        if self._balance < 1 - _ROUNDING:
            return False
        self._balance -= 1
        return True

    def _pass(self, now_s: float) -> None:
        """Let time pay in the few, and forget what was paid in more than about 10 s ago."""
        passed_s = max(0.0, now_s - self._at_s) if self._at_s is not None else 0.0
        self._at_s = now_s
        kept = max(0.0, 1 - passed_s / _WINDOW_S)
        over = max(0.0, self._balance - self.least) * kept
        self._balance = min(self._balance, self.least) + over
        if self._balance < self.least:
            self._balance = min(self.least, self._balance + self.least * passed_s / _WINDOW_S)
