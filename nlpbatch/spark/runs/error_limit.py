"""When a run stops because too many of its rows fail."""

from typing import Final

from nlpbatch.client.columns.task_stats import TaskStats
from nlpbatch.errors import TooManyErrors

MIN_ROWS: Final = 1_000
"""From this many rows on, a ratio of errors is meaningful."""


class ErrorLimit:
    """Counts the rows of a run, and stops it once too many of them have failed.

    Args:
        max_ratio: Greatest share of failed rows, 0 to 1; no limit if None.
        dead_letters: Where the failed rows are, for the message.

    """

    def __init__(self, max_ratio: float | None, dead_letters: str) -> None:
        self._max_ratio = max_ratio
        self._dead_letters = dead_letters
        self._rows = self._dead = 0
        self._fault: str | None = None

    def add(self, *, rows: int, dead: int) -> None:
        """Count the rows of a micro-batch that is part of the output, and those of them that failed."""
        self._rows += rows
        self._dead += dead

    def check(self) -> None:
        """Refuse to continue if too many of the counted rows have failed.

        Raises:
            TooManyErrors: With the counts, where the rows are, and the remedy.

        """
        fault = too_many_errors(self._dead, self._rows, self._max_ratio)
        if fault is not None:
            raise self._error(fault)

    def is_exceeded_with(self, under_way: TaskStats) -> bool:
        """Return whether too many rows have failed, including those of the micro-batch that is under way."""
        self._fault = too_many_errors(self._dead + under_way.failed, self._rows + under_way.documents, self._max_ratio)
        return self._fault is not None

    @property
    def exceeded(self) -> TooManyErrors | None:
        """Return the error if `is_exceeded_with` found the limit exceeded when it was last asked."""
        return None if self._fault is None else self._error(self._fault)

    def _error(self, fault: str) -> TooManyErrors:
        return TooManyErrors(
            f"{fault}: see the dead letters in {self._dead_letters}; "
            "start again with a higher --max-error-ratio to resume"
        )


def too_many_errors(dead: int, rows: int, max_ratio: float | None) -> str | None:
    """Return what is wrong with the share of rows that failed, in words; None if it is within the limit.

    Args:
        dead: Rows that failed.
        rows: Rows in all.
        max_ratio: Greatest share of them, 0 to 1; no limit if None.

    """
    if max_ratio is None or rows < MIN_ROWS or dead <= max_ratio * rows:
        return None
    return f"{dead:,} of {rows:,} rows failed ({dead / rows:.1%}), allowed are {max_ratio:.1%}"
