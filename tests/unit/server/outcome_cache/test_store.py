import gc
import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from nlpbatch.server.outcome_cache.store import OutcomeStore

MIB = 1024 * 1024


class Numbers:
    """Rows are numbers of a thousand bytes each; a negative one is an error."""

    segment_bytes = 100

    def succeeded(self, rows):
        return [row >= 0 for row in rows]

    def size_bytes(self, rows):
        return 1000 * len(rows)

    def gather(self, places):
        return [rows[position] for rows, position in places]


def text(number):
    return b"%d" % number


def keep(store, shelf, numbers):
    store.keep(shelf, [text(number) for number in numbers], list(numbers))


def find(store, shelf, numbers):
    found = store.find(shelf, [text(number) for number in numbers])
    return {numbers[position]: rows[row] for position, (rows, row) in found.items()}


@pytest.fixture
def store():
    return OutcomeStore(MIB)


@pytest.fixture
def shelf(store):
    return store.add_shelf(b"kind", Numbers())


def test_what_was_kept_is_found_by_its_position(store, shelf):
    keep(store, shelf, [1, 2, 3])
    assert store.find(shelf, [b"9", b"3", None, b"1"]).keys() == {1, 3}
    assert find(store, shelf, [9, 3, 1]) == {3: 3, 1: 1}
    assert len(store) == 3


def test_errors_and_nulls_are_not_kept(store, shelf):
    store.keep(shelf, [b"1", b"2", None, b"4"], [1, -2, 3, 4])
    assert find(store, shelf, [1, 2, 3, 4]) == {1: 1, 4: 4}
    assert store.find(shelf, [None]) == {}


def test_a_segment_with_little_to_keep_is_made_smaller(store, shelf):
    store.keep(shelf, [b"1", b"2", b"3", b"4"], [-1, -2, -3, 4])
    one = store.size_bytes
    assert one < 2000
    assert find(store, shelf, [4]) == {4: 4}
    store.keep(shelf, [b"4", b"5"], [-4, -5])
    assert store.size_bytes == one


def test_a_text_that_is_kept_already_keeps_its_row(store, shelf):
    keep(store, shelf, [1])
    size_bytes = store.size_bytes
    store.keep(shelf, [b"1"], [1])
    assert store.size_bytes == size_bytes


def test_kinds_of_questions_are_apart(store, shelf):
    other = store.add_shelf(b"other", Numbers())
    keep(store, shelf, [1])
    assert find(store, other, [1]) == {}
    assert store.shelf(b"kind") is shelf
    assert store.shelf(b"none") is None


def test_the_oldest_make_room_and_those_that_were_used_stay(store, shelf):
    popular = list(range(0, 100, 5))
    for start in range(0, 3000, 100):
        keep(store, shelf, range(start, start + 100))
        assert store.size_bytes <= MIB
        assert len(find(store, shelf, popular)) == len(popular)
    assert find(store, shelf, [1, 2, 3]) == {}
    assert store.dropped == 3000 - len(store)


def test_outcomes_that_nobody_used_again_go_at_last(store, shelf):
    keep(store, shelf, range(100))
    find(store, shelf, range(0, 100, 5))
    for start in range(100, 5000, 100):
        keep(store, shelf, range(start, start + 100))
    assert find(store, shelf, list(range(100))) == {}


def test_room_is_made_even_if_all_of_it_is_used_again_and_again(store, shelf):
    for start in range(0, 3000, 100):
        keep(store, shelf, range(start, start + 100))
        find(store, shelf, list(range(start + 100)))
        assert store.size_bytes <= MIB
    assert len(store) > 600


def test_only_so_many_rows_move_at_a_time(store, shelf, monkeypatch):
    monkeypatch.setattr("nlpbatch.server.outcome_cache.store._MAX_STAYING", 10)
    for start in range(0, 800, 100):
        keep(store, shelf, range(start, start + 100))
    find(store, shelf, list(range(800)))
    keep(store, shelf, range(800, 900))
    assert find(store, shelf, list(range(300))).keys() == {*range(10), *range(100, 300)}


def test_single_documents_can_stay_too(store, shelf):
    for number in range(3000):
        keep(store, shelf, [number])
        assert store.size_bytes <= MIB
        assert find(store, shelf, [0]) == {0: 0}


def test_one_answer_that_would_push_out_all_others_is_not_kept(store, shelf):
    keep(store, shelf, [1])
    keep(store, shelf, range(100, 400))
    assert find(store, shelf, [1, 100]) == {1: 1}


def test_a_cleared_shelf_gives_its_memory_back(store, shelf):
    other = store.add_shelf(b"other", Numbers())
    keep(store, other, [7])
    before = store.size_bytes
    keep(store, shelf, range(100))
    store.clear(shelf)
    assert store.size_bytes == before
    assert find(store, shelf, [1]) == {}
    assert find(store, other, [7]) == {7: 7}


def test_the_least_recently_used_of_too_many_kinds_goes(store):
    for number in range(64):
        keep(store, store.add_shelf(text(number), Numbers()), [number])
    store.shelf(text(0))
    store.add_shelf(b"new", Numbers())
    assert store.shelf(text(1)) is None
    assert store.shelf(text(0)) is not None
    assert (len(store), store.dropped) == (63, 1)


def test_what_is_kept_is_nothing_that_pythons_collector_visits(store, shelf):
    keep(store, shelf, range(100))
    gc.collect()
    (segment,) = store._segments.values()
    assert not gc.is_tracked(segment.documents)
    assert not gc.is_tracked(shelf.places)


class AnyUse(RuleBasedStateMachine):
    """Whatever is kept and found, in whatever order: the bound holds, and a text has its own row or none."""

    def __init__(self):
        super().__init__()
        self.store = OutcomeStore(40_000)
        self.chance = random.Random(1)

    def shelf(self, kind):
        return self.store.shelf(text(kind)) or self.store.add_shelf(text(kind), Numbers())

    @rule(kind=st.integers(0, 2), numbers=st.lists(st.integers(-3, 60), max_size=12))
    def keep(self, kind, numbers):
        self.store.keep(self.shelf(kind), [text(number) for number in numbers], list(numbers))

    @rule(kind=st.integers(0, 2), numbers=st.lists(st.integers(-3, 60), max_size=20))
    def find(self, kind, numbers):
        assert all(number == row >= 0 for number, row in find(self.store, self.shelf(kind), numbers).items())

    @rule(kind=st.integers(0, 2))
    def clear(self, kind):
        self.store.clear(self.shelf(kind))

    @invariant()
    def books_balance(self):
        segments = self.store._segments
        assert self.store.size_bytes == sum(segment.size_bytes for segment in segments.values()) <= 40_000
        assert set(segments) == set().union(*(shelf.segments for shelf in self.store.shelves))


AnyUse.TestCase.settings = settings(max_examples=40, stateful_step_count=60, deadline=None)
test_any_use = AnyUse.TestCase
