"""The worker pool: one loaded engine, forked workers, one document at a time.

Rules:
- A request is cut into chunks; idle workers take the oldest chunk, interactive ones before batch ones.
- When none is idle, an interactive chunk interrupts a worker that is on a batch chunk, between two documents.
- A worker that dies costs the document it was on an error. The rest of its chunk is analysed by another worker.
- What the engine raises outside of a document fails the request, not the worker.
- A chunk that three workers die of without a document to blame gets errors throughout, without a fourth worker. A
  question that three workers in a row die of is refused for a while.
- A chunk whose caller is gone is dropped.
- A worker that is on a document for too long, or grows too much on it, is killed; an idle one that has grown is
  replaced.
- A slot whose worker died gets a new one from the forkserver at once; only after a failed start it has to wait.
"""

import asyncio
import itertools
import logging
import time
from collections import deque
from typing import Final, Protocol

import pyarrow as pa

from nlpbatch.engine.answer import PoolAnswer, answer_of
from nlpbatch.engine.channel import WorkerChannel
from nlpbatch.engine.chunks import Chunk, cut
from nlpbatch.engine.encode import settled
from nlpbatch.engine.forkserver_client import ForkServerClient
from nlpbatch.engine.job import Encoding, Job, JobFailure, JobResult
from nlpbatch.engine.limits import PoolLimits
from nlpbatch.engine.poison import PoisonedQuestions
from nlpbatch.engine.protocol import EngineInfo, EngineSpec
from nlpbatch.engine.quarantine import Quarantine
from nlpbatch.engine.queue import ChunkQueue, QueuedChunk
from nlpbatch.engine.scoreboard import Scoreboard
from nlpbatch.engine.watchdog import CHECK_PERIOD_S, Watchdog
from nlpbatch.engine.worker_starter import WorkerStarter
from nlpbatch.errors import ConfigError, Draining, NlpbatchError, NoCapacity
from nlpbatch.wire.options import Options

_log = logging.getLogger("nlpbatch.engine")
_START_TIMEOUT_S: Final = 60.0
_RATE_WEIGHT: Final = 0.1
_FIRST_RATE_BYTES_PER_S: Final = 200_000.0  # of one worker, until one has been measured: reviews on one core


class PoolObserver(Protocol):
    """What the pool tells whoever counts."""

    def worker_lost(self) -> None:
        """Count a worker that ended without being told to."""


class WorkerPool:
    """Analyses documents on forked workers; one pool per analyzer."""

    def __init__(self, spec: EngineSpec, limits: PoolLimits, observer: PoolObserver) -> None:
        self._limits = limits
        self._observer = observer
        self._scoreboard = Scoreboard.create(limits.workers)
        self._watchdog = Watchdog(self._scoreboard, deadline_s=limits.document_s, memory_bytes=limits.memory_bytes)
        self._watching: asyncio.Task[None] | None = None
        self._forkserver = ForkServerClient(spec, self._scoreboard, limits.workers, self._watchdog.ended)
        self._queue = ChunkQueue()
        self._job_ids = itertools.count(1)
        self._channels: dict[int, WorkerChannel] = {}
        self._idle: deque[WorkerChannel] = deque()
        self._running: dict[int, list[QueuedChunk]] = {}
        """What each worker is on: the last is being analysed, one before it is interrupted."""
        # The forkserver is looked up each time: tests put another one in its place.
        self._starter = WorkerStarter(
            lambda: self._forkserver, self._connect, lambda channel: channel.ask(self._smoke_job())
        )
        self._retired: set[WorkerChannel] = set()
        self._rate_bytes_per_s = _FIRST_RATE_BYTES_PER_S
        self._complete = asyncio.Event()
        self._closing = False

    @property
    def info(self) -> EngineInfo | None:
        """Return what was loaded, None before `start`."""
        return self._forkserver.info

    @property
    def workers(self) -> int:
        """Return the number of workers that have answered and are alive."""
        return len(self._channels)

    @property
    def busy(self) -> int:
        """Return the number of workers at work."""
        return len(self._running)

    @property
    def quarantine(self) -> Quarantine:
        """Return the documents that are refused."""
        return self._watchdog.quarantine

    @property
    def questions(self) -> PoisonedQuestions:
        """Return the questions that are refused."""
        return self._watchdog.questions

    @property
    def queued_bytes(self) -> int:
        """Return the bytes of text that wait for a worker."""
        return self._queue.size_bytes

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
        """End all processes; what is still waiting is refused."""
        self._closing = True
        while (queued := self._queue.pop()) is not None:
            _refuse(queued)
        for queued in itertools.chain.from_iterable(self._running.values()):
            _refuse(queued)
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        await self._starter.close()
        for channel in (*self._channels.values(), *self._starter):
            channel.close()
        await self._forkserver.stop()
        self._scoreboard.close()

    async def analyze(self, documents: pa.Array, *, encoding: Encoding, options: Options, urgent: bool) -> PoolAnswer:
        """Return the outcomes of `documents: binary[n]`, in order. Cancelling gives up what has not begun.

        Raises:
            InvalidOption: The engine doesn't take the options, or they have cost workers again and again.
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
        self._dispatch()
        try:
            results = [await queued.result for queued in waiting]
        finally:
            for queued in waiting:
                queued.result.cancel()  # no effect on those that are done
                self._queue.discard(queued)
        return answer_of(waiting, results)

    def _check_room(self) -> None:
        queued = self._queue.size_bytes
        if queued > self._limits.queue_bytes:
            raise NoCapacity(
                f"{queued:,} bytes of text are waiting for analysis, the limit is {self._limits.queue_bytes:,}: "
                "send again later, or raise pool.queue_bytes of the service",
                retry_after_s=queued / (self._rate_bytes_per_s * max(1, self.workers)),
            )

    def _enqueue(self, chunk: Chunk, encoding: Encoding, options: Options, *, urgent: bool) -> QueuedChunk:
        queued = QueuedChunk(
            Job(next(self._job_ids), encoding, options, chunk.documents, chunk.failed),
            chunk.size_bytes,
            urgent,
            asyncio.get_running_loop().create_future(),
            time.monotonic(),
        )
        self._queue.push(queued)
        return queued

    def _dispatch(self) -> None:
        """Give waiting chunks to idle workers."""
        while self._idle:
            queued = self._queue.pop()
            if queued is None:
                return
            if self._is_wanted(queued):
                self._give(queued, self._idle.popleft())
        while self._queue.urgent and (channel := self._interruptible()) is not None:
            queued = self._queue.pop()
            if queued is not None and self._is_wanted(queued):
                self._give(queued, channel)

    def _is_wanted(self, queued: QueuedChunk) -> bool:
        """Return whether a chunk still needs a worker; one whose caller has hung up doesn't, nor does a refused one."""
        if queued.result.done():
            return False
        refusal = self.questions.refusal(queued.job.options, time.monotonic())
        if refusal is not None:
            _fail(queued, refusal)
        return not queued.result.done()

    def _give(self, queued: QueuedChunk, channel: WorkerChannel) -> None:
        queued.taken_s = queued.taken_s or time.monotonic()
        self._running.setdefault(channel.slot, []).append(queued)
        channel.ask(queued.job)

    def _interruptible(self) -> WorkerChannel | None:
        """Return a worker that is on a batch chunk, None if all have been interrupted."""
        slots = (slot for slot, works in self._running.items() if len(works) == 1 and not works[0].urgent)
        return next((self._channels[slot] for slot in slots if slot in self._channels), None)

    def _on_answer(self, channel: WorkerChannel, answer: JobResult | JobFailure) -> None:
        works = self._running.get(channel.slot)
        if works is None:
            self._on_started(channel)
        else:
            self._settle(works.pop(), answer)
        if not works:
            self._running.pop(channel.slot, None)
            self._idle.append(channel)
        self._dispatch()

    def _settle(self, queued: QueuedChunk, answer: JobResult | JobFailure) -> None:
        if isinstance(answer, JobFailure):
            _fail(queued, answer.error)
            return
        self._measure(queued.size_bytes, answer.analysis_s)
        if sum(answer.errors.values()) < len(queued.job.documents):
            self.questions.answered(queued.job.options)
        if not queued.result.done():
            queued.result.set_result(answer)

    def _measure(self, size_bytes: int, analysis_s: float) -> None:
        if size_bytes and analysis_s > 0:
            self._rate_bytes_per_s += _RATE_WEIGHT * (size_bytes / analysis_s - self._rate_bytes_per_s)

    def _on_gone(self, channel: WorkerChannel) -> None:
        """Blame the document the worker was on, put the rest of its chunk first in line, ask for a new worker."""
        if self._closing:
            return
        if channel in self._retired:
            self._retired.discard(channel)
            self._starter.start(channel.slot)
            return
        self._observer.worker_lost()
        self._channels.pop(channel.slot, None)
        self._starter.gone(channel)
        if channel in self._idle:
            self._idle.remove(channel)
        works = self._running.pop(channel.slot, [])
        for queued in (one for one in works if not one.result.done()):
            # One that was interrupted is innocent: the worker was on the other.
            if queued is works[-1]:
                self._watchdog.blame(queued, channel.slot, channel.pid)
            if queued.job.is_settled:
                queued.result.set_result(settled(queued.job))
            else:
                self._queue.push(queued, first=True)
        _log.warning("worker lost", extra={"slot": channel.slot, "pid": channel.pid, "busy": bool(works)})
        self._starter.start(channel.slot)
        self._dispatch()

    async def _watch(self) -> None:
        """Keep workers within their limits, and replace idle ones that don't give their memory back."""
        while True:
            await asyncio.sleep(CHECK_PERIOD_S)
            self._watchdog.check(
                [(slot, channel.pid) for slot, channel in self._channels.items() if slot in self._running]
            )
            for channel in [one for one in self._idle if self._watchdog.is_bloated(one.slot, one.pid)]:
                self._idle.remove(channel)
                self._channels.pop(channel.slot, None)
                self._retired.add(channel)
                channel.close()

    def _connect(self, slot: int, pid: int) -> WorkerChannel:
        return WorkerChannel(slot, pid, self._on_answer, self._on_gone)

    def _on_started(self, channel: WorkerChannel) -> None:
        self._starter.answered(channel)
        self._watchdog.started(channel.slot, channel.pid)
        self._channels[channel.slot] = channel
        if len(self._channels) == self._limits.workers:
            self._complete.set()

    def _smoke_job(self) -> Job:
        documents = pa.array(["준비됐습니다.".encode()], pa.binary())
        return Job(next(self._job_ids), "json", Options(), documents, {})


def _refuse(queued: QueuedChunk) -> None:
    _fail(queued, Draining("the service is shutting down: send the request again", retry_after_s=1))


def _fail(queued: QueuedChunk, error: NlpbatchError) -> None:
    if not queued.result.done():
        queued.result.set_exception(error)
        queued.result.exception()  # its caller may have left, or have been told of another chunk already
