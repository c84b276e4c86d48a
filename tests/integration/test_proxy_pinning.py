"""Two versions behind one proxy: a pinned request is answered by its own, whatever happens to the backends."""

import asyncio
import json
from collections import Counter

from tests.fakes.backend import FakeBackend, answer, held
from tests.fakes.running_proxy import AUTHORIZED, running_proxy

OTHER_VERSION = answer(b'{"code": "fingerprint_mismatch"}', status=412)


def pinned(*fingerprints):
    return AUTHORIZED | {"If-Match": ", ".join(f'"{one}"' for one in fingerprints)}


class Version(FakeBackend):
    """A backend that serves one version as the API does: it answers 412 to requests that are pinned to others."""

    def __init__(self, version, *, seconds=0.002, **members):
        super().__init__(self._answer, fingerprints=(version,), **members)
        self.version = version
        self._seconds = seconds

    async def _answer(self, exchange):
        await asyncio.sleep(self._seconds)
        wanted = exchange.header("If-Match")
        if wanted not in {None, "*"} and f'"{self.version}"' not in wanted:
            await OTHER_VERSION(exchange)
        else:
            await answer(json.dumps({"fingerprint": self.version}).encode())(exchange)

    async def becomes(self, version, *, down_s=0.1):
        """Exchange the process for one with another version."""
        await self.stop()
        await asyncio.sleep(down_s)
        self.version, self.fingerprints = version, (version,)
        await self.start()


async def stated(proxy, backend, version):
    """Wait until the proxy has asked the backend since it has this version."""
    assert backend.version == version
    await backend.probed(backend.probes + 2)
    assert await proxy.metric("backend_ready", backend=backend.url) == 1


def answered(answers):
    return Counter((one.status, one.json.get("fingerprint")) for one in answers)


async def test_under_load_pinned_requests_all_go_to_their_version_and_others_to_both():
    async with Version("old") as old, Version("new") as new, running_proxy(old, new, slots=4) as proxy:
        asked = [
            proxy.asking(data=b"{}", headers=headers)
            for _ in range(100)
            for headers in (pinned("new"), AUTHORIZED, AUTHORIZED | {"If-Match": "*"})
        ]
        got = await asyncio.gather(*asked)
        assert answered(got[0::3]) == {(200, "new"): 100}
        assert set(answered(got[1::3])) == set(answered(got[2::3])) == {(200, "old"), (200, "new")}
        assert await proxy.metric("retries_total") == 0
        assert await proxy.metric("in_flight") == 0


async def test_a_request_that_waits_for_its_version_does_not_block_requests_for_other_backends():
    release = asyncio.Event()
    full = FakeBackend(held(release), fingerprints=("new",))
    async with full, Version("old") as old, running_proxy(full, old, slots=1) as proxy:
        asked = [proxy.asking(data=b"{}", headers=pinned("new")) for _ in range(5)]
        await proxy.until("queue_requests", 4)
        for headers in (AUTHORIZED, pinned("old"), pinned("old", "older")) * 5:
            assert (await proxy.ask(data=b"{}", headers=headers)).json == {"fingerprint": "old"}
        assert await proxy.metric("queue_requests") == 4
        release.set()
        assert {one.status for one in await asyncio.gather(*asked)} == {200}
    assert len(full.exchanges) == 5


async def test_with_its_version_away_a_request_waits_as_long_as_it_may_and_is_to_come_back():
    async with Version("old") as old, Version("new") as new, running_proxy(old, new, wait_s=0.4) as proxy:
        await new.stop()
        await proxy.until_ready(1)
        waits = proxy.asking(data=b"{}", headers=pinned("new"))
        await proxy.until("queue_requests", 1)
        assert (await proxy.ask(data=b"{}")).status == 200
        got = await waits
        assert (got.status, got.json["code"]) == (503, "no_capacity")
        assert got.json["retry_after_s"] > 0
        assert {exchange.header("If-Match") for exchange in old.exchanges} == {None}


async def test_with_its_version_away_for_a_moment_a_request_is_answered_when_it_is_back():
    async with Version("old") as old, Version("new") as new, running_proxy(old, new) as proxy:
        await new.stop()
        await proxy.until_ready(1)
        waits = [proxy.asking(data=b"{}", headers=pinned("new")) for _ in range(10)]
        await proxy.until("queue_requests", 10)
        await new.start()
        assert answered(await asyncio.gather(*waits)) == {(200, "new"): 10}


async def test_a_version_that_nobody_has_is_answered_so_at_once():
    async with Version("old") as old, Version("new") as new, running_proxy(old, new) as proxy:
        got = await proxy.ask(data=b"{}", headers=pinned("gone"))
        assert (got.status, got.json["code"]) == (412, "fingerprint_mismatch")


async def test_a_backend_that_states_no_version_gets_requests_for_versions_that_none_states():
    async with Version("old") as old, FakeBackend() as silent, running_proxy(old, silent) as proxy:
        for _ in range(10):
            assert (await proxy.ask(data=b"{}", headers=pinned("new"))).status == 200
            assert (await proxy.ask(data=b"{}", headers=pinned("old"))).json == {"fingerprint": "old"}
    assert {exchange.header("If-Match") for exchange in silent.exchanges} == {'"new"'}


async def test_a_second_attempt_is_made_at_the_same_version():
    dead = answer(b'{"code": "internal"}', status=500)
    upstream = {"retry_ratio": 1.0, "eject_failures": 1000}
    bad = FakeBackend(dead, fingerprints=("new",))
    async with (
        bad,
        Version("old") as old,
        Version("new") as new,
        running_proxy(bad, old, new, upstream=upstream) as proxy,
    ):
        got = [await proxy.ask(data=b"{}", headers=pinned("new")) for _ in range(20)]
        assert answered(got) == {(200, "new"): 20}
        assert await proxy.metric("retries_total") == len(bad.exchanges) > 0
        await new.stop()
        await proxy.until_ready(2)
        assert (await proxy.ask(data=b"{}", headers=pinned("new"))).status == 500
    assert old.exchanges == []


async def test_a_backend_that_has_changed_unseen_costs_no_run_its_version():
    """It states its new version only when it is asked next; until then its 412 isn't the last word."""
    upstream = {"health_period_s": 60}
    async with (
        Version("old") as changed,
        Version("old") as kept,
        Version("new") as new,
        running_proxy(changed, kept, new, slots=20, upstream=upstream) as proxy,
    ):
        changed.version = "new"
        got = await asyncio.gather(*(proxy.ask(data=b"{}", headers=pinned("old")) for _ in range(30)))
        assert answered(got) == {(200, "old"): 30}
        assert await proxy.metric("retries_total") > 0
    assert new.exchanges == []


async def test_without_a_free_slot_at_its_version_a_request_is_refused_with_retry_after():
    upstream = {"health_period_s": 60}
    release = asyncio.Event()
    kept = FakeBackend(held(release), fingerprints=("old",))
    async with (
        Version("old", seconds=0.1) as changed,
        kept,
        running_proxy(changed, kept, slots=2, upstream=upstream) as proxy,
    ):
        changed.version = "new"
        asked = [proxy.asking(data=b"{}", headers=pinned("old")) for _ in range(4)]
        await kept.received(2)
        await proxy.until("requests_total", 2, status="503")
        release.set()
        got = [await one for one in asked]
    assert sorted(one.status for one in got) == [200, 200, 503, 503]
    refused = [one for one in got if one.status == 503]
    assert {(one.json["code"], one.headers["Retry-After"]) for one in refused} == {("no_capacity", "1")}


class Run:
    """A job that pins its requests to the version it began with, and sends again what is to come back."""

    def __init__(self, proxy, version, callers=8):
        self._proxy, self.version = proxy, version
        self.seen = Counter()
        self._stopping = False
        self._tasks = [asyncio.create_task(self._ask()) for _ in range(callers)]

    async def _ask(self):
        while not self._stopping:
            got = await self._proxy.ask(data=b"{}", headers=pinned(self.version))
            if got.status not in {429, 502, 503}:
                self.seen[got.status, got.json.get("fingerprint")] += 1

    async def answers(self, more):
        """Wait for so many more answers."""
        wanted = self.seen.total() + more
        async with asyncio.timeout(20):
            while self.seen.total() < wanted:
                await asyncio.sleep(0.005)

    async def stop(self):
        """Return how often which status and version came."""
        self._stopping = True
        await asyncio.gather(*self._tasks)
        return self.seen


async def test_rolling_a_fleet_forward_in_the_middle_of_a_run_mixes_no_versions():
    async with (
        Version("old") as first,
        Version("old") as second,
        Version("old") as third,
        running_proxy(first, second, third, slots=4) as proxy,
    ):
        old = Run(proxy, "old")
        await old.answers(50)
        await first.becomes("new")
        await stated(proxy, first, "new")
        new = Run(proxy, "new")
        await asyncio.gather(old.answers(50), new.answers(50))
        await second.becomes("new")
        await stated(proxy, second, "new")
        await asyncio.gather(old.answers(50), new.answers(50))
        assert set(await old.stop()) == {(200, "old")}
        await third.becomes("new")
        await stated(proxy, third, "new")
        await new.answers(50)
        assert set(await new.stop()) == {(200, "new")}
        late = await proxy.ask(data=b"{}", headers=pinned("old"))
        assert late.status == 412
        assert await proxy.metric("in_flight") == 0
