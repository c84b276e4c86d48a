import asyncio

import pyarrow as pa
import pytest

from nlpbatch.engine.dispatcher import Dispatcher
from nlpbatch.engine.job import Job
from nlpbatch.engine.queue import QueuedChunk
from nlpbatch.wire.options import Options


class Worker:
    """A channel that records the ids of its jobs."""

    def __init__(self, slot):
        self.slot = slot
        self.jobs = []

    def ask(self, job):
        self.jobs.append(job.job_id)


@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture
def add(loop):
    def add(dispatcher, job_id, *, urgent=False):
        job = Job(job_id, "json", Options(), pa.array([b""], pa.binary()), {})
        queued = QueuedChunk(job, 1, urgent, loop.create_future(), 0.0)
        dispatcher.queue.push(queued)
        dispatcher.dispatch()
        return queued

    return add


def dispatcher_with(*workers, is_wanted=lambda _: True):
    dispatcher = Dispatcher(is_wanted)
    for worker in workers:
        dispatcher.add(worker)
    return dispatcher


def test_idle_workers_take_chunks_in_turn_and_the_rest_waits(add):
    first, second = Worker(0), Worker(1)
    dispatcher = dispatcher_with(first, second)
    for job_id in (1, 2, 3):
        add(dispatcher, job_id)
    assert (first.jobs, second.jobs, dispatcher.queue.size_bytes) == ([1], [2], 1)
    assert (dispatcher.busy, dispatcher.idle) == ([first, second], [])


def test_an_interactive_chunk_interrupts_a_batch_chunk_once(add):
    worker = Worker(0)
    dispatcher = dispatcher_with(worker)
    batch, urgent = add(dispatcher, 1), add(dispatcher, 2, urgent=True)
    add(dispatcher, 3, urgent=True)
    assert worker.jobs == [1, 2]
    assert dispatcher.finish(worker) is urgent
    dispatcher.dispatch()
    assert worker.jobs == [1, 2, 3]
    dispatcher.finish(worker)
    assert dispatcher.finish(worker) is batch
    assert dispatcher.idle == [worker]


def test_an_interactive_chunk_is_not_interrupted(add):
    worker = Worker(0)
    dispatcher = dispatcher_with(worker)
    add(dispatcher, 1, urgent=True)
    add(dispatcher, 2, urgent=True)
    assert worker.jobs == [1]


def test_a_removed_worker_leaves_its_chunks_the_one_it_was_on_last(add):
    worker = Worker(0)
    dispatcher = dispatcher_with(worker)
    chunks = [add(dispatcher, 1), add(dispatcher, 2, urgent=True)]
    assert dispatcher.remove(worker) == chunks
    assert (dispatcher.channels, dispatcher.busy, dispatcher.idle) == ({}, [], [])


def test_a_worker_that_had_no_chunk_has_finished_none():
    worker = Worker(0)
    assert dispatcher_with(worker).finish(worker) is None


def test_chunks_that_nobody_wants_are_handed_to_no_worker(add):
    worker = Worker(0)
    dispatcher = dispatcher_with(worker, is_wanted=lambda queued: queued.job.job_id != 1)
    add(dispatcher, 1)
    add(dispatcher, 2)
    assert worker.jobs == [2]


def test_draining_yields_all_chunks_queued_and_handed_over(add):
    dispatcher = dispatcher_with(Worker(0))
    chunks = [add(dispatcher, job_id) for job_id in (1, 2, 3)]
    assert list(dispatcher.drain()) == [chunks[1], chunks[2], chunks[0]]
    assert dispatcher.queue.size_bytes == 0
