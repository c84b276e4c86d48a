from hypothesis import given
from hypothesis import strategies as st

from proxy.traffic.quotas import Quota, Quotas, Rule, charge_all, first_over
from tests.fakes.proxy_parts import proxy_settings

SECOND = 1_000_000_000
COSTS = st.integers(1, 1000)
STEPS = st.lists(st.tuples(st.integers(0, 3 * SECOND), COSTS), max_size=60)
RULES = st.builds(Rule, st.integers(1, 5000), st.integers(1000, 20_000))


def quota(rate=100, burst=1000, concurrency=None, scope="tenant"):
    return Quota(scope, "", Rule(rate, burst, concurrency))


@given(RULES, STEPS)
def test_no_window_has_more_than_the_rate_and_one_burst(rule, steps):
    limited, now_ns, passed = Quota("tenant", "", rule), 0, []
    for pause_ns, cost_bytes in steps:
        now_ns += pause_ns
        if limited.over(cost_bytes, now_ns, promised=False) is None:
            limited.charge(cost_bytes, now_ns)
            passed.append((now_ns, cost_bytes))
    for start, (from_ns, _) in enumerate(passed):
        sum_bytes = 0
        for at_ns, cost_bytes in passed[start:]:
            sum_bytes += cost_bytes
            assert sum_bytes * SECOND <= rule.burst_bytes * SECOND + (at_ns - from_ns + 1) * rule.bytes_per_s


@given(RULES, STEPS, COSTS)
def test_a_request_passes_after_its_wait_and_not_a_moment_before(rule, steps, cost_bytes):
    limited, now_ns = Quota("tenant", "", rule), 0
    for pause_ns, one_bytes in steps:
        now_ns += pause_ns
        if limited.over(one_bytes, now_ns, promised=False) is None:
            limited.charge(one_bytes, now_ns)
    over = limited.over(cost_bytes, now_ns, promised=False)
    if over is not None:
        due_ns = now_ns + round(over.wait_s * SECOND)
        assert limited.over(cost_bytes, due_ns + 1, promised=False) is None
        assert limited.over(cost_bytes, due_ns - 2, promised=False) is not None


def test_an_issued_key_has_a_quota_of_its_own_that_survives_another_configuration():
    quotas, settings = Quotas(), proxy_settings({"a": {"key_quota": {"concurrency": 1}}})
    quotas.adopt(settings)
    assert [one.scope for one in quotas.of("a", "issued")] == ["key", "tenant", "global"]
    charge_all(quotas.of("a", "issued"), 1, 0)
    quotas.adopt(settings)
    assert first_over(quotas.of("a", "issued"), 1, 0, promised=False).scope == "key"
    assert first_over(quotas.of("a", "another"), 1, 0, promised=False) is None


def test_a_request_of_the_whole_burst_passes_after_a_pause():
    assert quota(rate=3, burst=1000).over(1000, 0, promised=False) is None


def test_a_request_over_the_burst_never_passes():
    over = quota().over(1001, 0, promised=False)
    assert (over.kind, over.value, over.bound, over.wait_s) == ("burst", 1001, 1000, None)


def test_what_is_not_sent_after_all_may_be_sent_again():
    limited = quota()
    limited.charge(1000, 0)
    assert limited.over(1000, 0, promised=False) is not None
    limited.give_back(1000)
    assert limited.over(1000, 0, promised=False) is None


def test_an_idle_hour_saves_up_one_burst_and_no_more():
    limited = quota()
    limited.charge(1000, 3600 * SECOND)
    assert limited.over(1, 3600 * SECOND, promised=False) is not None


def test_a_clock_that_steps_back_gives_nothing():
    limited = quota()
    limited.charge(1000, 100 * SECOND)
    assert limited.over(1, 50 * SECOND, promised=False) is not None


def test_the_quota_says_what_is_left():
    limited = quota()
    assert limited.left_bytes(0) == 1000
    limited.charge(600, 0)
    assert limited.left_bytes(0) == 400
    assert limited.left_bytes(2 * SECOND) == 600
    assert limited.full_in_s(0) == 6.0
    assert Quota("key", "", Rule()).left_bytes(0) is None


def test_requests_at_a_time_are_counted_until_they_end():
    limited = Quota("key", "", Rule(concurrency=2))
    for _ in range(2):
        assert limited.over(1, 0, promised=False) is None
        limited.charge(1, 0)
    over = limited.over(1, 0, promised=False)
    assert (over.scope, over.kind, over.bound) == ("key", "concurrency", 2)
    limited.release(0.4)
    assert limited.over(1, 0, promised=False) is None


def test_the_wait_for_a_slot_is_predicted_from_how_long_requests_stay():
    limited = Quota("key", "", Rule(concurrency=2))
    for _ in range(4):
        limited.charge(1, 0)
    limited.release(0.4)
    assert limited.over(1, 0, promised=False).wait_s == (3 + 1 - 2) * 0.4 / 2


def test_reserved_bytes_count_for_all_other_requests():
    limited = quota()
    limited.promised_bytes = 600
    over = limited.over(500, 0, promised=False)
    assert (over.kind, over.wait_s) == ("rate", 1.0)
    assert limited.over(500, 0, promised=True) is None


def test_all_are_charged_or_none():
    narrow, wide = quota(burst=100, scope="key"), quota(scope="global")
    quotas = (narrow, wide)
    assert first_over(quotas, 100, 0, promised=False) is None
    charge_all(quotas, 100, 0)
    assert first_over(quotas, 100, 0, promised=False).scope == "key"
    assert wide.left_bytes(0) == 900


@given(STEPS)
def test_a_refused_request_changes_nothing(steps):
    limited, now_ns = quota(), 0
    for pause_ns, cost_bytes in steps:
        now_ns += pause_ns
        if limited.over(cost_bytes, now_ns, promised=False) is None:
            limited.charge(cost_bytes, now_ns)
        else:
            before = limited.left_bytes(now_ns)
            limited.over(cost_bytes, now_ns, promised=False)
            assert limited.left_bytes(now_ns) == before


def test_of_several_limits_the_refusal_names_the_one_with_the_longest_wait():
    slow, fast = quota(rate=10, scope="tenant"), quota(rate=1000, scope="global")
    charge_all((slow, fast), 1000, 0)
    assert first_over((slow, fast), 100, 0, promised=False).scope == "tenant"
