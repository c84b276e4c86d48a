"""Chunks of requests that wait for a worker: interactive ones first, each class in the order of arrival."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from nlpbatch.engine.job import Job, JobResult
from nlpbatch.errors import NlpbatchError


@dataclass(slots=True)
class QueuedChunk:
    """A chunk on its way through the pool.

    Args:
        job: Sent to a worker; replaced when a document of it is blamed for a death.
        size_bytes: Bytes of its texts.
        urgent: Whether it goes before batch chunks.
        result: Set by the pool; cancelled when the caller has closed the connection.
        queued_s: When it arrived, on the monotonic clock.
        taken_s: When a worker first took it.
        deaths: Number of workers that died with it on none of its documents: before, between or after them.

    """

    job: Job
    size_bytes: int
    urgent: bool
    result: asyncio.Future[JobResult]
    queued_s: float
    taken_s: float | None = None
    deaths: int = 0

    def fail(self, error: NlpbatchError) -> None:
        """Answer with an error, unless there is an answer."""
        if not self.result.done():
            self.result.set_exception(error)
            self.result.exception()  # marks it as retrieved: the caller may have left, or failed with another chunk


@dataclass(slots=True)
class ChunkQueue:
    """Chunks that wait for a worker, by class and job id, and the bytes of their texts."""

    urgent: OrderedDict[int, QueuedChunk] = field(default_factory=OrderedDict)
    batch: OrderedDict[int, QueuedChunk] = field(default_factory=OrderedDict)
    size_bytes: int = 0

    def push(self, queued: QueuedChunk, *, first: bool = False) -> None:
        """Add a chunk at the end of its class, or at the front."""
        queue = self._queue_of(queued)
        queue[queued.job.job_id] = queued
        queue.move_to_end(queued.job.job_id, last=not first)
        self.size_bytes += queued.size_bytes

    def pop(self) -> QueuedChunk | None:
        """Return the chunk to analyse next, None when nothing waits."""
        queue = self.urgent or self.batch
        if not queue:
            return None
        _, queued = queue.popitem(last=False)
        self.size_bytes -= queued.size_bytes
        return queued

    def discard(self, queued: QueuedChunk) -> None:
        """Remove a chunk from the queue; does nothing if it isn't waiting."""
        if self._queue_of(queued).pop(queued.job.job_id, None) is not None:
            self.size_bytes -= queued.size_bytes

    def _queue_of(self, queued: QueuedChunk) -> OrderedDict[int, QueuedChunk]:
        return self.urgent if queued.urgent else self.batch
