"""Which slots classes get, which are kept, and what pauses."""

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.traffic.fair_queue import FairQueue
from proxy.traffic.ticket import SlotKind, Ticket
from tests.fakes.fair_queue import COSTS, MAX_BYTES, drain, fill, serve, ticket, while_both_wait


def interactive(tenant="a", cost_bytes=100):
    return Ticket(tenant, "", cost_bytes, 0.0, "interactive")


@given(st.lists(COSTS, min_size=1), st.lists(COSTS, min_size=1), st.sampled_from([1.0, 3.0, 0.5]))
def test_two_classes_get_bytes_by_weight_to_within_one_request(mine, theirs, weight):
    queue = FairQueue({}, {"interactive": weight, "batch": 1.0})
    for cost_bytes in mine:
        queue.push(interactive(cost_bytes=cost_bytes))
    for cost_bytes in theirs:
        queue.push(ticket(cost_bytes=cost_bytes))
    for served in while_both_wait(queue, lambda one: one.class_name, ("interactive", "batch")):
        assert abs(served["interactive"] / weight - served["batch"]) <= MAX_BYTES / min(weight, 1.0)


def test_interactive_requests_go_first_in_extra_slots_only_within_their_share():
    queue = FairQueue({})
    for _ in range(20):
        queue.push(interactive(cost_bytes=64 * 1024))
        queue.push(ticket(cost_bytes=64 * 1024))
    extra = list(itertools.takewhile(lambda one: one is not None, (queue.pop(SlotKind.EXTRA) for _ in range(20))))
    assert 4 <= len(extra) <= 6
    assert {one.class_name for one in extra} == {"interactive"}
    assert queue.pop().class_name == "batch"


def test_when_no_batch_request_waits_interactive_ones_may_have_all_extra_slots():
    queue = FairQueue({})
    for _ in range(20):
        queue.push(interactive(cost_bytes=64 * 1024))
    assert all(queue.pop(SlotKind.EXTRA) for _ in range(20))
    assert queue.pop(SlotKind.EXTRA) is None


def test_batch_requests_never_get_an_extra_slot():
    queue = FairQueue({})
    queue.push(ticket())
    assert queue.pop(SlotKind.EXTRA) is None


@pytest.mark.parametrize(("first", "second"), [(("a", ""), ("b", "")), (("a", "x"), ("a", "y"))])
def test_a_spare_slot_is_kept_for_a_flow_between_two_requests(first, second):
    queue = FairQueue({})
    queue.push(ticket(*first))
    under_way = queue.pop()
    fill(queue, [second], 5)
    assert all(queue.pop(SlotKind.WORKER) for _ in range(2))  # now it is ahead
    assert queue.pop(SlotKind.SPARE) is None
    queue.push(ticket(*first))
    assert (queue.pop(SlotKind.SPARE).tenant, under_way.tenant) == (first[0], first[0])


@pytest.mark.parametrize(("first", "second"), [(("a", ""), ("b", "")), (("a", "x"), ("a", "y"))])
def test_no_spare_slot_is_kept_for_a_flow_with_nothing_in_flight(first, second):
    queue = FairQueue({})
    queue.push(ticket(*first))
    serve(queue)
    fill(queue, [second], 5)
    assert all(queue.pop(SlotKind.SPARE) for _ in range(5))


def test_a_paused_tenant_s_requests_stay_where_they_are():
    queue = FairQueue({})
    fill(queue, [("a", ""), ("b", "")], 2)
    queue.paused = frozenset({"a"})
    assert [one.tenant for one in drain(queue)] == ["b", "b"]
    queue.paused = frozenset()
    assert [one.tenant for one in drain(queue)] == ["a", "a"]


def test_what_is_paused_does_not_wait_for_workers():
    queue = FairQueue({})
    fill(queue, [("a", ""), ("b", "")], 2)
    all_bytes = queue.waiting_bytes("batch")
    assert all_bytes == queue.of("a").size_bytes + queue.of("b").size_bytes
    queue.paused = frozenset({"a"})
    assert queue.waiting_bytes("batch") == queue.of("b").size_bytes < all_bytes
    assert queue.waiting_bytes("interactive") == 0


def test_new_weights_hold_for_what_waits_already():
    queue = FairQueue({})
    fill(queue, [("a", ""), ("b", "")], 100)
    queue.set_weights({"a": 3.0}, {})
    assert Counter(serve(queue).tenant for _ in range(80))["a"] == pytest.approx(60, abs=1)


def test_shares_are_those_among_active_flows():
    queue = FairQueue({"a": 3.0}, {"interactive": 1.0, "batch": 1.0})
    assert queue.share("a", "batch") == 1.0
    fill(queue, [("a", ""), ("b", "")], 1)
    assert queue.share("a", "batch") == 0.75
    queue.push(interactive("c"))
    assert queue.share("a", "batch") == 0.375
