import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.traffic.admission import LONGEST_RETRY_AFTER_S, QueueBounds, over_queue, over_wait, retry_after_s
from proxy.traffic.ticket import Backlog
from proxy.traffic.waits import DrainRate

BOUNDS = QueueBounds(requests=10, size_bytes=1000, max_wait_s=5.0)
NOTHING = Backlog()
CHANCES = st.floats(0, 1, exclude_max=True)
BYTES = st.integers(0, 10**12)


def rate_of(bytes_per_s):
    rate = DrainRate()
    rate.finished(0, 0.0, backlogged=True)
    rate.finished(bytes_per_s, 1.0, backlogged=True)
    return rate


UNKNOWN = DrainRate()
RATES = st.integers(1, 10**9).map(rate_of)


def queued(cost_bytes=100, *, waiting=NOTHING, promised=NOTHING, bounds=BOUNDS, rate=UNKNOWN):
    return over_queue(cost_bytes, waiting=waiting, promised=promised, bounds=bounds, rate=rate)


@pytest.mark.parametrize(("requests", "fits"), [(9, True), (10, False), (11, False)])
def test_a_tenant_may_have_so_many_requests_waiting(requests, fits):
    assert (queued(waiting=Backlog(requests, 0)) is None) == fits


@pytest.mark.parametrize(("size_bytes", "fits"), [(900, True), (901, False)])
def test_a_tenant_may_have_so_many_bytes_waiting(size_bytes, fits):
    assert (queued(100, waiting=Backlog(1, size_bytes)) is None) == fits


def test_what_is_held_for_others_counts_as_waiting():
    assert queued(waiting=Backlog(5, 0), promised=Backlog(4, 0)) is None
    assert queued(waiting=Backlog(5, 0), promised=Backlog(5, 0)).cause == "queue_requests"
    assert queued(waiting=Backlog(1, 500), promised=Backlog(1, 500)).cause == "queue_bytes"


@pytest.mark.parametrize(("ahead_bytes", "fits"), [(500, True), (501, False)])
def test_a_request_may_have_so_long_a_wait_ahead(ahead_bytes, fits):
    assert (over_wait(ahead_bytes, max_wait_s=5.0, rate=rate_of(100)) is None) == fits


def test_no_wait_is_predicted_before_anything_is_measured():
    assert over_wait(10**15, max_wait_s=5.0, rate=UNKNOWN) is None


@pytest.mark.parametrize(
    ("refusal", "cause", "value", "bound"),
    [
        (queued(waiting=Backlog(10, 10)), "queue_requests", 11, 10),
        (queued(200, waiting=Backlog(1, 900)), "queue_bytes", 1100, 1000),
        (over_wait(1000, max_wait_s=5.0, rate=rate_of(100)), "wait", 10.0, 5.0),
    ],
)
def test_a_refusal_tells_the_bound_and_what_it_would_have_become(refusal, cause, value, bound):
    assert (refusal.cause, refusal.value, refusal.bound) == (cause, value, bound)


@pytest.mark.parametrize(
    ("bounds", "cause"),
    [(QueueBounds(0, 1000, 5.0), "queue_requests"), (QueueBounds(10, 0, 5.0), "queue_bytes")],
)
def test_a_bound_of_zero_means_that_nothing_waits(bounds, cause):
    assert queued(bounds=bounds).cause == cause


def test_a_refusal_says_when_the_queue_will_have_room():
    assert queued(waiting=Backlog(10, 900), rate=rate_of(100)).retry_after_s == pytest.approx(1000 / 11 / 100)
    assert queued(waiting=Backlog(14, 900), rate=rate_of(100)).retry_after_s == pytest.approx(5 * 1000 / 15 / 100)
    assert queued(200, waiting=Backlog(1, 900), rate=rate_of(100)).retry_after_s == pytest.approx(1.0)


def test_a_refusal_says_when_the_wait_will_be_short_enough():
    assert over_wait(1000, max_wait_s=4.0, rate=rate_of(100)).retry_after_s == pytest.approx(6.0)


@given(BYTES, RATES | st.just(UNKNOWN), CHANCES)
def test_retry_after_is_neither_nothing_nor_for_ever(ahead_bytes, rate, chance):
    assert 0 < retry_after_s(ahead_bytes, rate, chance) <= LONGEST_RETRY_AFTER_S


@given(BYTES, BYTES, RATES, CHANCES)
def test_retry_after_grows_with_the_bytes_ahead(some, more, rate, chance):
    fewer, more = sorted((some, more))
    assert retry_after_s(fewer, rate, chance) <= retry_after_s(more, rate, chance)


def test_retry_after_is_the_time_to_work_off_what_is_ahead():
    assert retry_after_s(1000, rate_of(100), 0.0) == pytest.approx(10.0)


@given(st.integers(100, 2000), CHANCES, CHANCES)
def test_retry_after_is_spread_by_a_fifth(ahead_bytes, chance, other):
    first, second = (retry_after_s(ahead_bytes, rate_of(100), drawn) for drawn in (chance, other))
    assert first == pytest.approx(ahead_bytes / 100 * (1 + 0.2 * chance))
    assert (first < second) == (chance < other) or first == pytest.approx(second)


def test_even_the_longest_retry_after_is_spread():
    assert len({retry_after_s(10**12, rate_of(1), chance / 10) for chance in range(10)}) == 10
