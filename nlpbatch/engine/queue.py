"""Pieces of requests waiting for a worker: interactive ones first, each class in the order of arrival."""

import asyncio
from collections import deque
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
        unexplained_deaths: Workers that died with it, but on none of its documents.

    """

    job: Job
    size_bytes: int
    urgent: bool
    result: asyncio.Future[JobResult]
    queued_s: float
    taken_s: float | None = None
    unexplained_deaths: int = 0


@dataclass(slots=True)
class PieceQueue:
    """Pieces waiting for a worker, by class, and the bytes they hold."""

    urgent: deque[Pending] = field(default_factory=deque)
    batch: deque[Pending] = field(default_factory=deque)
    size_bytes: int = 0

    def push(self, pending: Pending, *, first: bool = False) -> None:
        """Add a piece at the end of its class, or at the front."""
        queue = self.urgent if pending.urgent else self.batch
        (queue.appendleft if first else queue.append)(pending)
        self.size_bytes += pending.size_bytes

    def pop(self) -> Pending | None:
        """Return the piece to analyse next, None when nothing waits."""
        queue = self.urgent or self.batch
        if not queue:
            return None
        pending = queue.popleft()
        self.size_bytes -= pending.size_bytes
        return pending
