"""Tracks the progress of a run: the micro-batches that are done, and how far the one under way is."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from nlpbatch.client.stats import ClientStats
from nlpbatch.spark.progress import Progress


@dataclass(frozen=True, slots=True)
class _UnderWay:
    size_bytes: int
    rows: int | None
    """Rows it has, if its files tell."""
    rows_done: Callable[[], int]
    share_done: Callable[[], float]


class Tracker:
    """The progress of one start: the stream reports to it, and watchers read it.

    Args:
        total_bytes: Bytes of all input files that are not done when it starts.
        stats: Returns what the tasks' clients have done so far.
        lanes: Requests that all tasks together may have under way.

    """

    def __init__(self, total_bytes: int, stats: Callable[[], ClientStats], lanes: int) -> None:
        self._lock = threading.Lock()
        self._started_s = time.monotonic()
        self._total_bytes = total_bytes
        self._stats = stats
        self._lanes = lanes
        self._rows = 0
        self._bytes = 0
        self._now: _UnderWay | None = None

    @property
    def done_bytes(self) -> int:
        """Return the bytes of the input files whose micro-batches are done."""
        return self._bytes

    def begin(
        self, size_bytes: int, rows: int | None, rows_done: Callable[[], int], share_done: Callable[[], float]
    ) -> None:
        """Note that a micro-batch begins.

        Args:
            size_bytes: Bytes of its files.
            rows: Its rows; None if the files don't tell.
            rows_done: Returns how many of them have been answered.
            share_done: Returns what has been done of it, 0 to 1, for files that don't tell their rows.

        """
        with self._lock:
            self._now = _UnderWay(size_bytes, rows, rows_done, share_done)

    def end(self, rows: int) -> None:
        """Note that the micro-batch under way is done, with so many rows."""
        with self._lock:
            if self._now is not None:
                self._rows += rows
                self._bytes += self._now.size_bytes
                self._now = None

    def look(self) -> Progress:
        """Return how far it is."""
        with self._lock:
            now, rows, done_bytes = self._now, self._rows, self._bytes
        known_rows, known_bytes = rows, done_bytes
        exact = True
        if now is not None:
            answered = now.rows_done()
            share = answered / now.rows if now.rows else now.share_done()
            rows += answered
            done_bytes += int(now.size_bytes * min(1.0, share))
            exact = now.rows is not None
            known_rows += now.rows or 0
            known_bytes += now.size_bytes if exact else 0
        total_rows = round(known_rows * self._total_bytes / known_bytes) if known_bytes else None
        seconds = time.monotonic() - self._started_s
        return Progress(
            rows=rows,
            rows_total=None if total_rows is None else max(total_rows, rows),
            done_bytes=done_bytes,
            total_bytes=max(self._total_bytes, done_bytes),
            seconds=seconds,
            throttled=min(1.0, self._stats().throttled_s / (seconds * self._lanes)) if seconds > 0 else 0.0,
            exact=exact and known_bytes >= self._total_bytes,
        )
