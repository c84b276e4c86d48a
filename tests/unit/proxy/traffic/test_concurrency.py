import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.traffic.concurrency import AdaptiveLimit, FixedLimit, ServiceTime


def fed(limit, *, seconds, count=200, period_s=0.05, in_flight=None, failed=False, start_s=0.0, cost_bytes=1000):
    """Let a limit learn from requests that take so long; return the time after them."""
    now_s = start_s
    for _ in range(count):
        now_s += period_s
        at = limit.value if in_flight is None else in_flight
        limit.record(now_s=now_s, seconds=seconds(at), cost_bytes=cost_bytes, in_flight=at, failed=failed)
    return now_s


def queueing(workers, service_s=0.1):
    """Return what a request takes at a backend with so many workers, by how many are there."""
    return lambda in_flight: service_s * max(1.0, in_flight / workers)


def test_a_fixed_one_follows_the_workers_and_nothing_else():
    limit = FixedLimit(2.0)
    limit.stated(4)
    fed(limit, seconds=lambda _: 99.0, failed=True)
    assert limit.value == 8


def test_there_is_always_a_slot():
    assert FixedLimit(0.1).value == 1
    limit = AdaptiveLimit(2.0, 4.0)
    limit.stated(1)
    fed(limit, seconds=queueing(1), failed=True, count=1000)
    assert limit.value == 1


def test_it_begins_with_the_stated_workers():
    limit = AdaptiveLimit(2.0, 4.0)
    limit.stated(8)
    assert limit.value == 16


@pytest.mark.parametrize("workers", [1, 2, 8, 64])
def test_under_lasting_load_one_or_a_few_wait_inside_the_backend(workers):
    limit = AdaptiveLimit(2.0, 4.0)
    limit.stated(workers)
    fed(limit, seconds=queueing(workers), count=4000)
    assert workers <= limit.value <= 2 * workers + 1


def test_a_probe_lowers_it_to_the_workers_and_is_no_lasting_change():
    limit = AdaptiveLimit(2.0, 4.0)
    limit.stated(8)
    now_s, seen = 0.0, set()
    for _ in range(400):
        now_s = fed(limit, seconds=queueing(8), count=1, start_s=now_s)
        seen.add((limit.value == 8, limit.lasting > 8))
        assert limit.value in {8, limit.lasting}
    assert (True, True) in seen


def test_failures_lower_it_and_success_raises_it_again():
    limit = AdaptiveLimit(2.0, 4.0)
    limit.stated(8)
    now_s = fed(limit, seconds=queueing(8), failed=True, count=400)
    low = limit.value
    fed(limit, seconds=queueing(8), count=2000, start_s=now_s)
    assert low < 8
    assert limit.value > low


def test_longer_texts_are_no_congestion():
    limit = AdaptiveLimit(2.0, 4.0)
    limit.stated(4)
    rng = random.Random(1)
    now_s = 0.0
    for step in range(4000):
        now_s += 0.05
        cost = rng.randint(50, 200) * (40 if step > 2000 else 1)
        limit.record(now_s=now_s, seconds=cost / 10_000, cost_bytes=cost, in_flight=limit.value, failed=False)
    assert limit.value >= 4


def test_with_other_workers_it_starts_over():
    limit = AdaptiveLimit(2.0, 4.0)
    limit.stated(8)
    fed(limit, seconds=queueing(8), failed=True)
    limit.stated(8)
    assert limit.value < 16
    limit.stated(2)
    assert limit.value == 4


@given(
    st.lists(st.tuples(st.floats(0, 100), st.integers(1, 10**9), st.integers(1, 10_000), st.booleans()), max_size=300),
    st.integers(1, 100),
)
def test_whatever_is_measured_the_limit_stays_in_its_bounds(samples, workers):
    limit, now_s = AdaptiveLimit(2.0, 4.0), 0.0
    limit.stated(workers)
    for seconds, cost_bytes, in_flight, failed in samples:
        now_s += 0.2
        limit.record(now_s=now_s, seconds=seconds, cost_bytes=cost_bytes, in_flight=in_flight, failed=failed)
        assert 1 <= limit.value <= 4 * workers


def test_a_line_is_learned_and_a_single_size_is_taken_as_proportional():
    service = ServiceTime()
    for cost in (1000, 5000, 9000) * 50:
        service.learn(cost, 0.01 + cost * 1e-5)
    assert service.predict(3000) == pytest.approx(0.04, rel=0.01)
    single = ServiceTime()
    for _ in range(50):
        single.learn(1000, 0.1)
    assert single.predict(2000) == pytest.approx(0.2, rel=0.01)
