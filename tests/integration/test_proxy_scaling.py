"""What running proxies say of the number of workers: one alone, and several as one."""

import asyncio

from tests.fakes.backend import FakeBackend, hang
from tests.fakes.running_fleet import RunningFleet
from tests.fakes.running_proxy import running_proxy

QUICK = {"up_window_s": 1.0, "down_window_s": 1.0}
BODY = b'{"texts": ["a"]}'


async def until_wanted(workers, *proxies):
    async with asyncio.timeout(30):
        while {await proxy.metric("wanted_workers") for proxy in proxies} != {workers}:
            await asyncio.sleep(0.1)


async def test_it_wants_twice_as_many_while_all_are_busy_and_requests_wait_and_then_the_least():
    async with FakeBackend(hang(), workers=2) as backend, running_proxy(backend, slots=4, scaling=QUICK) as proxy:
        await until_wanted(1, proxy)
        asked = [proxy.asking(data=BODY) for _ in range(6)]
        await until_wanted(4, proxy)
        said = proxy.inner.state()["scaling"]
        assert (said["workers"], said["wanted_workers"]) == (2, 4)
        assert "all 2 workers are busy, and requests wait" in said["reason"]
        for one in asked:
            one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        await until_wanted(1, proxy)


async def test_settings_that_change_hold_at_once():
    async with FakeBackend(workers=2) as backend, running_proxy(backend, scaling=QUICK) as proxy:
        await until_wanted(1, proxy)
        bounds = proxy.inner.settings.scaling.model_copy(update={"min_workers": 7})
        await proxy.inner.adopt(proxy.inner.settings.model_copy(update={"scaling": bounds}))
        await until_wanted(7, proxy)


async def test_each_proxy_of_a_fleet_says_what_all_of_them_want(redis, tmp_path):
    shared = {"alive_s": 2.0}
    concurrency = {"policy": "fixed", "per_worker": 2.0}
    groups = {"scaling": QUICK, "shared": shared, "concurrency": concurrency}
    async with FakeBackend(hang(), workers=2) as backend, RunningFleet(redis, tmp_path, backend, **groups) as fleet:
        first, second = await fleet.join(), await fleet.join()
        await until_wanted(1, first, second)
        # The second has half of what keeps the workers busy, and nothing that waits.
        asked = [proxy.asking(data=BODY) for proxy in (first, first, first, first, first, second, second)]
        await until_wanted(4, first, second)
        for one in asked:
            one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        await until_wanted(1, first, second)
