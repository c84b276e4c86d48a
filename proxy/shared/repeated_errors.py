"""Logs errors of loops that go on: the first at once, and then not a line for each."""

import logging
from typing import Final

PERIOD_S: Final = 60.0
"""Between two lines about the same kind of error."""
_log = logging.getLogger("nlpbatch.proxy")


class RepeatedErrors:
    """The errors of one loop.

    Args:
        event: What didn't work, as the log names it.

    """

    def __init__(self, event: str) -> None:
        self._event = event
        self._counts: dict[str, int] = {}
        """By kind, since it was logged."""
        self._due_s: dict[str, float] = {}

    def log(self, error: Exception, now_s: float) -> None:
        """Log an error; if one of its type was logged within the last minute, count it for the next line.

        The line has no message: that may repeat what somebody sent.
        """
        kind = type(error).__name__
        count = self._counts[kind] = self._counts.get(kind, 0) + 1
        if now_s < self._due_s.get(kind, now_s):
            return
        self._counts[kind], self._due_s[kind] = 0, now_s + PERIOD_S
        _log.error(self._event, exc_info=error, extra={"reason": kind, "count": count})
