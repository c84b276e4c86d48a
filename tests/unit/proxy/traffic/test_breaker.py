from hypothesis import given
from hypothesis import strategies as st

from proxy.traffic.breaker import Breaker, EjectionRule, Ejections

RULE = EjectionRule(failures=3, eject_s=10.0, eject_max_s=25.0)


def breakers(count=2):
    ejections = Ejections(RULE)
    return [Breaker(ejections) for _ in range(count)]


def fail(breaker, now_s=0.0, *, times=3, name="request"):
    for number in range(times):
        breaker.failed(f"{name}-{number}", now_s)


def test_so_many_different_requests_in_a_row_eject():
    one, _ = breakers()
    fail(one, times=2)
    assert one.allows(0.0)
    fail(one, times=1, name="third")
    assert (one.allows(0.0), one.state) == (False, "ejected")


def test_the_same_request_again_and_again_ejects_no_backend():
    one, _ = breakers()
    for _ in range(100):
        one.failed("poison", 0.0)
    assert one.allows(0.0)


def test_a_success_in_between_forgets_the_failures():
    one, _ = breakers()
    fail(one, times=2)
    one.succeeded()
    fail(one, times=2)
    assert one.allows(0.0)


def test_what_failed_elsewhere_too_is_forgiven():
    one, _ = breakers()
    fail(one, times=2)
    one.forgive("request-0")
    fail(one, times=1, name="other")
    assert one.allows(0.0)


def test_after_its_time_it_gets_one_request_to_try():
    one, _ = breakers()
    fail(one)
    assert not one.allows(9.9)
    assert (one.allows(10.0), one.state) == (True, "half_open")
    one.sent()
    assert not one.allows(10.0)
    one.succeeded()
    assert (one.allows(10.0), one.state) == (True, "closed")


def test_a_try_that_fails_ejects_for_longer_up_to_a_bound():
    one, _ = breakers()
    fail(one)
    until_s = 10.0
    for longer_s in (20.0, 25.0, 25.0):
        assert one.allows(until_s)
        one.sent()
        one.failed("probe", until_s)
        assert not one.allows(until_s + longer_s - 0.1)
        until_s += longer_s
        assert one.allows(until_s)


def test_a_trial_request_whose_caller_hung_up_says_nothing():
    one, _ = breakers()
    fail(one)
    assert one.allows(10.0)
    one.sent()
    one.abandoned()
    assert one.allows(10.0)


def test_the_only_backend_is_never_ejected():
    (one,) = breakers(1)
    fail(one, times=10)
    assert one.allows(0.0)


def test_a_backend_that_is_removed_no_longer_counts_as_ejected():
    one, two, three = breakers(3)
    fail(one)
    fail(two)
    assert [breaker.allows(0.0) for breaker in (one, two)] == [False, True]
    one.retire()
    fail(two)
    assert not two.allows(0.0)
    assert three.allows(0.0)


@given(
    st.integers(1, 6),
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(["failed", "succeeded", "sent", "abandoned"]), st.floats(0, 20))
    ),
)
def test_never_are_more_than_half_ejected_and_everyone_comes_back(count, events):
    all_, now_s = breakers(count), 0.0
    for number, (which, what, pause_s) in enumerate(events):
        now_s += pause_s
        one = all_[which % count]
        one.failed(str(number), now_s) if what == "failed" else getattr(one, what)()
        assert sum(not breaker.allows(now_s) and breaker.state == "ejected" for breaker in all_) <= count / 2
    for breaker in all_:
        if breaker.state != "half_open":
            assert breaker.allows(now_s + 25.0)
