"""The pool's end of one worker's socket."""

import asyncio
from collections.abc import Callable
from typing import cast

from nlpbatch.engine.frames import FrameBuffer
from nlpbatch.engine.job import Job, JobFailure, JobResult, read_answer


class WorkerChannel(asyncio.Protocol):
    """Sends jobs to a worker and reports its answers and its death to the pool.

    Args:
        slot: The worker's slot on the scoreboard.
        pid: The worker's process id.
        on_answer: Called with this channel and an answer; of two jobs, that of the later one comes first.
        on_gone: Called once with this channel when the worker has ended.

    """

    def __init__(
        self,
        slot: int,
        pid: int,
        on_answer: Callable[["WorkerChannel", JobResult | JobFailure], None],
        on_gone: Callable[["WorkerChannel"], None],
    ) -> None:
        self.slot = slot
        self.pid = pid
        self._on_answer = on_answer
        self._on_gone = on_gone
        self._frames = FrameBuffer()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def ask(self, job: Job) -> None:
        """Send a job to an idle worker, or a second one that interrupts the first."""
        assert self._transport is not None  # noqa: S101  (connected before the pool sees it)
        self._transport.write(job.to_frame())

    def data_received(self, data: bytes) -> None:
        """Report an answer once it is complete."""
        for header, body in self._frames.feed(data):
            self._on_answer(self, read_answer(header, body))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Report the end of the worker, which closes its socket whatever it died of."""
        self._on_gone(self)

    def close(self) -> None:
        """Close the socket, so that the worker ends after its current job; unsent jobs are dropped."""
        if self._transport is not None:
            self._transport.abort()
