import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.errors import NoCapacity, QueueFull
from proxy.traffic.admission import QueueBounds
from proxy.traffic.breaker import Breaker, EjectionRule, Ejections
from proxy.traffic.ticket import Backlog
from tests.fakes.gate_scene import Scene
from tests.fakes.virtual_time import settle, virtual_time

pytestmark = pytest.mark.usefixtures("loop_time")


@virtual_time
async def test_with_a_free_slot_a_request_does_not_wait():
    scene = Scene(limits=(2,))
    lease = await scene.enter("a", "", 100)
    assert (lease.backend, lease.waited_s) == (scene.backends[0], 0.0)
    assert (lease.backend.in_flight, lease.backend.outstanding_bytes) == (1, 100)
    scene.leave(lease)
    assert scene.is_clean


@virtual_time
async def test_the_next_request_gets_a_slot_that_is_released():
    scene = Scene()
    (held,) = await scene.occupy()
    caller = scene.caller()
    await asyncio.sleep(2)
    assert not caller.done()
    assert scene.traffic.queue.of("a") == Backlog(1, 100)
    scene.leave(held)
    lease = await caller
    assert lease.waited_s == 2.0
    assert scene.traffic.queue.of("a") == Backlog()
    scene.leave(lease)
    assert scene.is_clean


@virtual_time
async def test_slots_are_given_in_the_order_of_the_fair_queue():
    scene = Scene(weights={"a": 1.0, "b": 2.0})
    (held,) = await scene.occupy()
    order = []

    async def call(tenant, number):
        lease = await scene.enter(tenant, "", 100)
        order.append(tenant + str(number))
        scene.leave(lease)

    async with asyncio.TaskGroup() as callers:
        for tenant in "ab":
            for number in range(4):
                callers.create_task(call(tenant, number))
        await settle()
        scene.leave(held)
    assert [one for one in order if one[0] == "a"] == ["a0", "a1", "a2", "a3"]
    assert [one for one in order if one[0] == "b"] == ["b0", "b1", "b2", "b3"]
    assert sorted(one[0] for one in order[:6]) == ["a", "a", "b", "b", "b", "b"]


@virtual_time
async def test_a_new_request_does_not_overtake_waiting_ones():
    scene = Scene(ready=False)
    first = scene.caller()
    await settle()
    scene.backends[0].ready = True
    second = scene.caller()
    await settle()
    scene.gate.pump()
    await settle()
    assert first.done()
    assert not second.done()
    scene.leave(first.result())
    scene.leave(await second)


@virtual_time
async def test_a_backend_that_becomes_ready_gets_what_waits_up_to_its_limit():
    scene = Scene(limits=(2,), ready=False)
    callers = [scene.caller() for _ in range(3)]
    await settle()
    assert scene.traffic.queue.backlog.requests == 3
    scene.backends[0].ready = True
    scene.gate.pump()
    await settle()
    assert [caller.done() for caller in callers] == [True, True, False]
    for caller in callers:
        scene.leave(await caller)
    assert scene.is_clean


@virtual_time
async def test_a_caller_that_leaves_the_queue_is_forgotten():
    scene = Scene()
    (held,) = await scene.occupy()
    gone, stays = scene.caller(), scene.caller()
    await settle()
    gone.cancel()
    await settle()
    assert scene.traffic.queue.backlog == Backlog(1, 100)
    scene.leave(held)
    scene.leave(await stays)
    assert gone.cancelled()
    assert scene.is_clean
    assert not scene.refused


@pytest.mark.parametrize("cancelled_first", [True, False])
@virtual_time
async def test_a_slot_given_to_a_caller_that_hangs_up_in_the_same_moment_goes_to_the_next(cancelled_first):
    scene = Scene()
    (held,) = await scene.occupy()
    gone, stays = scene.caller(), scene.caller()
    await settle()
    steps = [gone.cancel, lambda: scene.leave(held)]
    for step in steps if cancelled_first else reversed(steps):
        step()
    scene.leave(await stays)
    assert gone.cancelled()
    assert scene.is_clean


@pytest.mark.parametrize("cancelled_first", [True, False])
@virtual_time
async def test_a_half_open_backend_is_tried_by_the_next_one_if_a_caller_leaves_with_its_slot(cancelled_first):
    scene = Scene()
    ejections = Ejections(EjectionRule(failures=1, eject_s=1.0))
    (backend,) = scene.backends
    backend.breaker, _ = Breaker(ejections), Breaker(ejections)  # of two, one may be ejected
    backend.breaker.failed("request", asyncio.get_running_loop().time())
    gone, stays = scene.caller(), scene.caller()
    await asyncio.sleep(1)
    steps = [gone.cancel, scene.gate.pump]
    for step in steps if cancelled_first else reversed(steps):
        step()
    scene.leave(await stays)
    assert gone.cancelled()
    assert scene.is_clean


@virtual_time
async def test_thousands_of_callers_that_hang_up_in_the_same_moment_delay_no_other():
    scene = Scene(bounds=QueueBounds(10_000, 10**9, 5.0))
    (held,) = await scene.occupy()
    gone = [scene.caller() for _ in range(3000)]
    stays = scene.caller("b")
    await settle()
    for caller in gone:
        caller.cancel()
    scene.leave(held)
    scene.leave(await stays)
    assert scene.is_clean


@virtual_time
async def test_a_request_that_waited_too_long_is_refused_with_the_reason():
    scene = Scene()
    await scene.occupy()
    started_s = asyncio.get_running_loop().time()
    with pytest.raises(NoCapacity, match="within 5 s") as caught:
        await scene.enter("a", "", 100)
    assert asyncio.get_running_loop().time() == started_s + 5.0
    assert 0 < caught.value.retry_after_s <= 30
    assert scene.refused == [("a", "waited")]
    assert scene.traffic.queue.backlog == Backlog()


@pytest.mark.parametrize("slot_first", [True, False])
@virtual_time
async def test_a_slot_that_becomes_free_when_the_wait_ends_is_not_lost(slot_first):
    scene = Scene()
    (held,) = await scene.occupy()
    loop = asyncio.get_running_loop()
    if slot_first:
        loop.call_later(5.0, scene.leave, held)
    caller = scene.caller()
    await settle()
    if not slot_first:
        loop.call_later(5.0, scene.leave, held)
    late = asyncio.create_task(_late(scene))
    with contextlib.suppress(NoCapacity):  # whichever comes first in that moment
        scene.leave(await caller)
    await late
    assert scene.is_clean


async def _late(scene):
    """Come a moment before the first caller's wait ends, and get the slot that it couldn't take."""
    await asyncio.sleep(4.9)
    scene.leave(await scene.enter("a", "", 100))


@virtual_time
async def test_a_lease_moves_to_another_backend_with_its_cost():
    scene = Scene(limits=(1, 1))
    lease = await scene.enter("a", "", 100)
    left = lease.backend
    moved = scene.move(lease)
    assert moved.backend is not left
    assert (left.in_flight, left.outstanding_bytes) == (0, 0)
    assert (moved.backend.in_flight, moved.backend.outstanding_bytes) == (1, 100)
    scene.leave(moved)
    assert scene.is_clean


@pytest.mark.parametrize("limits", [(1,), (1, 1)])
@virtual_time
async def test_a_lease_stays_where_it_is_if_no_other_backend_has_room(limits):
    scene = Scene(limits=limits)
    leases = await scene.occupy(len(limits))
    left = leases[0].backend
    assert scene.move(leases[0]) is None
    assert left.in_flight == 1
    for lease in leases:
        scene.leave(lease)
    assert scene.is_clean


CALLS = st.lists(
    st.fixed_dictionaries(
        {
            "tenant": st.sampled_from("ab"),
            "cost_bytes": st.integers(1, 2000),
            "starts_s": st.integers(0, 10),
            "holds_s": st.integers(0, 6),
            "patience_s": st.none() | st.integers(0, 10),
            "moves": st.booleans(),
        }
    ),
    max_size=30,
)


@given(CALLS, st.lists(st.integers(1, 3), min_size=1, max_size=3), st.integers(0, 8))
def test_no_limit_is_exceeded_and_no_slot_lost_whatever_callers_do(calls, limits, ready_s):
    _play(calls, limits, ready_s)


@virtual_time
async def _play(calls, limits, ready_s):
    """All times are whole seconds, so that many things happen in the same moment."""
    scene = Scene(limits=limits, bounds=QueueBounds(10, 10_000, 4.0), ready=False)
    outcomes = []

    async def call(tenant, cost_bytes, starts_s, holds_s, patience_s, moves):
        await asyncio.sleep(starts_s)
        try:
            async with asyncio.timeout(patience_s):
                lease = await scene.enter(tenant, "", cost_bytes)
        except (TimeoutError, QueueFull, NoCapacity) as error:
            outcomes.append(type(error))
            return
        assert all(backend.in_flight <= backend.limit.value for backend in scene.backends)
        if moves:
            lease = scene.move(lease) or lease
        await asyncio.sleep(holds_s)
        scene.leave(lease)
        outcomes.append("served")

    async def become_ready():
        await asyncio.sleep(ready_s)
        for backend in scene.backends:
            backend.ready = True
        scene.gate.pump()

    await asyncio.gather(become_ready(), *(call(**one) for one in calls))
    assert len(outcomes) == len(calls)
    assert scene.is_clean
