"""Budgets hold over all proxies of a fleet, and are divided among them while the store is away."""

import asyncio
import itertools
import time

import pytest
from redis import Redis

from nlpbatch import AsyncClient, RetryPolicy
from nlpbatch.cli import main as nlpbatch
from nlpbatch.errors import BudgetExhausted
from tests.fakes.backend import FakeBackend
from tests.fakes.operated_fleet import running_fleet, running_member, until
from tests.fakes.running_proxy import ENTRY, GUEST_ENTRY, KEY
from tests.fakes.running_store import running_store

COST = 2048
BODY = b"x" * COST


@pytest.fixture
def store(tmp_path):
    with running_store(tmp_path) as running:
        yield running


def tenants(**budget):
    return {"home": {"keys": [ENTRY], "budget": budget}, "guests": {"keys": [GUEST_ENTRY]}}


def day(member):
    return member.proxy.traffic.budgets.of("home", time.monotonic())[0]


async def send_all(member, most):
    """Return how many of so many requests, one after the other, were admitted."""
    statuses = [(await member.ask(data=BODY))[0] for _ in range(most)]
    assert set(statuses) <= {200, 429}
    return statuses.count(200)


async def test_two_proxies_spend_one_budget_and_say_when_it_begins_again(store, tmp_path):
    home = tenants(bytes_per_day=20 * COST)
    async with FakeBackend() as backend, running_fleet(backend, store.url, tmp_path, tenants=home) as (first, second):
        assert await send_all(first, 15) == 15
        await until(lambda: day(second).others_bytes == 15 * COST, 2)
        assert await send_all(second, 10) == 5
        await until(lambda: day(first).others_bytes == 5 * COST, 2)
        status, problem = await first.ask(data=BODY)
        assert (status, problem["code"], problem["cause"]) == (429, "budget_exhausted", "budget_day")
        assert problem["begins_again_at"].endswith("T00:00:00Z")
        assert 0 < problem["retry_after_s"] <= 24 * 3600
        budget = (await second.limits())["budget"]
        assert budget["bytes_per_day"] == {
            "limit_bytes": 20 * COST,
            "used_bytes": 20 * COST,
            "left_bytes": 0,
            "begins_again_at": problem["begins_again_at"],
            "divided_by": 1,
        }
        _, state = await second.operate("GET", "/state")
        assert state["tenants"]["home"]["budget"] == budget
        assert state["tenants"]["guests"]["budget"] is None


async def test_a_burst_at_both_goes_over_by_no_more_than_one_look_admits(store, tmp_path):
    home = tenants(bytes_per_month=100 * COST)
    async with FakeBackend() as backend, running_fleet(backend, store.url, tmp_path, tenants=home) as fleet:

        async def paced(member):
            sent_s = []
            for _ in range(120):
                if (await member.ask(data=BODY))[0] == 200:
                    sent_s.append(time.monotonic())
                await asyncio.sleep(0.01)
            return sent_s

        looks_s = [watch_looks(member) for member in fleet]
        sent_s = await asyncio.gather(*map(paced, fleet))
    near_s = sorted(itertools.chain(*sent_s))[
        90
    ]  # the budget is nearly used up: looks are as close to each other as they may be
    first, second = (in_one_look(other, own, near_s) for other, own in zip(sent_s, reversed(looks_s), strict=True))
    assert 100 <= sum(map(len, sent_s)) <= 100 + first + second


def watch_looks(member):
    """Return when each look of a proxy's at the store begins and ends, from now on."""
    looks_s, parts = [], member.proxy.fleet.upkeep.parts

    def timed(look):
        async def timed_look():
            began_s = time.monotonic()
            await look()
            looks_s.append((began_s, time.monotonic()))

        return timed_look

    parts[:] = [timed(look) for look in parts]
    return looks_s


def in_one_look(sent_s, looks_s, near_s):
    """Return the most requests that one proxy admitted between two looks of the other one's, near the end."""
    pairs = [(before, after) for before, after in itertools.pairwise(looks_s) if after[1] >= near_s]
    return max(sum(before[0] <= at_s <= after[1] for at_s in sent_s) for before, after in pairs)


async def test_replays_cost_nothing(store, tmp_path):
    home = tenants(bytes_per_day=2 * COST)
    async with FakeBackend() as backend, running_fleet(backend, store.url, tmp_path, 1, tenants=home) as (member,):
        for _ in range(5):
            assert (await member.ask(data=BODY, **{"Idempotency-Key": "same"}))[0] == 200
        assert day(member).used_bytes == COST


async def test_while_the_store_is_away_each_proxy_spends_its_part_of_what_was_left(store, tmp_path):
    home = tenants(bytes_per_day=30 * COST)
    async with FakeBackend() as backend, running_fleet(backend, store.url, tmp_path, tenants=home) as (first, second):
        await until(lambda: all(len(member.proxy.fleet.members.alive) == 2 for member in (first, second)))
        assert await send_all(first, 10) == 10
        await until(lambda: day(second).others_bytes == 10 * COST, 2)
        await until(lambda: day(first).own_known_bytes == 10 * COST, 2)
        store.kill()
        await until(lambda: first.proxy.fleet.store.away and second.proxy.fleet.store.away)
        assert (await send_all(first, 15), await send_all(second, 15)) == (10, 10)
        assert (await first.limits())["budget"]["bytes_per_day"]["divided_by"] == 2
        store.start()  # empty
        await until(lambda: day(first).used_bytes == day(second).used_bytes == 30 * COST)
        assert (await first.limits())["budget"]["bytes_per_day"]["divided_by"] == 1
        assert await send_all(second, 1) == 0


async def test_a_flush_forgets_nothing_not_even_of_a_proxy_that_has_ended(store, tmp_path):
    # On a busy machine a store that is there may answer late.
    given = {"tenants": tenants(bytes_per_day=30 * COST), "shared": {"timeout_s": 5.0}}
    async with FakeBackend() as backend, running_fleet(backend, store.url, tmp_path, 1, **given) as (first,):
        async with running_fleet(backend, store.url, tmp_path, 1, **given) as (second,):
            assert await send_all(second, 12) == 12
        await until(lambda: day(first).others_bytes == 12 * COST)
        assert await send_all(first, 3) == 3
        with Redis(port=store.port) as client:
            client.flushall()
            name = f"nlpbatch:budget:home:{day(first).period.label}"
            await until(lambda: sum(map(int, client.hvals(name))) == 15 * COST)
            assert 0 < client.ttl(name) <= 2 * 24 * 3600
            client.hset(name, "garbage", "x")
            client.set(f"nlpbatch:budget:home:{day(first).period.label[:7]}", "no hash")
            await asyncio.sleep(1)
        assert day(first).used_bytes == 15 * COST
        assert not first.proxy.fleet.store.away


async def test_a_client_stops_at_once_and_names_the_budget():
    async with FakeBackend() as backend, running_member(backend, tenants=tenants(bytes_per_day=1500)) as member:
        url = str(member.callers._base_url)
        async with AsyncClient(url, api_key=KEY, retry=RetryPolicy(patience_s=300)) as client:
            assert (await member.ask())[0] == 200  # the first request costs 1,024
            started_s = time.monotonic()
            with pytest.raises(BudgetExhausted, match=r"budget\.bytes_per_day\): it begins again at 20") as raised:
                await client.analyzers()
    assert time.monotonic() - started_s < 5
    assert raised.value.details["begins_again_at"].endswith("T00:00:00Z")


async def test_explain_says_what_is_left_at_a_running_proxy(tmp_path, capsys):
    config = tmp_path / "proxy.toml"
    config.write_text(f'[[backends]]\nurl = "http://b"\n[tenants.home]\nkeys = ["{ENTRY}"]\n', encoding="utf-8")
    async with FakeBackend() as backend, running_member(backend, tenants=tenants(bytes_per_day=4 * COST)) as member:
        await send_all(member, 1)
        explain = ["proxy", "explain", "--config", str(config), "--tenant", "home", "--admin", member.admin_url]
        assert await asyncio.to_thread(nlpbatch, explain) == 0
    assert "bytes_per_day: 6,144 of 8,192 bytes are left until 20" in capsys.readouterr().out.splitlines()[-1]


async def test_a_reload_changes_a_budget_and_metrics_show_what_is_left():
    async with FakeBackend() as backend, running_member(backend, tenants=tenants(bytes_per_day=4 * COST)) as member:
        assert await send_all(member, 6) == 4

        async def left():
            async with member.callers.get("/metrics") as got:
                lines = (await got.text()).splitlines()
            return [line for line in lines if line.startswith("nlpbatch_proxy_budget_left_bytes{")]

        assert await left() == ['nlpbatch_proxy_budget_left_bytes{period="day",tenant="home"} 0.0']
        settings = member.proxy.settings
        home = settings.tenants["home"]
        larger = home.model_copy(update={"budget": home.budget.model_copy(update={"bytes_per_day": 5 * COST})})
        await member.proxy.adopt(settings.model_copy(update={"tenants": {"home": larger}}))
        assert await left() == [f'nlpbatch_proxy_budget_left_bytes{{period="day",tenant="home"}} {COST}.0']
        assert await send_all(member, 2) == 1
