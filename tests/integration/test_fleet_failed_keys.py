"""The bound of failed keys is that of all proxies with a shared store, and of each one while the store is away."""

import time

import pytest
from redis import Redis

from nlpbatch.serving.failed_keys import FailedKeys
from proxy.keys import make_key
from tests.fakes.backend import FakeBackend
from tests.fakes.operated_fleet import until
from tests.fakes.running_fleet import RunningFleet
from tests.fakes.running_store import running_store

WRONG = {"Authorization": f"Bearer {make_key()[0]}"}
ADDRESS = "127.0.0.1"


@pytest.fixture
def store(tmp_path):
    with running_store(tmp_path) as running:
        yield running


async def guess(proxy, times):
    """Return how many of so many guesses, one after the other, were told that the key is wrong."""
    statuses = [(await proxy.ask(headers=WRONG, data=b"{}")).status for _ in range(times)]
    assert set(statuses) <= {401, 429}
    return statuses.count(401)


def failed_keys(redis):
    return [key for key in redis.scan_iter() if b":failed:" in key]


async def test_what_one_proxy_has_counted_holds_at_the_others(store, tmp_path):
    async with (
        FakeBackend() as backend,
        RunningFleet(store, tmp_path, backend, limits={"failed_keys_per_minute": 2}) as fleet,
    ):
        first, second = await fleet.join(), await fleet.join()
        assert await guess(first, 4) == 2
        with Redis(port=store.port) as redis:
            # Both, of which each takes half a minute to be forgotten.
            await until(lambda: [key for key in failed_keys(redis) if redis.pttl(key) > 31_000], 20)
            (key,) = failed_keys(redis)
            assert 0 < redis.pttl(key) <= 120_000
            assert ADDRESS.encode() not in key + redis.dump(key)
        await guess(second, 1)  # before, it knows nothing of this address
        failures = second.inner.gateway.failed_keys
        await until(lambda: not failures._untold and wait_s(failures) > 61, 20)
        assert await guess(second, 10) == 0
        assert (await second.ask(data=b"{}")).status == 200  # a valid key from the same address


async def test_while_the_store_is_away_each_has_the_bound_for_itself_and_then_tells(store, tmp_path):
    async with (
        FakeBackend() as backend,
        RunningFleet(
            store, tmp_path, backend, limits={"failed_keys_per_minute": 5}, shared={"timeout_s": 0.2}
        ) as fleet,
    ):
        first, second = await fleet.join(), await fleet.join()
        store.stop()
        assert await guess(first, 8) == 5
        assert await guess(second, 8) == 5
        store.start()
        with Redis(port=store.port) as redis:
            await until(lambda: failed_keys(redis), 20)
            await until(lambda: redis.pttl(failed_keys(redis)[0]) > 100_000, 20)  # those of both


def wait_s(failures: FailedKeys) -> float:
    """Return in how many seconds the only address that is known may fail again as often as it likes."""
    (full_at_s,) = failures._full_at_s.values()
    return full_at_s - time.monotonic()
