"""What each step of a worker costs by itself: timed over and over in a process that holds one engine."""

import gc
import select
import socket
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import pyarrow as pa

from nlpbatch.engine import frames, worker
from nlpbatch.engine.chunks import cut
from nlpbatch.engine.documents import from_texts
from nlpbatch.engine.encode import to_arrow
from nlpbatch.engine.forkserver import _warm_up
from nlpbatch.engine.job import Job, JobResult
from nlpbatch.engine.kiwi import KiwiEngine
from nlpbatch.engine.limits import PoolLimits
from nlpbatch.engine.operations import Perform, performer
from nlpbatch.engine.scoreboard import Scoreboard
from nlpbatch.server.config import KiwiSettings
from nlpbatch.wire.arrow import answer_schema, encode_batch_message
from nlpbatch.wire.fields import KIWI_FIELDS
from nlpbatch.wire.options import Options

REPEATS = 7
"""How often a step is timed; the median counts."""
STEP_DOCUMENTS = 2_000
FIELD_SETS = {"default fields": Options(), "all fields": Options(fields=KIWI_FIELDS)}


def spec() -> Any:
    """Return the API's default analyzer."""
    return KiwiSettings().to_spec("default")


class Replay:
    """An engine that returns the tokens that it has returned before, so that what it costs is everything else."""

    def __init__(self, engine: KiwiEngine) -> None:
        self.info = engine.info
        self.seen: dict[str, Any] = {}
        self._tokenize: Callable[[str], Any] = engine.tokenizer({})

    def performer(self, options: Options) -> Perform:
        """Return the function that performs an operation with tokens that are replayed."""
        return performer(self, options)  # type: ignore[arg-type]

    def tokenizer(self, _: Mapping[str, Any]) -> Callable[[str], Any]:
        """Return the function that replays."""
        return self._replay

    def _replay(self, text: str) -> Any:
        found = self.seen.get(text)
        if found is None:
            found = self.seen[text] = self._tokenize(text)
        return found


def time_steps(texts: Sequence[str]) -> dict[str, Any]:
    """Return µs a document of each step of a worker."""
    engine = KiwiEngine(spec())
    _warm_up(engine)
    gc.disable()  # as in a worker
    found: dict[str, Any] = {"a call of Kiwi for an empty text": step(engine.tokenizer({}), [""] * len(texts))}
    for name, options in FIELD_SETS.items():
        limits = PoolLimits(1)
        chunks = cut(
            from_texts(texts),
            chunk_bytes=limits.chunk_bytes,
            chunk_documents=limits.chunk_documents,
            text_bytes=limits.text_bytes,
        )
        jobs = [Job(number, "arrow", options, chunk.documents, {}) for number, chunk in enumerate(chunks)]
        found |= {f"{step_name}, {name}": value for step_name, value in steps(engine, jobs, len(texts)).items()}
    return {"chunks of": round(len(texts) / len(jobs)), **found}


def steps(engine: KiwiEngine, jobs: Sequence[Job], documents: int) -> dict[str, float]:
    """Return µs a document of each step for these jobs."""
    replay: Any = Replay(engine)
    scoreboard = Scoreboard.create(1)
    ours, theirs = socket.socketpair()
    readable = select.poll()
    readable.register(ours, select.POLLIN)
    report_position = scoreboard.reporter(0, 1)
    results = [worker.run(replay, job, lambda _: None) for job in jobs]
    frames_ = [job.to_frame() for job in jobs]
    options = jobs[0].options
    perform = performer(replay, options)
    read = [worker._read_contents(job) for job in jobs]
    contents = list(chain.from_iterable(read))
    outcomes = [list(map(perform, chunk)) for chunk in read]
    batches = [read_batch(result, options) for result in results if isinstance(result, JobResult)]
    timed: dict[str, tuple[Callable[[Any], Any], Iterable[Any]]] = {
        "frame of a job, sent and read": (lambda frame: send_and_read(theirs, ours, frame), frames_),
        "documents read and looked at": (worker._read_contents, jobs),
        "poll for interruption": (readable.poll, [0] * documents),
        "scoreboard": (report_position, range(documents)),
        "operation": (perform, contents),
        "encode, all": (lambda each: to_arrow(each, options), outcomes),
        "encode, IPC and lz4": (encode_batch_message, batches),
        "frame of a result": (lambda result: result.to_frame(1), results),
        "all without Kiwi": (lambda job: worker.run(replay, job, lambda _: None), jobs),
    }
    found = {name: step(function, given, documents) for name, (function, given) in timed.items()}
    scoreboard.close()
    ours.close()
    theirs.close()
    return found


def send_and_read(sender: socket.socket, receiver: socket.socket, frame: bytes) -> Job:
    """Return the job that a frame brings over a socket."""
    sender.sendall(frame)
    header, body = frames.receive(receiver) or ({}, b"")
    return Job.from_frame(header, body)


def read_batch(result: JobResult, options: Options) -> pa.RecordBatch:
    """Return the batch in a worker's result."""
    return pa.ipc.read_record_batch(pa.py_buffer(result.body), answer_schema(options))


def step(function: Callable[[Any], Any], given: Iterable[Any], documents: int = STEP_DOCUMENTS) -> float:
    """Return µs a document of a function over everything given."""
    spent = []
    for _ in range(REPEATS):
        began_s = time.process_time()
        for one in given:
            function(one)
        spent.append(time.process_time() - began_s)
    return round(statistics.median(spent) / documents * 1e6, 2)
