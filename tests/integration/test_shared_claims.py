"""Claims on a real store: one owner per key, whatever happens to owners, callers and the store."""

import asyncio
import time

import pytest
from redis import Redis

from proxy.config_shared import SharedSettings
from proxy.shared.claims import Claims
from proxy.shared.members import Member, Members
from proxy.shared.store import SharedStore
from tests.fakes.running_store import running_store

NAME = ("home", "the key of a request")


@pytest.fixture
def redis(tmp_path):
    with running_store(tmp_path) as running:
        yield running


class Scene:
    """Proxies of one fleet, as far as claims go."""

    def __init__(self, redis, tmp_path, **settings):
        file = tmp_path / "secret"
        file.write_text("a secret of the fleet")
        # A machine that is busy with tests may take longer than the usual 50 ms.
        self.settings = SharedSettings(url=redis.url, secret_file=str(file), **{"timeout_s": 5.0} | settings)
        self.stores, self.all, self.members = [], [], []

    async def join(self, name, ttl_s=600.0):
        store = SharedStore(self.settings)
        await store.open()
        members = Members(store, Member(name, peer_url=f"http://{name}"))
        await members.beat()
        claims = Claims(store, name, ttl_s)
        claims.start()
        self.stores.append(store)
        self.all.append(claims)
        self.members.append(members)
        return claims

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        for claims in self.all:
            await claims.close()
        for store in self.stores:
            await store.close()


def claims_in(redis):
    with Redis(port=redis.port) as client:
        return {key: client.get(key).decode() for key in client.keys("nlpbatch:answer:*")}


async def until(condition, seconds=10):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def test_the_first_to_claim_a_key_owns_it_and_the_others_learn_who_does(redis, tmp_path):
    async with Scene(redis, tmp_path) as scene:
        a, b = await scene.join("a"), await scene.join("b")
        mine, its = await a.claim(NAME), await b.claim(NAME)
        assert (mine.owner, mine.taken_over) == (None, False)
        assert its.owner == Member("a", peer_url="http://a")
        assert (await a.claim(NAME)).owner is None
        assert (await b.claim(("guests", NAME[1]))).owner is None  # tenants never share


async def test_claims_that_come_together_share_round_trips_and_each_gets_its_own_word(redis, tmp_path):
    async with Scene(redis, tmp_path) as scene:
        a, b = await scene.join("a"), await scene.join("b")
        await asyncio.gather(*(a.claim(("home", f"k{number}")) for number in range(0, 1000, 2)))
        with Redis(port=redis.port) as client:
            before = client.info("commandstats")["cmdstat_evalsha"]["calls"]
            found = await asyncio.gather(*(b.claim(("home", f"k{number}")) for number in range(1000)))
            after = client.info("commandstats")["cmdstat_evalsha"]["calls"]
        assert [claim.owner is None for claim in found] == [number % 2 == 1 for number in range(1000)]
        assert after - before <= 10


async def test_a_release_frees_the_key_and_a_late_one_no_other_s_claim(redis, tmp_path):
    async with Scene(redis, tmp_path) as scene:
        a, b = await scene.join("a"), await scene.join("b")
        first = await a.claim(NAME)
        its = await b.claim(NAME)
        a.release(NAME)  # is written a moment later
        assert (await b.claim(NAME, instead=its)).owner is None
        await asyncio.sleep(0.2)
        assert (await a.claim(NAME)).owner.id == "b"
        b.release(NAME)
        await until(lambda: not claims_in(redis))
        assert (await a.claim(NAME)).text != first.text


async def test_of_many_that_try_to_take_over_one_succeeds(redis, tmp_path):
    async with Scene(redis, tmp_path) as scene:
        a = await scene.join("a")
        others = [await scene.join(f"b{number}") for number in range(5)]
        await a.claim(NAME)
        seen = [await other.claim(NAME) for other in others]
        got = await asyncio.gather(*(other.claim(NAME, instead=one) for other, one in zip(others, seen, strict=True)))
        assert sum(claim.taken_over for claim in got) == 1
        (winner,) = {claim.owner.id for claim in got if claim.owner is not None}
        assert got[int(winner[1:])].owner is None


async def test_an_owner_that_began_again_is_not_replaced_by_one_that_saw_its_failure(redis, tmp_path):
    async with Scene(redis, tmp_path) as scene:
        a, b = await scene.join("a"), await scene.join("b")
        await a.claim(NAME)
        seen = await b.claim(NAME)
        a.release(NAME)
        await a.claim(NAME)
        assert (await b.claim(NAME, instead=seen)).owner.id == "a"


async def test_a_proxy_that_takes_over_learns_where_the_request_was_sent(redis, tmp_path):
    async with Scene(redis, tmp_path) as scene:
        a, b, c = [await scene.join(name) for name in "abc"]
        await a.claim(NAME)
        seen = await b.claim(NAME)
        a.sent(NAME, "http://backend:1")
        await until(lambda: b"http://backend:1" in next(iter(claims_in(redis).values())).encode())
        taken = await b.claim(NAME, instead=seen)  # it is the same claim as before
        assert (taken.owner, taken.backend) == (None, "http://backend:1")
        its = await c.claim(NAME)
        assert (its.owner.id, its.backend) == ("b", "http://backend:1")
        b.release(NAME)
        b.sent(NAME, "http://backend:2")
        await until(lambda: not claims_in(redis))


async def test_what_was_released_is_not_put_back(redis, tmp_path):
    async with Scene(redis, tmp_path) as scene:
        a = await scene.join("a")
        await a.claim(NAME)
        a.sent(NAME, "http://backend:1")
        a.release(NAME)
        await until(lambda: not claims_in(redis))
        await asyncio.sleep(0.1)
        assert claims_in(redis) == {}


async def test_a_claim_of_a_proxy_that_is_gone_is_free_at_once(redis, tmp_path):
    async with Scene(redis, tmp_path, alive_s=0.5) as scene:
        a, b = await scene.join("a"), await scene.join("b")
        await a.claim(NAME)
        await asyncio.sleep(0.6)  # nobody beats for it
        claim = await b.claim(NAME)
        assert (claim.owner, claim.taken_over) == (None, True)


async def test_a_claim_expires_unless_its_request_is_in_flight(redis, tmp_path):
    async with Scene(redis, tmp_path) as scene:
        a = await scene.join("a", ttl_s=0.3)
        await a.claim(NAME)
        await a.claim(("home", "answered"))
        a.leave(("home", "answered"))
        await asyncio.sleep(1)
        assert len(claims_in(redis)) == 1
        a.leave(NAME)
        await until(lambda: not claims_in(redis))


async def test_a_caller_that_hangs_up_while_its_claim_is_made_leaves_none(redis, tmp_path):
    async with Scene(redis, tmp_path) as scene:
        a = await scene.join("a")
        tasks = [asyncio.create_task(a.claim(("home", f"k{number}"))) for number in range(50)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.2)
        assert claims_in(redis) == {}


async def test_while_the_store_is_away_each_proxy_owns_what_it_gets_and_claims_it_afterwards(redis, tmp_path):
    async with Scene(redis, tmp_path) as scene:
        a, b = await scene.join("a"), await scene.join("b")
        redis.kill()
        started_s = time.monotonic()
        found = [await claims.claim(NAME) for claims in (a, b, a, b) for _ in range(20)]
        assert time.monotonic() - started_s < 1
        assert all(claim.owner is None for claim in found)
        redis.start()
        await until(lambda: not any(store.away for store in scene.stores))
        await until(lambda: len(claims_in(redis)) == 1)
        for members in scene.members:
            await members.beat()
        c = await scene.join("c")
        assert (await c.claim(NAME)).owner.id in {"a", "b"}


async def test_names_are_hidden_and_every_claim_expires(redis, tmp_path):
    async with Scene(redis, tmp_path) as scene:
        await (await scene.join("a")).claim(NAME)
        with Redis(port=redis.port) as client:
            (key,) = client.keys("nlpbatch:answer:*")
            assert 0 < client.pttl(key) <= 600_000
            dumped = b"".join(key + (client.dump(key) or b"") for key in client.scan_iter())
        assert not any(word.encode() in dumped for word in (*NAME, "request"))
