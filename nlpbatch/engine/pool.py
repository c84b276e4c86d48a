"""The worker pool: one loaded engine, forked workers, one document at a time.

Rules:
- A request is cut into chunks (`chunks`), which wait in a queue and are handed to workers (`dispatcher`).
- When a worker dies, its document gets an error, and another worker analyses the rest of its chunk.
- An exception that the engine raises outside of a document fails the request, not the worker.
- After three deaths on a chunk with no document to blame, all its documents get errors, without a fourth worker.
  Options that cost three workers in a row are refused for a while (`poison`).
- A chunk whose caller has closed the connection is dropped.
- A worker that takes too long on a document, or grows too much on it, is killed; an idle one that has grown is replaced
  (`watchdog`).
- A slot whose worker died gets a new one from the forkserver at once, after a failed start only after a pause
  (`worker_starter`).
"""

import asyncio
import itertools
import logging
import time
from typing import Final, Protocol

import pyarrow as pa

from nlpbatch.engine.answer import PoolAnswer, answer_of
from nlpbatch.engine.channel import WorkerChannel
from nlpbatch.engine.chunks import Chunk, cut
from nlpbatch.engine.dispatcher import Dispatcher
from nlpbatch.engine.encode import settled
from nlpbatch.engine.forkserver_client import ForkServerClient
from nlpbatch.engine.job import Encoding, Job, JobFailure, JobResult
from nlpbatch.engine.limits import PoolLimits
from nlpbatch.engine.poison import PoisonedOptions
from nlpbatch.engine.protocol import EngineInfo, EngineSpec
from nlpbatch.engine.quarantine import Quarantine
from nlpbatch.engine.queue import QueuedChunk
from nlpbatch.engine.rate import AnalysisRate
from nlpbatch.engine.scoreboard import Scoreboard
from nlpbatch.engine.watchdog import CHECK_PERIOD_S, Watchdog
from nlpbatch.engine.worker_starter import WorkerStarter
from nlpbatch.errors import ConfigError, Draining, NoCapacity
from nlpbatch.wire.options import Options

_log = logging.getLogger("nlpbatch.engine")
_START_TIMEOUT_S: Final = 60.0


class PoolObserver(Protocol):
    """Counts the events of a pool."""

    def worker_lost(self) -> None:
        """Count a worker that ended though the pool had not ended it."""


class WorkerPool:
    """Analyses documents on forked workers; one pool per analyzer."""

    def __init__(self, spec: EngineSpec, limits: PoolLimits, observer: PoolObserver) -> None:
        self._limits = limits
        self._observer = observer
        self._scoreboard = Scoreboard.create(limits.workers)
        self._watchdog = Watchdog(self._scoreboard, deadline_s=limits.document_s, memory_bytes=limits.memory_bytes)
        self._watching: asyncio.Task[None] | None = None
        self._forkserver = ForkServerClient(
            spec, self._scoreboard, limits.workers, self._watchdog.ended, load_s=limits.load_s
        )
        self._dispatcher = Dispatcher(self._is_wanted)
        self._job_ids = itertools.count(1)
        # The forkserver is looked up each time, because tests replace it.
        self._starter = WorkerStarter(
            lambda: self._forkserver, self._connect, lambda channel: channel.ask(self._smoke_job())
        )
        self._retired: set[WorkerChannel] = set()
        self._rate = AnalysisRate()
        self._complete = asyncio.Event()
        self._closing = False

    @property
    def info(self) -> EngineInfo | None:
        """Return the version of the loaded engine, None before `start`."""
        return self._forkserver.info

    @property
    def workers(self) -> int:
        """Return the number of workers that have answered and are alive."""
        return len(self._dispatcher.channels)

    @property
    def busy(self) -> int:
        """Return the number of workers at work."""
        return len(self._dispatcher.busy)

    @property
    def quarantine(self) -> Quarantine:
        """Return the documents that are refused for a while."""
        return self._watchdog.quarantine

    @property
    def questions(self) -> PoisonedOptions:
        """Return the operations with options that are refused for a while."""
        return self._watchdog.questions

    @property
    def queued_bytes(self) -> int:
        """Return the bytes of text that wait for a worker."""
        return self._dispatcher.queue.size_bytes

    async def start(self) -> EngineInfo:
        """Load the engine and return once every worker has answered.

        Raises:
            ConfigError: The engine refuses the settings.

        """
        info = await self._forkserver.start()
        for slot in range(self._limits.workers):
            self._starter.start(slot)
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                await self._complete.wait()
        except TimeoutError:
            raise ConfigError(
                f"{self.workers} of {self._limits.workers} workers answered within {_START_TIMEOUT_S:.0f} s: "
                "the log says how the others ended"
            ) from None
        self._watching = asyncio.create_task(self._watch(), name="watchdog")
        return info

    async def stop(self) -> None:
        """End all processes; requests that still wait are refused."""
        self._closing = True
        for queued in self._dispatcher.drain():
            queued.fail(Draining("the service is shutting down: send the request again", retry_after_s=1))
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        await self._starter.close()
        for channel in (*self._dispatcher.channels.values(), *self._starter):
            channel.close()
        await self._forkserver.stop()
        self._scoreboard.close()

    async def analyze(self, documents: pa.Array, *, encoding: Encoding, options: Options, urgent: bool) -> PoolAnswer:
        """Return the outcomes of `documents: binary[n]`, in order; cancelling drops the chunks that still wait.

        Raises:
            InvalidOption: The engine doesn't take the options, or they have cost several workers in a row.
            InternalError: The engine failed on the request as a whole.
            NoCapacity: More text is waiting than the pool lets wait.

        """
        limits = self._limits
        chunks = cut(
            documents,
            chunk_bytes=limits.chunk_bytes,
            chunk_documents=limits.chunk_documents,
            text_bytes=limits.text_bytes,
            refused=self.quarantine.find(documents, time.monotonic()),
        )
        self._check_room()
        waiting = [self._enqueue(chunk, encoding, options, urgent=urgent) for chunk in chunks]
        self._dispatcher.dispatch()
        try:
            results = [await queued.result for queued in waiting]
        finally:
            for queued in waiting:
                queued.result.cancel()  # no effect on those that are done
                self._dispatcher.queue.discard(queued)
        return answer_of(waiting, results)

    def _check_room(self) -> None:
        queued = self.queued_bytes
        if queued > self._limits.queue_bytes:
            raise NoCapacity(
                f"{queued:,} bytes of text are waiting for analysis, the limit is {self._limits.queue_bytes:,}: "
                "send again later, or raise pool.queue_bytes of the service",
                retry_after_s=self._rate.wait_s(queued, self.workers),
            )

    def _enqueue(self, chunk: Chunk, encoding: Encoding, options: Options, *, urgent: bool) -> QueuedChunk:
        queued = QueuedChunk(
            Job(next(self._job_ids), encoding, options, chunk.documents, chunk.failed),
            chunk.size_bytes,
            urgent,
            asyncio.get_running_loop().create_future(),
            time.monotonic(),
        )
        self._dispatcher.queue.push(queued)
        return queued

    def _is_wanted(self, queued: QueuedChunk) -> bool:
        """Return whether a chunk needs a worker: its caller still waits, and its options aren't refused."""
        if queued.result.done():
            return False
        refusal = self.questions.refusal(queued.job.options, time.monotonic())
        if refusal is not None:
            queued.fail(refusal)
        return refusal is None

    def _on_answer(self, channel: WorkerChannel, answer: JobResult | JobFailure) -> None:
        finished = self._dispatcher.finish(channel)
        if finished is None:
            self._on_started(channel)
        else:
            self._settle(finished, answer)
        self._dispatcher.dispatch()

    def _settle(self, queued: QueuedChunk, answer: JobResult | JobFailure) -> None:
        if isinstance(answer, JobFailure):
            queued.fail(answer.error)
            return
        self._rate.measure(queued.size_bytes, answer.analysis_s)
        if sum(answer.errors.values()) < len(queued.job.documents):
            self.questions.answered(queued.job.options)
        if not queued.result.done():
            queued.result.set_result(answer)

    def _on_gone(self, channel: WorkerChannel) -> None:
        """Blame the document that the worker was on, queue the rest of its chunk first, and start another worker."""
        if self._closing:
            return
        if channel in self._retired:
            self._retired.discard(channel)
            self._starter.start(channel.slot)
            return
        self._observer.worker_lost()
        self._starter.gone(channel)
        chunks = self._dispatcher.remove(channel)
        for queued in (one for one in chunks if not one.result.done()):
            # The worker was on the last chunk only; one before it was interrupted, and is innocent.
            if queued is chunks[-1]:
                self._watchdog.blame(queued, channel.slot, channel.pid)
            if queued.job.is_settled:
                queued.result.set_result(settled(queued.job))
            else:
                self._dispatcher.queue.push(queued, first=True)
        _log.warning("worker lost", extra={"slot": channel.slot, "pid": channel.pid, "busy": bool(chunks)})
        self._starter.start(channel.slot)
        self._dispatcher.dispatch()

    async def _watch(self) -> None:
        """Keep workers within their limits, and replace idle ones that don't give their memory back."""
        while True:
            await asyncio.sleep(CHECK_PERIOD_S)
            self._watchdog.check([(channel.slot, channel.pid) for channel in self._dispatcher.busy])
            for channel in self._dispatcher.idle:
                if self._watchdog.is_bloated(channel.slot, channel.pid):
                    self._dispatcher.remove(channel)
                    self._retired.add(channel)
                    channel.close()

    def _connect(self, slot: int, pid: int) -> WorkerChannel:
        return WorkerChannel(slot, pid, self._on_answer, self._on_gone)

    def _on_started(self, channel: WorkerChannel) -> None:
        self._starter.answered(channel)
        self._watchdog.started(channel.slot, channel.pid)
        self._dispatcher.add(channel)
        if self.workers == self._limits.workers:
            self._complete.set()

    def _smoke_job(self) -> Job:
        documents = pa.array(["준비됐습니다.".encode()], pa.binary())
        return Job(next(self._job_ids), "json", Options(), documents, {})
