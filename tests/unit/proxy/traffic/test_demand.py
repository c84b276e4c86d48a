import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.traffic.demand import SlotCredit, allot, max_min


def batch(job, tenant="t"):
    return ("batch", tenant, job)


FLOWS = st.dictionaries(
    st.tuples(st.just("batch"), st.sampled_from("abc"), st.sampled_from("xyz")), st.integers(1, 300), max_size=9
)


def test_a_small_job_gets_what_it_asks_for_and_the_large_one_the_rest():
    two, many = batch("two"), batch("many")
    assert max_min({two: 2, many: 200}, 4, {}) == {two: 2.0, many: 2.0}
    assert max_min({two: 1, many: 200}, 4, {}) == {two: 1.0, many: 3.0}
    assert max_min({two: 2, many: 200}, 100, {}) == {two: 2.0, many: 98.0}


def test_tenants_share_by_weight_and_the_jobs_of_one_alike():
    demand = {batch("x", "a"): 50, batch("x", "b"): 50, batch("y", "b"): 50}
    assert max_min(demand, 12, {"a": 2.0, "b": 1.0}) == {
        batch("x", "a"): pytest.approx(8),
        batch("x", "b"): pytest.approx(2),
        batch("y", "b"): pytest.approx(2),
    }


@given(FLOWS, st.integers(1, 64))
def test_no_flow_gets_more_than_it_asks_for_and_all_slots_are_given_if_they_are_wanted(demand, slots):
    shares = max_min(demand, slots, {"a": 3.0})
    assert all(shares[flow] <= requests + 1e-6 for flow, requests in demand.items())
    assert sum(shares.values()) == pytest.approx(min(slots, sum(demand.values())))


@given(st.lists(FLOWS, min_size=2, max_size=5), st.integers(1, 64))
def test_what_the_proxies_have_together_is_what_there_is(demands, slots):
    allotments = [allot(own, demands[:i] + demands[i + 1 :], slots, {}) for i, own in enumerate(demands)]
    if all(one.slots for one in allotments):
        assert sum(sum(one.slots.values()) for one in allotments) == pytest.approx(slots)


def test_without_others_or_without_contention_no_flow_is_held_back():
    own = {batch("x"): 50}
    assert allot(own, [], 4, {}).slots == {}
    assert allot(own, [{}], 4, {}).slots == {}
    few = allot({batch("x"): 1}, [{batch("y"): 2}], 4, {})
    assert (few.slots, few.elsewhere) == ({}, {batch("y"): 2})


def test_a_job_spread_over_proxies_has_its_slots_where_its_requests_are():
    first = {batch("two"): 1, batch("many"): 50}
    third = {batch("many"): 50}
    demands = [first, dict(first), third, dict(third)]
    at_first = allot(first, demands[1:], 4, {})
    assert at_first.slots == {batch("two"): 1.0, batch("many"): 0.5}
    assert allot(third, demands[:3], 4, {}).slots == {batch("many"): 0.5}


@pytest.mark.parametrize("slots", [0.25, 0.5, 1.5, 2.75, 3.0])
def test_fractions_of_slots_are_kept_on_the_average(slots):
    credit, under_way, slot_seconds = SlotCredit(), [], 0.0
    for step in range(100_000):
        now_s = step * 0.01
        under_way = [end_s for end_s in under_way if end_s > now_s]
        while credit.may_start(slots, len(under_way), now_s):
            under_way.append(now_s + 0.3)
        slot_seconds += len(under_way) * 0.01
    assert slot_seconds / 1000 == pytest.approx(slots, rel=0.05)
