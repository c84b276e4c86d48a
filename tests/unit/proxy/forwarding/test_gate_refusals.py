"""Whom the gate refuses, and what the refusal says."""

import asyncio

import pytest

from nlpbatch.errors import NoCapacity, QueueFull
from proxy.traffic.admission import QueueBounds
from proxy.traffic.ticket import Backlog
from tests.fakes.gate_scene import Scene
from tests.fakes.virtual_time import settle, virtual_time

pytestmark = pytest.mark.usefixtures("loop_time")


@virtual_time
async def test_with_a_longest_wait_of_zero_no_request_waits():
    scene = Scene(bounds=QueueBounds(100, 100_000, 0.0))
    await scene.occupy()
    with pytest.raises(NoCapacity):
        await scene.enter("a", "", 100)
    assert scene.traffic.queue.backlog == Backlog()


@pytest.mark.parametrize(
    ("bounds", "cause", "message"),
    [
        (QueueBounds(1, 100_000, 5.0), "queue_requests", "tenant a would have 2 requests waiting, the limit is 1"),
        (QueueBounds(9, 1150, 5.0), "queue_bytes", "tenant a would have 1,200 bytes waiting, the limit is 1,150"),
    ],
)
@virtual_time
async def test_a_full_queue_refuses_its_own_tenant_and_no_other(bounds, cause, message):
    scene = Scene(bounds=bounds)
    await scene.occupy()
    waiting = scene.caller(cost_bytes=1100)
    await settle()
    with pytest.raises(QueueFull, match=message) as caught:
        await scene.enter("a", "", 100)
    assert caught.value.retry_after_s > 0
    assert scene.refused == [("a", cause)]
    other = scene.caller("b")
    await settle()
    assert scene.traffic.queue.of("b") == Backlog(1, 100)
    for caller in (waiting, other):
        caller.cancel()


@virtual_time
async def test_a_flood_of_one_tenant_s_neither_refuses_nor_delays_another():
    scene = Scene(bounds=QueueBounds(1000, 10**9, 5.0))
    served = []

    async def call(tenant):
        lease = await scene.enter(tenant, "", 1000)
        await asyncio.sleep(0.1)  # 10,000 bytes/s
        served.append(tenant)
        scene.leave(lease)

    flood = [asyncio.ensure_future(call("a")) for _ in range(30)]
    await asyncio.sleep(2)
    flood += [asyncio.ensure_future(call("a")) for _ in range(100)]
    await settle()
    assert scene.refused
    assert set(scene.refused) == {("a", "wait")}
    served.clear()
    await call("b")
    assert len(served) <= 3
    await asyncio.gather(*flood, return_exceptions=True)
    assert scene.is_clean


@virtual_time
async def test_the_refusal_of_a_long_wait_tells_the_wait_and_the_limit():
    scene = Scene(bounds=QueueBounds(1000, 10**9, 0.5))
    (held,) = await scene.occupy()
    for _ in range(4):  # works off 100 bytes every 0.4 s
        successor = scene.caller()
        waiting = scene.caller()
        await asyncio.sleep(0.4)
        scene.leave(held)
        held = await successor
        waiting.cancel()
        await settle()
    many = [scene.caller() for _ in range(3)]
    await settle()
    with pytest.raises(NoCapacity, match=r"the wait would be 0\.\d s, the limit is 0\.5 s"):
        await many[-1]
    for caller in many:
        caller.cancel()


@virtual_time
async def test_a_quiet_service_does_not_refuse_the_burst_that_ends_the_quiet():
    scene = Scene()
    for _ in range(50):
        lease = await scene.enter("a", "", 100)
        await asyncio.sleep(1)
        scene.leave(lease)
    await scene.occupy()
    burst = [scene.caller(cost_bytes=1000) for _ in range(50)]
    await settle()
    assert not scene.refused
    for caller in burst:
        caller.cancel()
