import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.traffic.fair_queue import FairQueue
from proxy.traffic.ticket import Backlog
from tests.fakes.fair_queue import COSTS, MAX_BYTES, drain, fill, serve, ticket, while_both_wait

WEIGHTS = {"a": 1.0, "b": 3.0, "c": 0.5}
PUSH = st.tuples(st.just("push"), st.sampled_from("abcd"), st.sampled_from(["", "x", "y"]), COSTS)
POP = st.tuples(st.just("pop"))
REMOVE = st.tuples(st.just("remove"), st.integers(0, 50))
HISTORIES = st.lists(PUSH | PUSH | POP | REMOVE, max_size=80)


def play(queue, history):
    """Yield what waits by the simplest account, and what has just been popped, after each step."""
    waiting = []
    for number, (step, *arguments) in enumerate(history):
        popped = None
        if step == "push":
            waiting.append(ticket(*arguments, arrived_s=number))
            queue.push(waiting[-1])
        elif step == "pop":
            popped = serve(queue)
            assert (popped is None) == (not waiting)
            if popped is not None:
                waiting.remove(popped)  # raises if it wasn't waiting: no ticket comes out twice, or from nowhere
        elif waiting:
            leaves = waiting.pop(arguments[0] % len(waiting))
            assert queue.remove(leaves)
        yield waiting, popped


@given(HISTORIES)
def test_no_ticket_is_lost_or_doubled(history):
    queue = FairQueue(WEIGHTS)
    waiting = []
    for waiting, _ in play(queue, history):
        assert sorted(map(id, queue)) == sorted(map(id, waiting))
    assert sorted(map(id, drain(queue))) == sorted(map(id, waiting))
    assert serve(queue) is None


@given(HISTORIES)
def test_the_counts_equal_the_contents(history):
    queue = FairQueue(WEIGHTS)
    for waiting, _ in play(queue, history):
        assert queue.backlog == usage(waiting)
        for tenant in "abcd":
            assert queue.of(tenant) == usage([one for one in waiting if one.tenant == tenant])


@given(HISTORIES)
def test_within_a_job_it_is_first_come_first_served(history):
    queue = FairQueue(WEIGHTS)
    for waiting, popped in play(queue, history):
        if popped is not None:
            behind = [one for one in waiting if (one.tenant, one.job) == (popped.tenant, popped.job)]
            assert all(popped.arrived_s < one.arrived_s for one in behind)


@given(HISTORIES)
def test_nothing_is_kept_of_a_job_that_has_nothing_waiting(history):
    queue = FairQueue(WEIGHTS)
    for waiting, _ in play(queue, history):
        kept = {(name, flow) for name, tenant in queue._classes["batch"].tenants.items() for flow in tenant.jobs}
        assert kept == {(one.tenant, one.flow) for one in waiting}


@given(HISTORIES)
def test_what_was_never_there_or_is_no_longer_cannot_be_removed(history):
    queue = FairQueue(WEIGHTS)
    gone = [popped for _, popped in play(queue, history) if popped is not None]
    before = queue.backlog
    assert not any(queue.remove(one) for one in [ticket("a", "x"), ticket("nobody"), *gone])
    assert queue.backlog == before


@given(st.lists(COSTS, min_size=1), st.lists(COSTS, min_size=1), st.sampled_from([1.0, 3.0, 0.5]))
def test_two_tenants_get_bytes_by_weight_to_within_one_request(mine, theirs, weight):
    queue = FairQueue({"a": weight, "b": 1.0})
    for tenant, costs in (("a", mine), ("b", theirs)):
        for cost_bytes in costs:
            queue.push(ticket(tenant, "", cost_bytes))
    for served in while_both_wait(queue, lambda one: one.tenant, ("a", "b")):
        assert abs(served["a"] / weight - served["b"]) <= MAX_BYTES / min(weight, 1.0)


@given(st.lists(COSTS, min_size=1), st.lists(COSTS, min_size=1), st.lists(COSTS))
def test_two_jobs_of_a_tenant_get_the_same_bytes_to_within_one_request(mine, theirs, alone):
    queue = FairQueue({})
    for cost_bytes in (*alone, *mine):
        queue.push(ticket("a", "x", cost_bytes))
    for _ in alone:
        serve(queue)  # the time before the second job comes gives neither an advantage
    for cost_bytes in theirs:
        queue.push(ticket("a", "y", cost_bytes))
    for served in while_both_wait(queue, lambda one: one.job, ("x", "y")):
        assert abs(served["x"] - served["y"]) <= MAX_BYTES


@given(st.lists(COSTS, min_size=1), st.lists(COSTS, min_size=1), st.lists(COSTS))
def test_a_tenant_that_comes_later_shares_to_within_one_request_of_each(mine, theirs, alone):
    queue = FairQueue({})
    for cost_bytes in (*alone, *mine):
        queue.push(ticket("a", "", cost_bytes))
    for _ in alone:
        serve(queue)
    for cost_bytes in theirs:
        queue.push(ticket("b", "", cost_bytes))
    for served in while_both_wait(queue, lambda one: one.tenant, ("a", "b")):
        assert abs(served["a"] - served["b"]) <= 2 * MAX_BYTES


def test_weights_of_three_to_one_give_three_to_one():
    queue = FairQueue({"a": 3.0, "b": 1.0})
    fill(queue, [("a", ""), ("b", "")], 400)
    served = Counter(serve(queue).tenant for _ in range(400))
    assert served["a"] == pytest.approx(300, abs=1)


def test_a_tenant_with_many_jobs_gets_no_more_than_one_with_a_single_job():
    queue = FairQueue({})
    fill(queue, [("a", f"job-{number}") for number in range(20)], 10)
    fill(queue, [("b", "")], 200)
    served = Counter(serve(queue).tenant for _ in range(200))
    assert served["a"] == pytest.approx(100, abs=1)


def test_a_job_with_many_executors_gets_no_more_than_one_with_few():
    queue = FairQueue({})
    fill(queue, [("a", "wide")], 200)
    fill(queue, [("a", "narrow")], 2)
    order = [serve(queue).job for _ in range(4)]
    assert sorted(order) == ["narrow", "narrow", "wide", "wide"]


@pytest.mark.parametrize(("first", "second"), [(("a", ""), ("b", "")), (("a", "x"), ("a", "y"))])
def test_being_idle_saves_nothing_up(first, second):
    queue = FairQueue({})
    fill(queue, [first], 300)
    fill(queue, [second], 1)
    for _ in range(200):
        serve(queue)
    fill(queue, [second], 50)
    order = [(one.tenant, one.job) for one in drain(queue)[:20]]
    assert order.count(second) == pytest.approx(10, abs=1)


@pytest.mark.parametrize(("first", "second"), [(("a", ""), ("b", "")), (("a", "x"), ("a", "y"))])
def test_what_a_flow_got_while_no_other_waited_is_not_held_against_it_afterwards(first, second):
    queue = FairQueue({})
    fill(queue, [first], 200)
    drain(queue)
    fill(queue, [second, first], 20)
    order = [(one.tenant, one.job) for one in drain(queue)[:10]]
    assert order.count(first) == pytest.approx(5, abs=1)


def test_a_flow_that_sends_each_request_when_the_last_was_served_gets_no_more_than_its_share():
    queue = FairQueue({})
    fill(queue, [("a", "")], 1)
    fill(queue, [("b", "")], 100)
    served = Counter()
    for _ in range(100):
        tenant = serve(queue).tenant
        served[tenant] += 1
        if tenant == "a":
            fill(queue, [("a", "")], 1)
    assert served["a"] == pytest.approx(50, abs=1)


def test_a_request_that_is_expensive_for_a_light_tenant_is_not_held_against_it_once_nothing_waits():
    queue = FairQueue({"light": 0.001})
    queue.push(ticket("light", cost_bytes=MAX_BYTES))
    drain(queue)
    fill(queue, [("heavy", "")], 5, cost_bytes=1)
    queue.push(ticket("light"))
    assert "light" in [serve(queue).tenant for _ in range(2)]


def test_jobs_that_come_for_one_request_each_do_not_starve_one_that_stays():
    queue = FairQueue({})
    names = (f"fresh-{number}" for number in itertools.count())
    fill(queue, [("a", "stays")], 50)
    fill(queue, [("a", next(names)), ("a", next(names))], 1)
    served = Counter()
    for _ in range(60):
        one = serve(queue)
        served[one.job == "stays"] += 1
        if one.job != "stays":
            queue.push(ticket("a", next(names)))
    assert served[True] == pytest.approx(20, abs=1)  # a third: two others always wait
    assert len(queue._classes["batch"].tenants["a"].jobs) == 3


def test_a_wide_request_does_not_starve_among_small_ones():
    queue = FairQueue({})
    queue.push(ticket("a", "wide", 10_000))
    fill(queue, [("a", "small")], 300)
    before = list(itertools.takewhile(lambda one: one.job != "wide", iter(lambda: serve(queue), None)))
    assert len(before) <= 100


def test_a_small_request_goes_ahead_of_a_job_s_backlog():
    queue = FairQueue({})
    fill(queue, [("a", "batch")], 100, cost_bytes=65_536)
    serve(queue)
    queue.push(ticket("a", "person", 200))
    assert serve(queue).job == "person"


def test_an_expensive_head_that_leaves_does_not_turn_virtual_time_back():
    queue = FairQueue({})
    dear = ticket("a", "x", 900)
    queue.push(dear)
    queue.push(ticket("a", "x", 1))
    fill(queue, [("a", "y")], 8)
    for _ in range(5):
        serve(queue)
    queue.remove(dear)
    assert serve(queue).cost_bytes == 1  # it has had nothing so far
    queue.push(ticket("a", "late", 150))
    assert [serve(queue).job for _ in range(2)] == ["y", "late"]  # which starts now, not when the dear one came


@given(HISTORIES, st.sampled_from("abcd"), st.sampled_from(["", "x", "z"]), COSTS)
def test_the_tenant_s_bytes_ahead_are_predicted_to_within_a_request_of_each_job(history, tenant, job, cost_bytes):
    queue = FairQueue({})
    for _ in play(queue, history):
        pass
    mine = ticket(tenant, job, cost_bytes)
    predicted = queue.ahead_bytes(mine)
    queue.push(mine)
    jobs = len({one.job for one in queue if one.tenant == tenant})
    served = itertools.takewhile(lambda one: one is not mine, iter(lambda: serve(queue), None))
    ahead = sum(one.cost_bytes for one in served if one.tenant == tenant)
    assert abs(ahead - predicted) <= jobs * MAX_BYTES


def test_a_flood_is_ahead_of_its_own_job_and_of_no_other():
    queue = FairQueue({})
    fill(queue, [("a", "flood")], 1000)
    assert queue.ahead_bytes(ticket("a", "flood")) == 100_000
    assert queue.ahead_bytes(ticket("a", "flood"), promised_bytes=500) == 100_500
    assert queue.ahead_bytes(ticket("a", "other")) == 100
    assert queue.ahead_bytes(ticket("b", "")) == 0


def test_nothing_is_ahead_in_an_empty_queue():
    assert FairQueue({}).ahead_bytes(ticket()) == 0


def usage(tickets):
    return Backlog(len(tickets), sum(one.cost_bytes for one in tickets))
