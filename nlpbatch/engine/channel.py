"""The pool's end of one worker's socket."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from nlpbatch.engine.frames import FrameBuffer
from nlpbatch.engine.job import Job, JobResult


class WorkerChannel(asyncio.Protocol):
    """Sends jobs to a worker and tells the pool of their results, or of its death.

    Args:
        slot: The worker's slot on the board.
        pid: The worker's process id.
        on_result: Called with this channel and a result; of two jobs, that of the later one comes first.
        on_gone: Called once with this channel when the worker has ended.

    """

    def __init__(
        self,
        slot: int,
        pid: int,
        on_result: Callable[["WorkerChannel", JobResult], None],
        on_gone: Callable[["WorkerChannel"], None],
    ) -> None:
        self.slot = slot
        self.pid = pid
        self._on_result = on_result
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
        """Hand on a result once it is complete."""
        for header, body in self._frames.feed(data):
            self._result(header, body)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Tell the pool; a worker closes its socket by ending, whatever the reason."""
        self._on_gone(self)

    def close(self) -> None:
        """Let the worker end after what it is doing; what hasn't been sent yet is not sent."""
        if self._transport is not None:
            self._transport.abort()

    def _result(self, header: dict[str, Any], body: bytes) -> None:
        self._on_result(self, JobResult.from_frame(header, body))
