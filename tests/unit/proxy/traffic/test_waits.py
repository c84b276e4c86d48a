import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.traffic.waits import Codel, DrainRate


def work_off(rate, bytes_per_s, *, seconds, start_s=0.0, step_s=0.05):
    """Finish requests at that pace, while others wait; return when it was over."""
    steps = round(seconds / step_s)
    for step in range(steps + 1):
        rate.finished(round(bytes_per_s * step_s), start_s + step * step_s, backlogged=True)
    return start_s + steps * step_s


def test_nothing_is_known_before_anything_was_measured():
    rate = DrainRate()
    assert rate.seconds_for(100) is None
    rate.finished(100, 0.0, backlogged=True)
    assert rate.seconds_for(100) is None


@given(st.integers(1_000, 10**9))
def test_the_first_measurement_is_believed(bytes_per_s):
    rate = DrainRate()
    work_off(rate, bytes_per_s, seconds=0.5)
    assert rate.seconds_for(bytes_per_s) == pytest.approx(1.0, rel=0.05)


@given(st.integers(1_000, 10**7), st.integers(1_000, 10**7))
def test_it_follows_a_change_within_a_few_half_lives(before, after):
    rate = DrainRate(half_life_s=1.0)
    now_s = work_off(rate, before, seconds=2)
    now_s = work_off(rate, after, seconds=1, start_s=now_s)
    assert 1 / rate.seconds_for(1) == pytest.approx((before + after) / 2, rel=0.1)
    work_off(rate, after, seconds=20, start_s=now_s)
    assert rate.seconds_for(after) == pytest.approx(1.0, rel=0.05)


def test_half_of_the_mean_is_from_the_last_half_life_however_seldom_requests_finish():
    rate = DrainRate(half_life_s=10.0)
    rate.finished(0, 0.0, backlogged=True)
    rate.finished(1000, 1.0, backlogged=True)
    rate.finished(0, 11.0, backlogged=True)
    assert rate.seconds_for(1000) == pytest.approx(2.0)


def test_a_clock_that_stands_still_is_survived():
    rate = DrainRate()
    for _ in range(1000):
        rate.finished(100, 5.0, backlogged=True)
    assert rate.seconds_for(100) is None
    rate.finished(0, 6.0, backlogged=True)
    assert rate.seconds_for(99_900) == pytest.approx(1.0)


def test_an_idle_hour_does_not_look_like_a_slow_service():
    rate = DrainRate()
    now_s = work_off(rate, 100_000, seconds=5)
    rate.finished(100, now_s, backlogged=False)
    work_off(rate, 100_000, seconds=1, start_s=now_s + 3600)
    assert rate.seconds_for(100_000) == pytest.approx(1.0, rel=0.05)


def test_a_quiet_service_is_not_taken_for_a_slow_one():
    rate = DrainRate()
    for second in range(100):
        rate.finished(1024, float(second), backlogged=False)
    assert rate.seconds_for(10**9) is None


def test_what_was_finished_before_the_queue_formed_does_not_count():
    rate = DrainRate()
    rate.finished(10**9, 0.0, backlogged=True)
    rate.finished(100, 1.0, backlogged=True)
    assert rate.seconds_for(100) == pytest.approx(1.0)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.floats(0, 10), st.booleans())))
def test_it_never_predicts_nonsense(events):
    rate, now_s = DrainRate(), 0.0
    for cost_bytes, seconds, backlogged in events:
        now_s += seconds
        rate.finished(cost_bytes, now_s, backlogged=backlogged)
        predicted_s = rate.seconds_for(1000)
        assert predicted_s is None or predicted_s > 0


def test_a_burst_that_goes_by_is_let_through():
    codel = Codel(0.1, 1.0)
    waits_s = {0.1: 0.9, 0.5: 0.6, 0.9: 0.05, 1.2: 0.9, 1.9: 0.02, 2.3: 0.8}
    assert not any(codel.drops(wait_s, now_s) for now_s, wait_s in waits_s.items())


def test_when_even_the_least_wait_of_an_interval_was_too_long_the_next_refuses_what_waited_twice_as_long():
    codel = Codel(0.1, 1.0)
    assert not codel.drops(0.5, 0.0)
    assert not codel.drops(0.3, 0.9)
    assert codel.drops(0.3, 1.1)
    assert not codel.drops(0.15, 1.2)


def test_one_short_wait_ends_it():
    codel = Codel(0.1, 1.0)
    codel.drops(0.5, 0.0)
    assert codel.drops(0.5, 1.0)
    codel.drops(0.05, 1.5)
    assert not codel.drops(0.5, 2.0)


def test_what_was_long_ago_says_nothing():
    codel = Codel(0.1, 1.0)
    codel.drops(0.5, 0.0)
    assert not codel.drops(0.5, 100.0)
