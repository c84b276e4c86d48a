import asyncio
import inspect
import time

import pytest

from tests.fakes.virtual_time import VirtualTimeLoop, settle, virtual_time


@virtual_time
async def test_an_hour_passes_at_once():
    loop, started_s = asyncio.get_running_loop(), time.monotonic()
    before_s = loop.time()
    await asyncio.sleep(3600)
    assert loop.time() == before_s + 3600
    assert time.monotonic() - started_s < 60


@virtual_time
async def test_timers_fire_in_their_order():
    order = []
    await asyncio.gather(*(_note(order, seconds) for seconds in (3, 1, 2)))
    assert order == [1, 2, 3]


@virtual_time
async def test_no_time_passes_while_something_is_ready():
    loop = asyncio.get_running_loop()
    before_s = loop.time()
    await settle()
    assert loop.time() == before_s


def test_waiting_for_what_will_never_be_is_an_error():
    loop = VirtualTimeLoop()
    with pytest.raises(RuntimeError, match="nothing is going to happen"):
        loop.run_until_complete(loop.create_future())
    loop.close()


def test_what_fails_inside_fails_the_test_and_fixtures_go_through():
    @virtual_time
    async def scenario(fixture):
        assert fixture == "other"

    assert list(inspect.signature(scenario).parameters) == ["fixture"]
    with pytest.raises(AssertionError):
        scenario("this")
    scenario("other")


async def _note(order, seconds):
    await asyncio.sleep(seconds)
    order.append(seconds)
