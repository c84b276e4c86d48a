"""Pieces of requests waiting for a worker: interactive ones first, each class in the order of arrival."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from nlpbatch.engine.job import Job, JobResult


@dataclass(slots=True)
class Pending:
    """A piece on its way through the pool.

    Args:
        job: What a worker is asked; replaced when a document of it is blamed for a death.
        size_bytes: Bytes of its texts.
        urgent: Whether it goes before batch pieces.
        result: Set by the pool; cancelled when the caller has hung up.
        queued_s: When it arrived, on the monotonic clock.
        taken_s: When a worker first took it.
        deaths: Workers that died with it, but on none of its documents: before, between or after them.

    """

    job: Job
    size_bytes: int
    urgent: bool
    result: asyncio.Future[JobResult]
    queued_s: float
    taken_s: float | None = None
    deaths: int = 0


@dataclass(slots=True)
class PieceQueue:
    """Pieces waiting for a worker, by class and job id, and the bytes they hold."""

    urgent: OrderedDict[int, Pending] = field(default_factory=OrderedDict)
    batch: OrderedDict[int, Pending] = field(default_factory=OrderedDict)
    size_bytes: int = 0

    def push(self, pending: Pending, *, first: bool = False) -> None:
        """Add a piece at the end of its class, or at the front."""
        queue = self._queue_of(pending)
        queue[pending.job.job_id] = pending
        queue.move_to_end(pending.job.job_id, last=not first)
        self.size_bytes += pending.size_bytes

    def pop(self) -> Pending | None:
        """Return the piece to analyse next, None when nothing waits."""
        queue = self.urgent or self.batch
        if not queue:
            return None
        _, pending = queue.popitem(last=False)
        self.size_bytes -= pending.size_bytes
        return pending

    def discard(self, pending: Pending) -> None:
        """Take a piece out wherever it stands; does nothing if it isn't waiting."""
        if self._queue_of(pending).pop(pending.job.job_id, None) is not None:
            self.size_bytes -= pending.size_bytes

    def _queue_of(self, pending: Pending) -> OrderedDict[int, Pending]:
        return self.urgent if pending.urgent else self.batch
