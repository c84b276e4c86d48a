"""A forkserver whose workers are in the test's hands: each is the other end of a real socket pair.

    workers = FakeForkServer()
    async with running_pool(workers, count=2) as pool: ...

The test controls each worker, in the test's own thread; nothing here waits.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nlpbatch.engine import frames
from nlpbatch.engine.answer import PoolAnswer
from nlpbatch.engine.documents import from_texts
from nlpbatch.engine.forkserver_client import Forked
from nlpbatch.engine.job import Job, JobFailure
from nlpbatch.engine.limits import PoolLimits
from nlpbatch.engine.pool import WorkerPool
from nlpbatch.engine.protocol import EngineInfo, EngineSpec
from nlpbatch.engine.scoreboard import Scoreboard
from nlpbatch.engine.worker import run
from nlpbatch.wire.options import Options
from tests.fakes.engine import WordEngine
from tests.fakes.virtual_time import settle


class FakeWorker:
    """One worker; `job` is the job that it has not answered yet."""

    def __init__(self, slot: int, pid: int, channel: socket.socket, scoreboard: Scoreboard) -> None:
        self.slot, self.pid = slot, pid
        self._channel, self._scoreboard = channel, scoreboard
        self._frames = frames.FrameBuffer()
        self.job: Job | None = None
        self.interrupted: Job | None = None
        self.dismissed = False

    @property
    def alive(self) -> bool:
        return self._channel.fileno() >= 0

    def look(self) -> Job | None:
        """Read what the pool has written; return the job at hand."""
        while self.alive and not self.dismissed:
            try:
                data = self._channel.recv(1 << 16)
            except BlockingIOError:
                break
            self.dismissed = not data
            for header, body in self._frames.feed(data):
                assert self.interrupted is None, "the pool interrupted a worker twice"
                self.interrupted = self.job
                self.job = Job.from_frame(header, body)
        return self.job

    def texts(self) -> list[str | None]:
        """Return the texts it is to analyse; those that are known to fail are not among them."""
        job = self.look()
        assert job is not None, "this worker has nothing to do"
        left = [text for position, text in enumerate(job.documents.to_pylist()) if position not in job.failed]
        return [None if text is None else text.decode() for text in left]

    def begin(self, document: int) -> None:
        """Note that it is at that document of its job."""
        job = self.look()
        assert job is not None, "this worker has nothing to do"
        self._scoreboard.write(self.slot, job.job_id, document, 1)

    async def answer(self) -> None:
        """Analyse as a real worker does, and let the pool hear of it."""
        job = self.look()
        assert job is not None, "this worker has nothing to do"
        self.job, self.interrupted = self.interrupted, None
        result = run(WordEngine(), job, lambda document: self._scoreboard.write(self.slot, job.job_id, document, 1))
        self._channel.setblocking(True)
        self._channel.sendall(result.to_frame(job.job_id))
        self._channel.setblocking(False)
        await settle()

    async def fail(self, failure: JobFailure) -> None:
        """Answer with the failure of the whole job, and let the pool hear of it."""
        job = self.look()
        assert job is not None, "this worker has nothing to do"
        self.job, self.interrupted = self.interrupted, None
        self._channel.sendall(failure.to_frame(job.job_id))
        await settle()

    async def die(self) -> None:
        """End, and let the pool notice."""
        self._channel.close()
        await settle()


class FakeForkServer:
    """Replaces `ForkServerClient`; `forks` has the slot and the loop's time of each request for a worker.

    The next request raises the first of `refusals`; while `fails_starts` is set, each request gets a dead worker.
    """

    def __init__(self) -> None:
        self.workers: list[FakeWorker] = []
        self.forks: list[tuple[int, float]] = []
        self.refusals: list[OSError] = []
        self.fails_starts = False
        self.info: EngineInfo | None = None
        self.scoreboard: Scoreboard | None = None

    async def start(self) -> EngineInfo:
        self.info = WordEngine.info
        return self.info

    async def fork(self, slot: int) -> Forked:
        self.forks.append((slot, asyncio.get_running_loop().time()))
        if self.refusals:
            raise self.refusals.pop(0)
        assert self.scoreboard is not None
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        self.workers.append(FakeWorker(slot, 1000 + len(self.forks), theirs, self.scoreboard))
        if self.fails_starts:
            theirs.close()
        return Forked(self.workers[-1].pid, ours)

    async def stop(self) -> None:
        for worker in self.workers:
            worker.look()  # whether the pool has dismissed it
            await worker.die()

    @property
    def newest(self) -> FakeWorker:
        return self.workers[-1]


class CountingObserver:
    """Counts lost workers."""

    def __init__(self) -> None:
        self.lost = 0

    def worker_lost(self) -> None:
        self.lost += 1


def new_pool(forkserver: FakeForkServer, observer: CountingObserver | None = None, **limits: int) -> WorkerPool:
    """Return a pool that gets its workers there; by default, each document is a chunk of its own."""
    known = {"workers": 1, "chunk_documents": 1} | limits
    pool = WorkerPool(EngineSpec("default"), PoolLimits(**known), observer or CountingObserver())
    pool._forkserver = forkserver
    forkserver.scoreboard = pool._scoreboard
    return pool


async def start_pool(forkserver: FakeForkServer, observer: CountingObserver | None = None, **limits: int) -> WorkerPool:
    """Return such a pool, its workers having given their sign of life."""
    pool = new_pool(forkserver, observer, **limits)
    starting = asyncio.create_task(pool.start())
    await settle()
    for worker in forkserver.workers:
        await worker.answer()
    await starting
    return pool


@asynccontextmanager
async def running_pool(
    forkserver: FakeForkServer, observer: CountingObserver | None = None, **limits: int
) -> AsyncIterator[WorkerPool]:
    """Run such a pool and stop it."""
    pool = await start_pool(forkserver, observer, **limits)
    try:
        yield pool
    finally:
        await pool.stop()


def ask(pool, *texts, urgent=True):
    """Have the pool analyse texts; return the task."""
    documents = from_texts(texts)
    return asyncio.create_task(
        pool.analyze(documents, encoding="json", options=Options(fields=("form",)), urgent=urgent)
    )


def outcomes(answer: PoolAnswer) -> list[dict]:
    """Return the outcomes in an answer."""
    return json.loads(b"[" + b",".join(answer.bodies) + b"]")


def forms(answer: PoolAnswer) -> list[list[str]]:
    """Return the forms of each document's tokens."""
    return [[token["form"] for token in outcome["tokens"]] for outcome in outcomes(answer)]


def codes(answer: PoolAnswer) -> list[str | None]:
    """Return the error code of each document, None without an error."""
    return [outcome["error"] and outcome["error"]["code"] for outcome in outcomes(answer)]
