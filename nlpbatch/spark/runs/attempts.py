"""Records every start of a driver on an output and how it ended, in a file that is written at its start and end."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from typing import Final, Literal

from nlpbatch.spark.runs.layout import ATTEMPTS
from nlpbatch.spark.storage import Storage

Ending = Literal["running", "complete", "stopped", "failed"]
_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class RunAttempt:
    """One start of a driver. One that was killed stays "running", because it could not record its end.

    Args:
        number: From 1.
        started_at: ISO 8601, UTC.
        application: Spark's id of the application.
        state: How it ended.
        ended_at: When; None while it runs.
        reason: Why it stopped or failed.

    """

    number: int
    started_at: str
    application: str
    state: Ending = "running"
    ended_at: str | None = None
    reason: str | None = None


class AttemptLog:
    """The starts on one output."""

    def __init__(self, output: Storage) -> None:
        self._output = output

    def count(self) -> int:
        """Return how many attempts there have been."""
        return len(self._output.names(ATTEMPTS))

    def begin(self, application: str) -> RunAttempt:
        """Return a new attempt, after recording it."""
        attempt = RunAttempt(self.count() + 1, now_text(), application)
        self._write(attempt)
        return attempt

    def end(self, attempt: RunAttempt, state: Ending, reason: str | None = None) -> None:
        """Record how an attempt ended."""
        self._write(replace(attempt, state=state, ended_at=now_text(), reason=reason))

    def _write(self, attempt: RunAttempt) -> None:
        name = f"{ATTEMPTS}/{attempt.number:0{_DIGITS}d}.json"
        self._output.write_text(name, json.dumps(asdict(attempt), ensure_ascii=False, indent=2) + "\n")


def now_text() -> str:
    """Return the time, as records write it."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")  # noqa: UP017  (of Python 3.10)
