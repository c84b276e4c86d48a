import asyncio

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.engine.job import Job
from nlpbatch.engine.queue import ChunkQueue, QueuedChunk


@pytest.fixture(scope="module")
def loop():
    with asyncio.Runner() as runner:
        yield runner.get_loop()


def chunk(loop, job_id, *, urgent=False, size_bytes=1):
    return QueuedChunk(Job(job_id, "json", (), pa.array([]), {}), size_bytes, urgent, loop.create_future(), 0.0)


def drained(queue):
    found = []
    while (queued := queue.pop()) is not None:
        found.append(queued.job.job_id)
    return found


def test_an_empty_queue_has_nothing():
    assert ChunkQueue().pop() is None


@given(st.lists(st.booleans()))
def test_urgent_chunks_come_first_and_each_class_in_the_order_of_arrival(loop, urgencies):
    queue = ChunkQueue()
    for job_id, urgent in enumerate(urgencies):
        queue.push(chunk(loop, job_id, urgent=urgent))
    order = sorted(range(len(urgencies)), key=lambda job_id: (not urgencies[job_id], job_id))
    assert drained(queue) == order


@pytest.mark.parametrize(("urgent", "order"), [(False, [0, 3, 1, 2]), (True, [3, 0, 1, 2])])
def test_a_chunk_put_back_goes_first_in_its_own_class(loop, urgent, order):
    queue = ChunkQueue()
    for job_id, is_urgent in ((0, True), (1, False), (2, False)):
        queue.push(chunk(loop, job_id, urgent=is_urgent))
    queue.push(chunk(loop, 3, urgent=urgent), first=True)
    assert drained(queue) == order


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 100))), st.data())
def test_its_size_is_that_of_the_chunks_in_it(loop, chunks, data):
    queue = ChunkQueue()
    waiting = [chunk(loop, job_id, urgent=urgent, size_bytes=size) for job_id, (urgent, size) in enumerate(chunks)]
    for queued in waiting:
        queue.push(queued)
    taken = data.draw(st.integers(0, len(waiting)))
    left = {queued.job.job_id: queued for queued in waiting}
    for _ in range(taken):
        del left[queue.pop().job.job_id]
    gone = data.draw(st.lists(st.sampled_from(waiting), unique_by=id)) if waiting else []
    for queued in gone:
        queue.discard(queued)  # does nothing to one that was taken
        left.pop(queued.job.job_id, None)
    assert queue.size_bytes == sum(queued.size_bytes for queued in left.values())
    assert sorted(drained(queue)) == sorted(left)
    assert queue.size_bytes == 0
