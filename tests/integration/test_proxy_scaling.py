"""What running proxies say of the number of workers: one alone, and several as one."""

import asyncio
import sys

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from nlpbatch.cli import main as nlpbatch
from tests.fakes.backend import FakeBackend, hang
from tests.fakes.operated_fleet import running_member
from tests.fakes.running_fleet import RunningFleet
from tests.fakes.running_host import configuration, running_host
from tests.fakes.running_proxy import AUTHORIZED, ENTRY, running_proxy

QUICK = {"up_window_s": 1.0, "down_window_s": 1.0}
BODY = b'{"texts": ["a"]}'


async def until_wanted(workers, *proxies):
    async with asyncio.timeout(30):
        while {await proxy.metric("wanted_workers") for proxy in proxies} != {workers}:
            await asyncio.sleep(0.1)


async def wanted_by_process(host):
    """Return what the metrics say for each process of a host."""
    _, text = await host.admin("GET", "/metrics")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    family = families.get("nlpbatch_proxy_wanted_workers")
    return [] if family is None else [sample.value for sample in family.samples]


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


async def test_a_proxy_that_has_just_started_says_no_number(redis, tmp_path):
    slow = {"up_window_s": 3600.0}
    async with FakeBackend(workers=2) as backend, running_proxy(backend, scaling=slow) as proxy:
        await asyncio.sleep(1.5)
        assert "nlpbatch_proxy_wanted_workers" not in await proxy.metrics()
        said = proxy.inner.state()["scaling"]
        assert (said["wanted_workers"], said["reason"][:26]) == (None, "the proxy has just started")
    # One that joins others says what they say.
    async with (
        FakeBackend(workers=2) as backend,
        RunningFleet(redis, tmp_path, backend, shared={"alive_s": 2.0}) as fleet,
    ):
        old = await fleet.join(scaling=QUICK | {"min_workers": 3})
        await until_wanted(3, old)
        await until_wanted(3, old, await fleet.join(scaling=slow))


async def test_processes_of_a_host_say_what_all_of_them_want(tmp_path):
    async with FakeBackend(hang(), workers=2) as backend:
        more = "[scaling]\nup_window_s = 1.0\ndown_window_s = 1.0\nmax_workers = 3\n"
        file = configuration(tmp_path, backend, more=more)
        async with running_host(file) as host, aiohttp.ClientSession(host.url, headers=AUTHORIZED) as session:
            asked = [asyncio.create_task(session.post("/v1/analyze", data=BODY)) for _ in range(30)]
            await host.until_state(lambda state: state["scaling"]["wanted_workers"] == 3)
            scaling = (await host.state())["scaling"]
            assert (scaling["workers"], scaling["max_workers"]) == (2, 3)
            async with asyncio.timeout(30):  # the second hears of it with the next beat
                while await wanted_by_process(host) != [3.0, 3.0]:
                    await asyncio.sleep(0.1)
            for one in asked:
                one.cancel()
            await asyncio.gather(*asked, return_exceptions=True)


async def test_a_scaler_and_explain_read_what_a_running_proxy_wants(tmp_path, capsys):
    config, file = tmp_path / "proxy.toml", tmp_path / "asked for"
    config.write_text(f'[[backends]]\nurl = "http://b"\n[tenants.home]\nkeys = ["{ENTRY}"]\n', encoding="utf-8")
    scaling = QUICK | {"min_workers": 6, "max_workers": 8}
    async with FakeBackend(workers=2) as backend, running_member(backend, scaling=scaling) as member:
        async with asyncio.timeout(30):
            while member.proxy.scaling.wanted_workers != 6:
                await asyncio.sleep(0.1)
        write = "import sys; open(sys.argv[1], 'a').write(sys.argv[2])"
        command = ["--", sys.executable, "-c", write, str(file), "{units}"]
        scale = ["--target", "command", "--admin", member.admin_url, "--workers-per-unit", "4", "--once", *command]
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "nlpbatch", "scale", *scale)
        assert (await asyncio.wait_for(process.wait(), 60), file.read_text()) == (0, "2")
        explain = ["proxy", "explain", "--config", str(config), "--tenant", "home", "--admin", member.admin_url]
        assert await asyncio.to_thread(nlpbatch, explain) == 0
        assert "6 workers are wanted, 2 are ready: 2 workers are busy" in capsys.readouterr().out
