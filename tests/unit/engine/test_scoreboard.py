import os
import time

from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.engine.scoreboard import NONE, Scoreboard, WorkerStatus

NOTES = st.tuples(st.integers(0, 2**64 - 1), st.integers(NONE, 2**63 - 1), st.integers(0, 2**64 - 1))


def test_a_new_scoreboard_has_no_worker_on_a_document():
    scoreboard = Scoreboard.create(3)
    assert [scoreboard.read(slot) for slot in range(3)] == [WorkerStatus(0, NONE, 0)] * 3
    scoreboard.close()


@given(st.lists(st.tuples(st.integers(0, 2), NOTES)))
def test_each_slot_keeps_its_last_status(written):
    scoreboard = Scoreboard.create(3)
    last = {}
    for slot, status in written:
        scoreboard.write(slot, *status)
        last[slot] = WorkerStatus(*status)
    assert {slot: scoreboard.read(slot) for slot in last} == last
    scoreboard.close()


def test_what_a_worker_writes_is_seen_by_the_pool():
    pools = Scoreboard.create(2)
    workers = Scoreboard(os.dup(pools.fd), 2)  # as a worker has it: the descriptor, inherited
    workers.write(1, 7, 3, 99)
    assert (pools.read(0), pools.read(1)) == (WorkerStatus(0, NONE, 0), WorkerStatus(7, 3, 99))
    pools.close()
    workers.write(1, 8, 0, 100)  # a worker that outlives the pool does no harm
    workers.close()


def test_a_reporter_writes_the_document_of_its_job_and_when_it_was_begun():
    scoreboard = Scoreboard.create(2)
    before_ns = time.monotonic_ns()
    scoreboard.reporter(1, 7)(3)
    status = scoreboard.read(1)
    assert (status.job_id, status.document) == (7, 3)
    assert before_ns <= status.started_ns <= time.monotonic_ns()
    assert scoreboard.read(0) == WorkerStatus(0, NONE, 0)
    scoreboard.close()
