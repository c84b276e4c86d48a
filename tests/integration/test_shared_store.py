"""The fleet on a real store: who is alive, and a store that is away, slow, full, foreign or of another version."""

import asyncio
import time

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from nlpbatch.errors import ConfigError
from proxy.config_shared import SharedSettings
from proxy.shared.members import Member, Members
from proxy.shared.store import Script, SharedStore, StoreAway
from tests.fakes.running_store import running_store

ECHO = Script("return ARGV[1]")
SECRET = "a secret of the fleet"


def settings(redis, tmp_path, *, secret=SECRET, **changed):
    file = tmp_path / f"secret-{abs(hash(secret))}"
    file.write_text(secret)
    # A loaded machine may take long over an answer; only what is about that has the usual limit.
    return SharedSettings(**{"url": redis.url, "secret_file": str(file), "timeout_s": 2.0} | changed)


def fill(client):
    for number in range(10_000):
        client.set(f"filler:{number}", "x" * 10_000)


async def until(condition, seconds=10):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def opened(redis, tmp_path, **changed):
    store = SharedStore(settings(redis, tmp_path, **changed))
    await store.open()
    return store


async def test_proxies_see_each_other_until_one_leaves_or_falls_silent(redis, tmp_path):
    stores = [await opened(redis, tmp_path, alive_s=0.5) for _ in range(3)]
    fleet = [Members(store, Member(name)) for store, name in zip(stores, "abc", strict=True)]
    for member in fleet:
        await member.beat()
    await fleet[0].beat()
    assert list(fleet[0].alive) == ["a", "b", "c"]
    fleet[1].say(generation=7)
    await fleet[1].beat()
    await fleet[2].leave()
    await fleet[0].beat()
    assert {name: member.generation for name, member in fleet[0].alive.items()} == {"a": 1, "b": 7}
    assert (fleet[0].rank, fleet[1].rank) == (0, 1)
    await asyncio.sleep(0.6)
    await fleet[0].beat()
    assert list(fleet[0].alive) == ["a"]
    for store in stores:
        await store.close()


async def test_a_store_that_stops_answering_costs_one_wait_and_is_noticed_when_it_is_back(redis, tmp_path):
    store = await opened(redis, tmp_path, timeout_s=0.05)
    members = Members(store, Member("a"))
    changes = []
    store.on_change.append(lambda: changes.append(store.away))
    assert await store.run(ECHO, [], ["x"]) == b"x"
    redis.pause()
    started_s = time.monotonic()
    for _ in range(100):
        with pytest.raises(StoreAway):
            await store.run(ECHO, [], ["x"])
    assert time.monotonic() - started_s < 1  # the first waits 50 ms, the others don't
    await members.beat()
    assert (store.away, list(members.alive)) == (True, ["a"])
    redis.resume()
    await until(lambda: not store.away)
    assert await store.run(ECHO, [], ["y"]) == b"y"
    assert changes == [True, False]
    await store.close()


async def test_a_store_that_was_killed_and_comes_back_empty_is_joined_again(redis, tmp_path):
    store = await opened(redis, tmp_path)
    redis.kill()
    with pytest.raises(StoreAway):
        await store.run(ECHO, [], ["x"])
    redis.start()
    await until(lambda: not store.away)
    assert await store.run(ECHO, [], ["x"]) == b"x"
    with Redis(port=redis.port) as client:
        assert client.hget("nlpbatch:fleet", "format") == b"1"
    await store.close()


async def test_another_secret_or_format_is_refused_and_another_prefix_is_another_fleet(redis, tmp_path):
    store = await opened(redis, tmp_path)
    with pytest.raises(ConfigError, match="has another secret: use the same secret for all its proxies"):
        await opened(redis, tmp_path, secret="quite another secret")
    other = await opened(redis, tmp_path, secret="quite another secret", prefix="other")
    members, others = Members(store, Member("a")), Members(other, Member("b"))
    await members.beat()
    await others.beat()
    assert (list(members.alive), list(others.alive)) == (["a"], ["b"])
    with Redis(port=redis.port) as client:
        client.hset("nlpbatch:fleet", "format", "2")
    with pytest.raises(ConfigError, match="of format 2 under the prefix 'nlpbatch', this version writes format 1"):
        await opened(redis, tmp_path)
    await store.close()
    await other.close()


async def test_a_store_that_cant_be_reached_at_the_start_is_refused_unless_it_is_allowed_for(redis, tmp_path):
    redis.kill()
    with pytest.raises(ConfigError, match=r"can't be reached .*: start it, correct shared.url, or set shared.expected"):
        await opened(redis, tmp_path)
    store = await opened(redis, tmp_path, expected_proxies=4)
    assert store.away
    assert Members(store, Member("a")).count == 4
    redis.start()
    await until(lambda: not store.away)
    await store.close()


async def test_a_wrong_password_is_refused_with_the_place_to_correct_it(tmp_path):
    with running_store(tmp_path, "--requirepass", "right") as redis:
        with pytest.raises(ConfigError, match=r"refuses this proxy .* check username, and password_file"):
            await opened(redis, tmp_path)
        (tmp_path / "password").write_text("right\n")
        store = await opened(redis, tmp_path, password_file=str(tmp_path / "password"))
        assert await store.run(ECHO, [], ["x"]) == b"x"
        await store.close()


async def test_a_full_store_counts_as_away(tmp_path):
    with running_store(tmp_path, "--maxmemory", "3mb", "--maxmemory-policy", "noeviction") as redis:
        store = await opened(redis, tmp_path)
        with Redis(port=redis.port) as client, pytest.raises(ResponseError, match="maxmemory"):
            fill(client)
        with pytest.raises(StoreAway):
            await store.run(Script("return redis.call('SET', KEYS[1], ARGV[1])"), [store.key("x")], ["y" * 200_000])
        assert store.away
        await store.close()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://10.0.0.9:6379", "not the address of a store"),
        ("redis://10.0.0.9:x", "not the address of a store"),
        ("redis://", "not the address of a store"),
        ("redis://user:word@10.0.0.9", "has a user or a password in it: set username"),
    ],
)
def test_wrong_addresses_are_refused(url, reason, tmp_path):
    (tmp_path / "secret").write_text(SECRET)
    with pytest.raises(ValueError, match=reason):
        SharedSettings(url=url, secret_file=str(tmp_path / "secret"))


def test_a_store_needs_a_secret_of_some_length(tmp_path, monkeypatch):
    monkeypatch.delenv("NLPBATCH_SHARED_SECRET", raising=False)
    with pytest.raises(ValueError, match="url without a secret: set secret_file or"):
        SharedSettings(url="redis://10.0.0.9")
    monkeypatch.setenv("NLPBATCH_SHARED_SECRET", "short")
    with pytest.raises(ConfigError, match="the shared secret has 5 characters, at least 16 are needed"):
        SharedStore(SharedSettings(url="redis://10.0.0.9"))
