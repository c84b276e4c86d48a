import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.traffic.lease_bucket import Grant
from proxy.traffic.leased_quota import LeasedQuota
from proxy.traffic.quotas import Rule

SECOND = 1_000_000_000
RULE = Rule(bytes_per_s=1000, burst_bytes=10_000, concurrency=10)


def quota(rule=RULE):
    return LeasedQuota("tenant", "home", rule)


def granted(one, now_ns, **changed):
    """Report, and settle with this grant; return the report."""
    report = one.report(now_ns)
    given_ = {"lease_bytes": 0, "level_bytes": 0, "elsewhere_bytes": 0, "slots": 0, "free_slots": 0} | changed
    one.settle(report, Grant(**given_), now_ns)
    return report


def passes(one, cost_bytes, now_ns):
    if one.over(cost_bytes, now_ns, promised=False) is not None:
        return False
    one.charge(cost_bytes, now_ns)
    return True


def test_what_is_leased_is_spent_without_asking_and_no_more():
    one = quota()
    granted(one, 0, lease_bytes=2500, level_bytes=0, slots=10)
    assert [passes(one, 1000, 1) for _ in range(4)] == [True, True, False, False]
    assert one.report(2).spent_bytes == 2000


def test_slots_are_leased_like_bytes():
    one = quota(Rule(concurrency=10))
    granted(one, 0, slots=2)
    assert [passes(one, 1, 1) for _ in range(3)] == [True, True, False]
    one.release(0.1)
    assert passes(one, 1, 2)


def test_what_is_spent_while_the_store_answers_comes_off_the_new_lease():
    one = quota(Rule(bytes_per_s=1000, burst_bytes=10_000))
    granted(one, 0, lease_bytes=3000, slots=10)
    assert passes(one, 1000, 1)
    report = one.report(2)
    assert passes(one, 1500, 3)
    one.settle(report, Grant(2000, 0, 0, 10, 0), 4)
    assert not passes(one, 501, 5)
    assert passes(one, 500, 5)
    assert one.report(6).spent_bytes == 2000


def test_a_request_waits_for_an_exchange_only_if_the_store_has_what_it_lacks():
    one = quota(Rule(bytes_per_s=1000, burst_bytes=10_000))
    assert one.lacks_lease(1000, 1)  # nothing is known of the store yet
    granted(one, 2, lease_bytes=1500, level_bytes=5000)
    assert not one.lacks_lease(1000, 3)
    assert one.lacks_lease(2000, 3)
    granted(one, 4, lease_bytes=1500, level_bytes=499)
    assert not one.lacks_lease(2000, 5)
    assert not one.lacks_lease(10_001, 5)  # never passes


def test_demand_is_leased_ahead_and_goes_back_when_it_ends():
    one = quota(Rule(bytes_per_s=100_000, burst_bytes=1_000_000))
    granted(one, 0, lease_bytes=100_000, level_bytes=900_000)
    now_ns = 0
    for _ in range(100):
        now_ns += SECOND // 50
        assert not one.lacks_lease(2000, now_ns)
        assert passes(one, 2000, now_ns)
        lease_bytes = one.report(now_ns).wanted_bytes
        one.settle(one.report(now_ns), Grant(lease_bytes, 500_000, 0, 0, 0), now_ns)
    # A tenth of a second of 100,000 bytes/s, and room for one more request.
    assert 8_000 <= lease_bytes <= 20_000
    assert one.report(now_ns + 4 * SECOND).wanted_bytes == 2000
    assert one.report(now_ns + 6 * SECOND).wanted_bytes == 0


def test_nothing_is_kept_in_stock_while_it_is_scarce():
    one = quota()
    granted(one, 0, lease_bytes=5000, level_bytes=5000, slots=10)
    assert passes(one, 1000, 1)
    granted(one, 4 * SECOND, lease_bytes=4000, level_bytes=900, slots=10)
    assert one.report(4 * SECOND).wanted_bytes < 1000


def test_a_refusal_says_when_and_a_request_that_was_promised_is_leased_for():
    one = quota(Rule(bytes_per_s=1000, burst_bytes=10_000))
    granted(one, 0, lease_bytes=0, level_bytes=0)
    over = one.over(4000, 1, promised=False)
    assert (over.kind, over.bound) == ("rate", 1000)
    assert over.wait_s >= 4
    one.promised_bytes += 4000
    report = one.report(2)
    assert report.needed_bytes == 4000
    assert report.wanted_bytes >= 4000


def test_a_wait_for_what_others_have_in_stock_is_short():
    one = quota(Rule(bytes_per_s=1000, burst_bytes=10_000))
    granted(one, 0, level_bytes=0, elsewhere_bytes=4000)
    assert one.over(4000, 1, promised=False).wait_s == 0.25


@given(st.integers(1, 8), st.integers(0, 7), st.integers(0, 20))
def test_the_parts_of_a_divided_quota_are_never_more_than_the_whole(parts, rank, concurrency):
    slots = []
    for number in range(parts):
        one = quota(Rule(concurrency=concurrency or 1))
        one.divide(parts, number, 1)
        slots.append(sum(passes(one, 1, 2) for _ in range(concurrency + 1)))
    assert sum(slots) == (concurrency or 1)


@given(st.integers(1, 8), st.lists(st.integers(0, SECOND), max_size=40))
def test_without_the_store_the_rate_is_divided_and_an_idle_part_fills_up_to_its_burst(parts, pauses_ns):
    one = quota(Rule(bytes_per_s=1000, burst_bytes=10_000))
    granted(one, 0, lease_bytes=0, level_bytes=0)
    one.divide(parts, 0, 1)
    now_ns, passed = 1, 0
    for pause_ns in pauses_ns:
        now_ns += pause_ns
        while passes(one, 100, now_ns):
            passed += 100
    assert passed <= (now_ns - 1) * 1000 / parts / SECOND + 1
    assert passed >= (now_ns - 1) * 1000 / parts / SECOND - 100 - 10_000 // parts * (not pauses_ns)
    later_ns = now_ns + 10_000 * SECOND
    assert one.left_bytes(later_ns) == max(10_000 // parts, 0)


def test_a_request_larger_than_a_part_passes_in_time():
    one = quota(Rule(bytes_per_s=1000, burst_bytes=10_000))
    granted(one, 0)
    assert not one.lacks_lease(6000, 1)
    one.divide(4, 0, 1)
    over = one.over(6000, 2, promised=False)
    assert over.wait_s == pytest.approx(24, rel=0.01)
    assert passes(one, 6000, 2 + 25 * SECOND)


def test_when_the_store_is_back_it_has_no_more_than_it_had():
    one = quota()
    granted(one, 0, lease_bytes=1000, level_bytes=2500, slots=10)
    one.divide(2, 0, 1)
    assert one.away
    report = granted(one, 60 * SECOND, lease_bytes=500, level_bytes=2000, slots=5)
    assert (report.rejoins, report.known_bytes) == (True, 2500)
    assert not one.away
    assert not granted(one, 61 * SECOND).rejoins


def test_a_report_without_an_answer_is_made_again():
    one = quota()
    granted(one, 0, lease_bytes=3000, slots=10)
    assert passes(one, 1000, 1)
    lost = one.report(2)
    one.unsettle(lost)
    assert passes(one, 500, 3)
    assert one.report(4).spent_bytes == 1500


def test_bytes_of_a_request_that_was_not_served_may_be_spent_again():
    one = quota()
    granted(one, 0, lease_bytes=1000, slots=10)
    assert passes(one, 1000, 1)
    one.give_back(1000)
    assert passes(one, 1000, 2)
    assert one.report(3).spent_bytes == 1000


def test_an_idle_bucket_is_forgotten_by_the_store_when_it_must_be_full():
    one = quota()
    granted(one, SECOND, level_bytes=10)
    assert one.report(2 * SECOND).known_bytes == 10
    assert one.report(100 * SECOND).known_bytes is None


def test_what_is_promised_is_held_for_as_many_as_come_back_here():
    one = quota(Rule(bytes_per_s=1000, burst_bytes=10_000, concurrency=100))
    granted(one, 0, lease_bytes=5000, slots=10)
    one.promised_bytes, one.promised_requests = 4000, 8
    assert not passes(one, 1500, 1)
    for _ in range(200):  # behind a load balancer that sends every other one to another proxy
        one.promise_ended(kept=False)
        one.promise_ended(kept=True)
    assert one.held_bytes == pytest.approx(2000, rel=0.1)
    assert one.held_requests == 4
    assert passes(one, 1500, 1)


def test_what_a_waiting_request_found_free_is_still_there_after_the_exchange_that_it_waits_for():
    one = quota()
    granted(one, 1, lease_bytes=2000, level_bytes=5000, slots=1, free_slots=9)
    one.expect(1000)  # because another quota of its lacks a lease
    report = one.report(20_000_000)
    assert (report.wanted_slots, report.needed_bytes) == (1, 1000)
    assert report.wanted_bytes >= 1000


def test_slots_that_were_in_use_are_kept_for_a_while_if_there_are_plenty():
    one = quota(Rule(concurrency=100))
    granted(one, 1, slots=8, free_slots=92)
    assert all(passes(one, 1, 2) for _ in range(8))
    for _ in range(8):
        one.release(0.1)
    assert one.report(SECOND).wanted_slots == 8
    assert one.report(6 * SECOND).wanted_slots == 0
    granted(one, SECOND, slots=8, free_slots=3)
    assert one.report(SECOND + 1).wanted_slots == 0


def test_slots_that_a_report_gives_back_are_not_used_while_the_store_answers():
    one = quota(Rule(concurrency=100))
    granted(one, 0, slots=4)
    assert [passes(one, 1, 1) for _ in range(2)] == [True, True]
    report = one.report(2)
    assert report.wanted_slots == 2  # so that the store may give two to another proxy
    assert not passes(one, 1, 3)
    one.settle(report, Grant(0, 0, 0, 2, 98), 4)
    assert not passes(one, 1, 5)


def test_a_request_that_waits_for_an_exchange_finds_the_slot_that_others_gave_back_meanwhile():
    one = quota(Rule(concurrency=100))
    granted(one, 0, slots=4, free_slots=96)
    assert [passes(one, 1, 1) for _ in range(4)] == [True] * 4
    assert one.lacks_lease(1, 2)
    one.expect(1)
    for _ in range(3):
        one.release(0.1)
    report = one.report(6 * SECOND)  # what was in use is not kept in stock any more
    for _ in range(2):
        if not one.lacks_lease(1, 6 * SECOND):
            assert passes(one, 1, 6 * SECOND)
    one.settle(report, Grant(0, 0, 0, report.wanted_slots, 90), 6 * SECOND)
    one.arrives(1)
    assert passes(one, 1, 6 * SECOND)


def test_slots_are_still_there_if_the_store_did_not_answer():
    one = quota(Rule(concurrency=100))
    granted(one, 0, slots=4)
    one.unsettle(one.report(1))
    assert [passes(one, 1, 2) for _ in range(5)] == [True] * 4 + [False]
