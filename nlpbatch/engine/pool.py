"""The worker pool: one loaded engine, forked workers, one document at a time.

Rules:
- A request is cut into pieces; idle workers take the oldest piece, interactive ones before batch ones.
- When none is idle, an interactive piece interrupts a worker that is on a batch piece, between two documents.
- A worker that dies costs the document it was on an error. The rest of its piece is analysed by another worker.
- A piece whose workers die three times without a document to blame gets errors throughout: it can't be allowed to
  take the pool down for ever.
- A slot whose worker died gets a new one from the forkserver at once; only one that dies at birth has to wait.
"""

import asyncio
import dataclasses
import itertools
import logging
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import pyarrow as pa

from nlpbatch.engine.board import NONE, Board
from nlpbatch.engine.channel import WorkerChannel
from nlpbatch.engine.documents import Piece, cut
from nlpbatch.engine.job import Encoding, Job, JobResult
from nlpbatch.engine.protocol import EngineInfo, EngineSpec
from nlpbatch.engine.queue import Pending, PieceQueue
from nlpbatch.engine.spawn import Forked, ForkServerProcess
from nlpbatch.errors import ConfigError, Draining, NoCapacity
from nlpbatch.wire.limits import KIB, MIB
from nlpbatch.wire.options import Options
from nlpbatch.wire.outcome import WORKER_DIED, DocumentError

_log = logging.getLogger("nlpbatch.engine")
_UNEXPLAINED_DEATHS: Final = 3
_START_TIMEOUT_S: Final = 60.0
_BIRTH_PAUSE_S: Final = (0.0, 0.05, 0.2, 1.0, 5.0)
_RATE_WEIGHT: Final = 0.1
_FIRST_RATE_BYTES_PER_S: Final = 200_000.0  # of one worker, until one has been measured: reviews on one core


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How the pool cuts and how much it lets wait.

    Args:
        workers: Worker processes.
        piece_bytes: Text handed to a worker at a time. Small pieces spread a request over idle workers and repeat
            little when one dies; below 8 KiB the framing shows.
        piece_documents: Documents handed to a worker at a time.
        text_bytes: Longest document.
        queue_bytes: Text waiting for a worker, over all requests; beyond it requests are refused.

    """

    workers: int
    piece_bytes: int = 16 * KIB
    piece_documents: int = 512
    text_bytes: int = 100_000
    queue_bytes: int = 64 * MIB


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcomes of a request in its documents' order, encoded, and what they took.

    Args:
        bodies: Arrow batch messages, or JSON outcomes joined by commas.
        tokens: Tokens written.
        code_points: Code points analysed.
        errors: Documents by error code.
        queue_s: Seconds until a worker took the first piece.
        analysis_s: Seconds of worker time.

    """

    bodies: Sequence[bytes]
    tokens: int
    code_points: int
    errors: Counter[str]
    queue_s: float
    analysis_s: float


class PoolObserver(Protocol):
    """What the pool tells whoever counts."""

    def worker_lost(self) -> None:
        """Count a worker that ended without being told to."""


class WorkerPool:
    """Analyses documents on forked workers; one pool per analyzer."""

    def __init__(self, spec: EngineSpec, limits: PoolLimits, observer: PoolObserver) -> None:
        self._limits = limits
        self._observer = observer
        self._board = Board.create(limits.workers)
        self._forkserver = ForkServerProcess(spec, self._board, limits.workers)
        self._queue = PieceQueue()
        self._job_ids = itertools.count(1)
        self._channels: dict[int, WorkerChannel] = {}
        self._idle: deque[WorkerChannel] = deque()
        self._running: dict[int, list[Pending]] = {}
        """What each worker is on: the last is being analysed, one before it is interrupted."""
        self._births: set[asyncio.Task[None]] = set()
        self._newborn: set[WorkerChannel] = set()
        self._stillbirths: Counter[int] = Counter()
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
            self._start_birth(slot)
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                await self._complete.wait()
        except TimeoutError:
            raise ConfigError(
                f"{self.workers} of {self._limits.workers} workers answered within {_START_TIMEOUT_S:.0f} s: "
                "the log says how the others ended"
            ) from None
        return info

    async def stop(self) -> None:
        """End all processes; what is still waiting is refused."""
        self._closing = True
        while (pending := self._queue.pop()) is not None:
            _refuse(pending)
        for pending in itertools.chain.from_iterable(self._running.values()):
            _refuse(pending)
        births = list(self._births)
        for birth in births:
            birth.cancel()
        await asyncio.gather(*births, return_exceptions=True)
        for channel in (*self._channels.values(), *self._newborn):
            channel.close()
        await self._forkserver.stop()
        self._board.close()

    async def analyze(self, documents: pa.Array, *, encoding: Encoding, options: Options, urgent: bool) -> Answer:
        """Return the outcomes of `documents: binary[n]`, in order. Cancelling gives up what has not begun.

        Raises:
            NoCapacity: More text is waiting than the pool lets wait.

        """
        limits = self._limits
        pieces = cut(
            documents,
            piece_bytes=limits.piece_bytes,
            piece_documents=limits.piece_documents,
            text_bytes=limits.text_bytes,
        )
        self._check_room()
        waiting = [self._enqueue(piece, encoding, options, urgent=urgent) for piece in pieces]
        self._dispatch()
        try:
            results = [await pending.result for pending in waiting]
        finally:
            for pending in waiting:
                pending.result.cancel()  # no effect on those that are done
                self._queue.discard(pending)
        return _answer(waiting, results)

    def _check_room(self) -> None:
        queued = self._queue.size_bytes
        if queued > self._limits.queue_bytes:
            raise NoCapacity(
                f"{queued:,} bytes of text are waiting for analysis, the limit is {self._limits.queue_bytes:,}: "
                "send again later, or raise pool.queue_bytes of the service",
                retry_after_s=queued / (self._rate_bytes_per_s * max(1, self.workers)),
            )

    def _enqueue(self, piece: Piece, encoding: Encoding, options: Options, *, urgent: bool) -> Pending:
        pending = Pending(
            Job(next(self._job_ids), encoding, options, piece.documents, piece.failed),
            piece.size_bytes,
            urgent,
            asyncio.get_running_loop().create_future(),
            time.monotonic(),
        )
        self._queue.push(pending)
        return pending

    def _dispatch(self) -> None:
        """Give waiting pieces to idle workers."""
        while self._idle:
            pending = self._queue.pop()
            if pending is None:
                return
            if pending.result.done():
                continue  # its caller has hung up
            self._give(pending, self._idle.popleft())
        while self._queue.urgent and (channel := self._interruptible()) is not None:
            pending = self._queue.pop()
            if pending is not None and not pending.result.done():
                self._give(pending, channel)

    def _give(self, pending: Pending, channel: WorkerChannel) -> None:
        pending.taken_s = pending.taken_s or time.monotonic()
        self._running.setdefault(channel.slot, []).append(pending)
        channel.ask(pending.job)

    def _interruptible(self) -> WorkerChannel | None:
        """Return a worker that is on a batch piece, None if all have been interrupted."""
        slots = (slot for slot, works in self._running.items() if len(works) == 1 and not works[0].urgent)
        return next((self._channels[slot] for slot in slots if slot in self._channels), None)

    def _on_result(self, channel: WorkerChannel, result: JobResult) -> None:
        works = self._running.get(channel.slot)
        if works is None:
            self._born(channel)
        else:
            pending = works.pop()
            self._measure(pending.size_bytes, result.analysis_s)
            if not pending.result.done():
                pending.result.set_result(result)
        if not works:
            self._running.pop(channel.slot, None)
            self._idle.append(channel)
        self._dispatch()

    def _measure(self, size_bytes: int, analysis_s: float) -> None:
        if size_bytes and analysis_s > 0:
            self._rate_bytes_per_s += _RATE_WEIGHT * (size_bytes / analysis_s - self._rate_bytes_per_s)

    def _on_gone(self, channel: WorkerChannel) -> None:
        """Blame the document the worker was on, put the rest of its piece first in line, ask for a new worker."""
        if self._closing:
            return
        self._observer.worker_lost()
        self._channels.pop(channel.slot, None)
        if channel in self._newborn:
            self._newborn.discard(channel)
            self._stillbirths[channel.slot] += 1
        if channel in self._idle:
            self._idle.remove(channel)
        works = self._running.pop(channel.slot, [])
        for pending in (one for one in works if not one.result.done()):
            # One that was interrupted is innocent: the worker was on the other.
            if pending is works[-1]:
                self._blame(pending, channel)
            self._queue.push(pending, first=True)
        _log.warning("worker lost", extra={"slot": channel.slot, "pid": channel.pid, "busy": bool(works)})
        self._start_birth(channel.slot)
        self._dispatch()

    def _blame(self, pending: Pending, channel: WorkerChannel) -> None:
        note = self._board.read(channel.slot)
        job = pending.job
        if note.job_id == job.job_id and note.document != NONE:
            blamed = [note.document]
        else:
            pending.unexplained_deaths += 1
            exhausted = pending.unexplained_deaths >= _UNEXPLAINED_DEATHS
            blamed = list(range(len(job.documents))) if exhausted else []
        error = DocumentError(
            WORKER_DIED, "the worker process died on this document: send it again alone, or report it"
        )
        failed = dict(job.failed) | {position: error for position in blamed if position not in job.failed}
        pending.job = dataclasses.replace(job, failed=failed)

    def _start_birth(self, slot: int) -> None:
        birth = asyncio.create_task(self._bear(slot), name=f"birth in slot {slot}")
        self._births.add(birth)
        birth.add_done_callback(self._births.discard)

    async def _bear(self, slot: int) -> None:
        """Put a new worker into the slot and ask it for a sign of life; it is born when it has answered."""
        while True:
            await asyncio.sleep(_BIRTH_PAUSE_S[min(self._stillbirths[slot], len(_BIRTH_PAUSE_S) - 1)])
            try:
                forked = await self._forkserver.fork(slot)
            except OSError:
                # The forkserver died, or the system has no process or descriptor left.
                self._stillbirths[slot] += 1
                continue
            await self._connect(slot, forked)
            return

    async def _connect(self, slot: int, forked: Forked) -> None:
        channel = WorkerChannel(slot, forked.pid, self._on_result, self._on_gone)
        self._newborn.add(channel)
        await asyncio.get_running_loop().connect_accepted_socket(lambda: channel, forked.channel)
        channel.ask(self._smoke_job())

    def _born(self, channel: WorkerChannel) -> None:
        self._newborn.discard(channel)
        self._stillbirths[channel.slot] = 0
        self._channels[channel.slot] = channel
        if len(self._channels) == self._limits.workers:
            self._complete.set()

    def _smoke_job(self) -> Job:
        documents = pa.array(["준비됐습니다.".encode()], pa.binary())
        return Job(next(self._job_ids), "json", Options(), documents, {})


def _refuse(pending: Pending) -> None:
    if not pending.result.done():
        pending.result.set_exception(Draining("the service is shutting down: send the request again", retry_after_s=1))
        pending.result.exception()  # its caller may have left, or have been told of another piece already


def _answer(waiting: Sequence[Pending], results: Sequence[JobResult]) -> Answer:
    taken = [pending.taken_s - pending.queued_s for pending in waiting if pending.taken_s is not None]
    errors: Counter[str] = Counter()
    for result in results:
        errors.update(result.errors)
    return Answer(
        [result.body for result in results],
        tokens=sum(result.tokens for result in results),
        code_points=sum(result.code_points for result in results),
        errors=errors,
        queue_s=min(taken, default=0.0),
        analysis_s=sum(result.analysis_s for result in results),
    )
