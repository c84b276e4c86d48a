"""With several processes the dashboard speaks for the host."""

import asyncio

import pytest

from tests.fakes.backend import FakeBackend
from tests.fakes.running_host import PlainLoad, configuration, counts, running_host
from tests.fakes.running_store import running_store


@pytest.fixture(autouse=True)
def store_program(tmp_path):
    """Skip without a store's program, fail so under CI."""
    with running_store(tmp_path):
        pass


async def test_the_dashboard_speaks_for_all_processes(tmp_path):
    more = "[tenants.home.budget]\nbytes_per_day = 1_000_000_000\n"
    async with FakeBackend() as backend, running_host(configuration(tmp_path, backend, more=more)) as host:
        async with PlainLoad(host.url, callers=8, fresh=True) as load:
            await load.more(200)
        await asyncio.sleep(1.0)  # a look is at most half a second old, and budgets are exchanged twice a second
        status, found = await host.admin("GET", "/dashboard.json")
        assert status == 200, found
        metrics = await counts(host.url)
        assert found["totals"]["requests_total"] == load.answered == found["totals"]["answered"]
        assert metrics["nlpbatch_proxy_requests_total", ("status", "200"), ("tenant", "home")] == load.answered
        assert [one["serving"] for one in found["processes"]] == [True, True]
        (budget,) = [one for one in found["fullest"] if one["what"] == "budget of the day"]
        assert (budget["used"], budget["limit"]) == (1024 * load.answered, 1_000_000_000)
        assert found["keys"]
        edits = {"edits": [{"path": ["tenants", "home", "quota", "bytes_per_s"], "value": 20_000}]}
        status, answer = await host.admin("POST", "/dashboard/what-if", json=edits)
        assert status == 200, answer
        assert answer["simulation"]["model"]["workers"] == 2
        assert (await host.admin("POST", "/tenants/home/pause", headers={"Origin": "http://elsewhere"}))[0] == 400
        assert (await host.admin("POST", "/tenants/home/pause", headers={"Nlpbatch-Actor": "Kim"}))[0] == 200
        await asyncio.sleep(0.6)
        _, found = await host.admin("GET", "/dashboard.json")
        assert [(one["action"], one["by"]) for one in found["audit"]] == [("tenant.pause", "Kim")]
        assert next(one["paused"] for one in found["tenants"] if one["tenant"] == "home")
