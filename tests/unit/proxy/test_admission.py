import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.admission import LONGEST_RETRY_AFTER_S, Admit, Bounds, Queue, Refuse, decide, retry_after_s
from proxy.limits import DrainRate
from proxy.scheduler import Usage

BOUNDS = Bounds(requests=10, size_bytes=1000, max_wait_s=5.0)
NOTHING = Usage()
CHANCES = st.floats(0, 1, exclude_max=True)
BYTES = st.integers(0, 10**12)


def rate_of(bytes_per_s):
    rate = DrainRate()
    rate.finished(0, 0.0, backlogged=True)
    rate.finished(bytes_per_s, 1.0, backlogged=True)
    return rate


UNKNOWN = DrainRate()
RATES = st.integers(1, 10**9).map(rate_of)


def decided(cost_bytes=100, *, free=False, tenant=NOTHING, ahead_bytes=0, bounds=BOUNDS, rate=UNKNOWN, chance=0.0):
    return decide(
        cost_bytes, free=free, tenant=tenant, ahead_bytes=ahead_bytes, bounds=bounds, rate=rate, chance=chance
    )


def test_it_is_admitted_when_there_is_a_free_place():
    assert decided(free=True) == Admit()


def test_it_waits_when_there_is_none():
    assert decided() == Queue()


@pytest.mark.parametrize(("requests", "decision"), [(9, Queue), (10, Refuse), (11, Refuse)])
def test_a_tenant_may_have_so_many_requests_waiting(requests, decision):
    assert isinstance(decided(tenant=Usage(requests, 0)), decision)


@pytest.mark.parametrize(("size_bytes", "decision"), [(900, Queue), (901, Refuse)])
def test_a_tenant_may_have_so_many_bytes_waiting(size_bytes, decision):
    assert isinstance(decided(100, tenant=Usage(1, size_bytes)), decision)


@pytest.mark.parametrize(("ahead_bytes", "decision"), [(500, Queue), (501, Refuse)])
def test_a_request_may_have_so_long_a_wait_ahead(ahead_bytes, decision):
    assert isinstance(decided(ahead_bytes=ahead_bytes, rate=rate_of(100)), decision)


def test_no_wait_is_foretold_before_anything_is_known():
    assert decided(ahead_bytes=10**15) == Queue()


@pytest.mark.parametrize(
    ("refusal", "cause", "value", "bound"),
    [
        (decided(tenant=Usage(10, 10)), "queue_requests", 11, 10),
        (decided(200, tenant=Usage(1, 900)), "queue_bytes", 1100, 1000),
        (decided(ahead_bytes=1000, rate=rate_of(100)), "wait", 10.0, 5.0),
    ],
)
def test_a_refusal_tells_the_bound_and_what_it_would_have_become(refusal, cause, value, bound):
    assert (refusal.cause, refusal.value, refusal.bound) == (cause, value, bound)


@pytest.mark.parametrize(
    ("bounds", "cause"),
    [(Bounds(0, 1000, 5.0), "queue_requests"), (Bounds(10, 0, 5.0), "queue_bytes")],
)
def test_a_bound_of_zero_means_that_nothing_waits(bounds, cause):
    assert decided(bounds=bounds).cause == cause
    assert decided(bounds=bounds, free=True) == Admit()


def test_a_longest_wait_of_zero_refuses_what_has_anything_ahead():
    assert decided(ahead_bytes=1, bounds=Bounds(10, 1000, 0.0), rate=rate_of(100)).cause == "wait"


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


@pytest.mark.parametrize("full", [Usage(10, 400), Usage(5, 1000)])
def test_every_refusal_of_a_full_queue_tells_when_to_come_back(full):
    fuller = Usage(full.requests, full.size_bytes * 2)
    soon = decided(tenant=full, rate=rate_of(100)).retry_after_s
    assert 0 < soon < decided(tenant=fuller, rate=rate_of(100)).retry_after_s
