import os

from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.engine.board import NONE, Board, Note

NOTES = st.tuples(st.integers(0, 2**64 - 1), st.integers(NONE, 2**63 - 1), st.integers(0, 2**64 - 1))


def test_a_new_board_has_nobody_at_work():
    board = Board.create(3)
    assert [board.read(slot) for slot in range(3)] == [Note(0, NONE, 0)] * 3
    board.close()


@given(st.lists(st.tuples(st.integers(0, 2), NOTES)))
def test_each_slot_keeps_its_last_note(written):
    board = Board.create(3)
    last = {}
    for slot, note in written:
        board.write(slot, *note)
        last[slot] = Note(*note)
    assert {slot: board.read(slot) for slot in last} == last
    board.close()


def test_what_a_worker_notes_is_seen_by_the_pool():
    pools = Board.create(2)
    workers = Board(os.dup(pools.fd), 2)  # as a worker has it: the descriptor, inherited
    workers.write(1, 7, 3, 99)
    assert (pools.read(0), pools.read(1)) == (Note(0, NONE, 0), Note(7, 3, 99))
    pools.close()
    workers.write(1, 8, 0, 100)  # a worker that outlives the pool does no harm
    workers.close()
