import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.client.ordered_calls import Bounds, in_order

PATIENCE_S = 20
"""How long a test waits for what happens at once, before it fails instead of hanging."""
PLENTY = 1_000_000


def bounds(in_flight=2, ahead=8, held_bytes=PLENTY):
    return Bounds(in_flight, ahead, held_bytes)


def window(asks, call, *, size_bytes=lambda _: 0, **limits):
    return in_order(asks, call, bounds=bounds(**limits), size_bytes=size_bytes)


class Asks:
    """Counts what has been taken from it."""

    def __init__(self, count):
        self._numbers = iter(range(count))
        self.taken = 0

    def __iter__(self):
        return self

    def __next__(self):
        number = next(self._numbers)
        self.taken += 1
        return number


@given(
    count=st.integers(0, 30),
    in_flight=st.integers(1, 5),
    more_ahead=st.integers(0, 10),
    held_bytes=st.integers(1, 50),
    sizes=st.lists(st.integers(0, 60), min_size=30, max_size=30),
)
def test_every_ask_comes_back_once_with_its_own_result_in_order(count, in_flight, more_ahead, held_bytes, sizes):
    limits = Bounds(in_flight, in_flight + more_ahead, held_bytes)
    results = list(in_order(range(count), lambda ask: ask * ask, bounds=limits, size_bytes=sizes.__getitem__))
    assert results == [(ask, ask * ask) for ask in range(count)]


def test_results_are_in_the_order_of_asks_when_calls_end_in_the_opposite_order():
    ended = [threading.Event() for _ in range(4)]

    def call(ask):
        if ask < 3:
            assert ended[ask + 1].wait(PATIENCE_S)
        ended[ask].set()
        return -ask

    assert list(window(range(4), call, in_flight=4)) == [(0, 0), (1, -1), (2, -2), (3, -3)]


def test_as_many_calls_run_at_once_as_allowed_and_never_more():
    together = threading.Barrier(3)
    lock = threading.Lock()
    running, most = 0, 0

    def call(_):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        together.wait(PATIENCE_S)  # breaks unless three calls are under way at the same time
        with lock:
            running -= 1

    assert len(list(window(range(12), call, in_flight=3))) == 12
    assert most == 3


def test_a_slow_call_does_not_stop_later_ones_until_as_many_as_allowed_wait_behind_it():
    asks = Asks(100)
    last_allowed = threading.Event()

    def call(ask):
        if ask == 0:
            assert last_allowed.wait(PATIENCE_S)
        if ask == 5:
            last_allowed.set()

    results = window(asks, call, in_flight=2, ahead=6)
    assert next(results) == (0, None)
    assert asks.taken == 6
    results.close()


def test_no_more_is_taken_while_what_is_taken_holds_too_many_bytes():
    asks = Asks(100)
    third = threading.Event()

    def call(ask):
        if ask == 0:
            assert third.wait(PATIENCE_S)
        if ask == 2:
            third.set()

    results = window(asks, call, in_flight=4, ahead=50, held_bytes=25, size_bytes=lambda _: 10)
    next(results)
    assert asks.taken == 3
    results.close()


def test_an_ask_larger_than_the_bound_is_taken_alone():
    asks = Asks(3)
    results = window(asks, lambda ask: ask, in_flight=2, held_bytes=5, size_bytes=lambda _: 1000)
    taken = [asks.taken for _ in results]
    assert taken == [1, 2, 3]


def test_nothing_is_taken_before_the_first_result_is_asked_for():
    asks = Asks(3)
    window(asks, lambda ask: ask)
    assert asks.taken == 0


def test_an_error_is_raised_at_its_place_after_the_results_before_it():
    third_failed = threading.Event()

    def call(ask):
        if ask == 2:
            third_failed.set()
            raise LookupError("third")
        assert third_failed.wait(PATIENCE_S)
        return ask

    results = window(range(6), call, in_flight=3)
    assert [next(results), next(results)] == [(0, 0), (1, 1)]
    with pytest.raises(LookupError, match="third"):
        next(results)


def test_no_call_begins_after_an_error_was_raised():
    asks = Asks(100)
    results = window(asks, lambda _: 1 / 0, in_flight=1)
    with pytest.raises(ZeroDivisionError):
        next(results)
    taken = asks.taken
    assert list(results) == []
    assert asks.taken == taken


def test_an_error_of_the_source_is_raised():
    def asks():
        yield 1
        raise OSError("the source broke")

    with pytest.raises(OSError, match="the source broke"):
        list(window(asks(), lambda ask: ask, in_flight=1, ahead=1))


def test_closing_early_takes_no_more_and_waits_for_no_call():
    asks = Asks(100)
    hangs, release = threading.Event(), threading.Event()

    def call(ask):
        if ask == 1:
            hangs.set()
            assert release.wait(PATIENCE_S)

    results = window(asks, call, in_flight=2)
    assert next(results) == (0, None)
    assert hangs.wait(PATIENCE_S)
    taken = asks.taken
    results.close()  # would hang here if it waited
    assert not release.is_set()
    release.set()
    assert list(results) == []
    assert asks.taken == taken


def test_the_number_of_calls_may_be_lowered_while_it_runs():
    running, most = set(), []
    release = threading.Semaphore(0)
    allowed = [4]

    def call(ask):
        running.add(ask)
        most.append(len(running))
        assert release.acquire(timeout=PATIENCE_S)
        running.discard(ask)

    window_ = in_order(
        range(12), call, bounds=bounds(4, 8), size_bytes=lambda _: 0, has_room=lambda running, _: running < allowed[0]
    )
    release.release(4)
    next(window_)
    allowed[0] = 1
    release.release(20)
    list(window_)
    assert max(most) <= 4
    assert set(most[-4:]) == {1}
