"""The rows of the part that is being made."""

import time
from collections.abc import Callable
from typing import Final

import pyarrow as pa

from nlpbatch.client.columns.task_stats import TaskStats
from nlpbatch.files.counts import Counts, Outcomes
from nlpbatch.files.part_store import StoredPart
from nlpbatch.wire.limits import MIB

_PART_BYTES: Final = 32 * MIB
"""Rows with their outcomes that make a part: about ten thousand reviews, as one row group of the output."""
_PART_S: Final = 10.0
"""A part is closed after this time: more than this isn't lost when the process is killed."""


class PartRows:
    """Collects rows until they make a part.

    A Ctrl-C may come between any two steps: what is counted is derived from the rows when the part is closed.

    Args:
        number: The part's.
        outcomes: Which rows failed.
        stats: Returns what this start's requests took so far.
        before: The part before it; its stats and time end where those of this one begin.

    Attributes:
        ended_with: What the requests took when the part was last closed.
        ended_s: When that was.

    """

    def __init__(
        self, number: int, outcomes: Outcomes, stats: Callable[[], TaskStats], before: "PartRows | None" = None
    ) -> None:
        self.number = number
        self.batches: list[pa.RecordBatch] = []
        self._outcomes = outcomes
        self._stats = stats
        self._size_bytes = 0
        self.ended_with: TaskStats = stats() if before is None else before.ended_with
        self.ended_s: float = time.monotonic() if before is None else before.ended_s
        self._begun_with, self._began_s = self.ended_with, self.ended_s

    def add(self, batch: pa.RecordBatch) -> None:
        """Take rows with their outcomes."""
        self._size_bytes += batch.nbytes
        self.batches.append(self._outcomes.with_malformed(batch))

    @property
    def is_full(self) -> bool:
        """Return whether the part is to be closed."""
        return self._size_bytes >= _PART_BYTES or time.monotonic() - self._began_s >= _PART_S

    def split(self) -> tuple[list[pa.RecordBatch], list[pa.Array | None]]:
        """Return the rows, and which of them failed."""
        return self.batches, [self._outcomes.failed(batch) for batch in self.batches]

    def part(self) -> StoredPart:
        """Return the part's record."""
        counts = Counts()
        for batch in self.batches:
            counts += self._outcomes.count(batch)
        self.ended_with, self.ended_s = self._stats(), time.monotonic()
        return StoredPart(counts, self.ended_s - self._began_s, self.ended_with - self._begun_with)

    def following(self) -> "PartRows":
        """Return the next part, after `part` has closed this one."""
        return PartRows(self.number + 1, self._outcomes, self._stats, self)
