"""The same request at several proxies of a fleet: one analysis, whichever of them it meets."""

import asyncio
import random
import time

import pytest

from tests.fakes.backend import FakeBackend, answer, echo, held
from tests.fakes.running_fleet import RunningFleet, asked_peer, fetches, named, replayed

MIB = 1024 * 1024


async def until(condition, seconds=10):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def test_at_two_proxies_at_the_same_time_it_is_one_analysis(redis, tmp_path):
    release = asyncio.Event()
    async with FakeBackend(held(release, echo())) as backend, RunningFleet(redis, tmp_path, backend) as fleet:
        a, b = await fleet.join(), await fleet.join()
        first = a.asking(data=b"question", headers=named())
        await backend.received(1)
        second = b.asking(data=b"question", headers=named(**{"Nlpbatch-Job": "nightly"}))
        await asked_peer(b)
        release.set()
        got = await asyncio.gather(first, second)
        assert [(one.status, one.body, replayed(one)) for one in got] == [
            (200, b"question", False),
            (200, b"question", True),
        ]
        assert got[0].headers["Content-Type"] == got[1].headers["Content-Type"]
        assert await b.metric("replays_total", tenant="home") == await fetches(b, "answered") == 1
        usage = (await b.ask("GET", "/v1/usage?job=nightly")).json
        assert (usage["replayed"], usage["replayed_bytes"], usage["analysed"]) == (1, 8, 0)
        assert b.inner.state()["peer_answers"] == {"answered": 1}
    assert len(backend.exchanges) == 1


async def test_afterwards_it_is_replayed_at_every_proxy_and_kept_at_one(redis, tmp_path, monkeypatch):
    # Clocks of proxies may be off by any time.
    chance = random.Random(1)
    wall = time.time
    monkeypatch.setattr(time, "time", lambda: wall() + chance.uniform(-60, 60))
    async with FakeBackend(echo()) as backend, RunningFleet(redis, tmp_path, backend) as fleet:
        a, b, c = [await fleet.join() for _ in range(3)]
        assert not replayed(await a.ask(data=b"question", headers=named()))
        for proxy in (b, c, a, b):
            got = await proxy.ask(data=b"question", headers=named())
            assert (got.body, replayed(got)) == (b"question", True)
        assert await a.metric("replay_bytes") > 0
        assert await b.metric("replay_bytes") == 0
    assert len(backend.exchanges) == 1


async def test_a_request_that_waits_for_its_slot_is_waited_for(redis, tmp_path):
    release = asyncio.Event()
    async with (
        FakeBackend(held(release, echo())) as backend,
        RunningFleet(redis, tmp_path, backend, slots=1) as fleet,
    ):
        a, b = await fleet.join(), await fleet.join()
        ahead = a.asking(data=b"ahead")
        await backend.received(1)
        first = a.asking(data=b"question", headers=named())
        await a.until("queue_requests", 1)
        second = b.asking(data=b"question", headers=named())
        await asked_peer(b)
        release.set()
        assert [replayed(await one) for one in (ahead, first, second)] == [False, False, True]
    assert len(backend.exchanges) == 2


async def test_many_callers_for_one_key_make_one_question_to_the_owner(redis, tmp_path):
    release = asyncio.Event()
    async with FakeBackend(held(release, echo())) as backend, RunningFleet(redis, tmp_path, backend) as fleet:
        a, b = await fleet.join(), await fleet.join()
        first = a.asking(data=b"question", headers=named())
        await backend.received(1)
        storm = [b.asking(data=b"question", headers=named()) for _ in range(50)]
        await asked_peer(b)
        release.set()
        got = await asyncio.gather(first, *storm)
        assert {one.body for one in got} == {b"question"}
        assert sum(map(replayed, got)) == 50
        assert await fetches(b, "answered") == 1
        assert await b.metric("wait_seconds_count") == 0  # none needed a slot
    assert len(backend.exchanges) == 1


@pytest.mark.parametrize("under_way", [True, False])
async def test_another_request_under_the_key_is_a_conflict_wherever_it_arrives(redis, tmp_path, under_way):
    release = asyncio.Event()
    async with FakeBackend(held(release, echo())) as backend, RunningFleet(redis, tmp_path, backend) as fleet:
        a, b = await fleet.join(), await fleet.join()
        first = a.asking(data=b"question", headers=named())
        await backend.received(1)
        if not under_way:
            release.set()
            await first
        got = await b.ask(data=b"another", headers=named())
        assert (got.status, got.json["code"]) == (422, "idempotency_conflict")
        assert await fetches(b, "conflict") == 1
        release.set()
        assert (await first).body == b"question"
    assert len(backend.exchanges) == 1


async def test_a_large_answer_is_passed_on_while_it_is_under_way_and_not_kept(redis, tmp_path):
    large, release = b"x" * (6 * MIB), asyncio.Event()
    async with (
        FakeBackend(held(release, answer(large)), answer(b"again")) as backend,
        RunningFleet(redis, tmp_path, backend) as fleet,
    ):
        a, b = await fleet.join(), await fleet.join()
        first = a.asking(data=b"question", headers=named())
        await backend.received(1)
        second = b.asking(data=b"question", headers=named())
        await asked_peer(b)
        release.set()
        assert (await first).body == (await second).body == large
        await until(lambda: not fleet.claims())
        assert (await b.ask(data=b"question", headers=named())).body == b"again"


async def test_an_owner_that_was_refused_leaves_the_request_to_the_others(redis, tmp_path):
    release = asyncio.Event()
    async with FakeBackend(held(release), echo()) as backend, RunningFleet(redis, tmp_path, backend) as fleet:
        a, b = await fleet.join(slots=1, wait_s=0.3), await fleet.join()
        ahead = a.asking(data=b"ahead")
        await backend.received(1)
        refused = a.asking(data=b"question", headers=named())
        await a.until("queue_requests", 1)
        second = b.asking(data=b"question", headers=named())
        assert (await refused).status == 503
        got = await second
        assert (got.status, got.body, replayed(got)) == (200, b"question", False)
        assert await a.metric("take_overs_total") == 0
        release.set()
        assert (await ahead).status == 200
    assert len(backend.exchanges) == 2


async def test_a_failure_releases_the_key(redis, tmp_path):
    failing = {"upstream": {"retry_ratio": 0, "retry_min": 0}}
    async with (
        FakeBackend(answer(status=500), echo()) as backend,
        RunningFleet(redis, tmp_path, backend, **failing) as fleet,
    ):
        a, b = await fleet.join(), await fleet.join()
        assert (await a.ask(data=b"question", headers=named())).status == 500
        await until(lambda: not fleet.claims())
        assert (await b.ask(data=b"question", headers=named())).body == b"question"
