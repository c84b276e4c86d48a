"""Quotas that several proxies share, on a real store: held together, used wholly, and divided while it is away."""

import asyncio
import contextlib
import time
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.backend import FakeBackend, answer
from tests.fakes.running_proxy import ENTRY, GUEST_ENTRY, running_proxy
from tests.fakes.running_store import running_store

JSON_HEADERS = {"Content-Type": "application/json"}
BODY_BYTES = 20_000
ANSWERS = answer(b"{}")


@pytest.fixture
def redis(tmp_path):
    (tmp_path / "secret").write_text("a secret of the fleet")
    with running_store(tmp_path) as running:
        running.secret_file = str(tmp_path / "secret")
        yield running


@asynccontextmanager
async def fleet(redis, count, *, step=ANSWERS, key_quota=None, whole=None, patient=True, **quota):
    """Run so many proxies before one backend, with a quota for the first tenant, for each of its keys and for all.

    Patient ones wait long for the store: on a busy machine it would seem to be away, and limits would be divided.
    """
    home = {"keys": [ENTRY], "quota": quota, "key_quota": key_quota or {}}
    tenants = {"home": home, "guests": {"keys": [GUEST_ENTRY]}}
    shared = {"url": redis.url, "secret_file": redis.secret_file}
    shared |= {"alive_s": 5.0, "timeout_s": 5.0} if patient else {"alive_s": 1.0}
    async with AsyncExitStack() as stack:
        backend = await stack.enter_async_context(FakeBackend(step))
        proxies = [
            await stack.enter_async_context(
                running_proxy(backend, slots=200, tenants=tenants, shared=shared, quota=whole or {})
            )
            for _ in range(count)
        ]
        yield proxies


async def send(proxy):
    from tests.fakes.running_proxy import AUTHORIZED  # noqa: PLC0415

    return await proxy.ask(headers=AUTHORIZED | JSON_HEADERS, data=b"x" * BODY_BYTES)


def waited_for_cpu_s():
    """Return the seconds in which this process was ready to run, but others had the cores; 0 where that isn't known."""
    try:
        return int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return 0.0


async def saturate(proxy, until_s, pause_s, passed):
    """Send one after the other, coming back at each Retry-After."""
    while time.monotonic() < until_s:
        given = await send(proxy)
        if given.status == 200:
            passed.append((time.monotonic(), BODY_BYTES))
            await asyncio.sleep(pause_s)
        else:
            assert given.status == 429, given.body
            await asyncio.sleep(min(given.json["retry_after_s"], max(0, until_s - time.monotonic())))


async def test_one_burst_is_there_for_all_proxies_together_and_whole_at_each(redis):
    async with fleet(redis, 3, bytes_per_s=1_000, burst_bytes=10 * BODY_BYTES) as proxies:
        passed, until_s = 0, time.monotonic() + 3
        while passed < 10:
            given = await send(proxies[passed % 3])
            passed += given.status == 200
            assert time.monotonic() < until_s
            if given.status == 429:  # another proxy has it in stock, and gives it back
                await asyncio.sleep(given.json["retry_after_s"])
        # What is left is found out in a moment: each proxy says how long it takes a whole request to come in.
        for proxy in proxies:
            while (given := await send(proxy)).json["retry_after_s"] < 1:
                assert given.status == 429
                await asyncio.sleep(given.json["retry_after_s"])
                assert time.monotonic() < until_s


async def test_a_whole_burst_passes_at_one_proxy(redis):
    async with fleet(redis, 3, bytes_per_s=1_000, burst_bytes=10 * BODY_BYTES) as proxies:
        statuses = [(await send(proxies[0])).status for _ in range(12)]
        assert statuses == [200] * 10 + [429] * 2


async def test_a_caller_far_from_every_limit_is_never_refused(redis):
    rate = {"bytes_per_s": 10**9}
    async with fleet(redis, 2, key_quota=rate, whole=rate, concurrency=1000, **rate) as proxies:
        for number in range(300):  # leases come and go meanwhile
            assert (await send(proxies[number // 3 % 2])).status == 200


async def test_many_callers_that_begin_together_far_from_every_limit_are_never_refused(redis):
    rate = {"bytes_per_s": 10**9}
    async with fleet(redis, 1, key_quota=rate, whole=rate, concurrency=1000, **rate) as (proxy,):

        async def calls():
            return [(await send(proxy)).status for _ in range(10)]

        for _ in range(5):
            statuses = await asyncio.gather(*[calls() for _ in range(32)])
            assert {status for one in statuses for status in one} == {200}
            await asyncio.sleep(0.1)


async def test_a_skewed_load_uses_the_whole_quota_and_no_more(redis):
    rate, burst, seconds = 1_000_000, 200_000, 6.0
    async with fleet(redis, 3, bytes_per_s=rate, burst_bytes=burst) as proxies:
        started_s, waited_s, passed = time.monotonic(), waited_for_cpu_s(), []
        until_s = started_s + seconds
        callers = [saturate(proxies[0], until_s, 0.0, passed) for _ in range(20)]
        callers += [saturate(proxies[number], until_s, 0.3, passed) for number in (1, 2)]
        await asyncio.gather(*callers)
        elapsed_s = max(at_s for at_s, _ in passed) - started_s
        total = sum(size for _, size in passed)
        assert total <= rate * elapsed_s + burst + 2 * BODY_BYTES
        # Callers that don't get a core when it is their turn come late.
        assert total >= 0.95 * rate * (seconds - (waited_for_cpu_s() - waited_s))


async def insist(proxy):
    """Send, coming back at each Retry-After, until it is answered."""
    while (given := await send(proxy)).status != 200:
        assert given.status == 429
        await asyncio.sleep(given.json["retry_after_s"])


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_requests_at_a_time_are_those_of_all_proxies(redis, concurrency):
    under_way, most = 0, 0

    async def step(exchange):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.02)
        await answer(b"{}")(exchange)
        under_way -= 1

    async with fleet(redis, 3, step=step, concurrency=concurrency) as proxies, asyncio.timeout(30):
        await asyncio.gather(*[insist(proxies[number % 3]) for number in range(12 * concurrency)])
        assert most == concurrency
        for proxy in proxies:
            await insist(proxy)


async def test_while_the_store_is_away_each_proxy_has_its_part_and_says_so(redis):
    rate, burst = 100_000, 20 * BODY_BYTES
    async with fleet(redis, 2, patient=False, bytes_per_s=rate, burst_bytes=burst) as proxies:
        for proxy in proxies:
            assert (await send(proxy)).status == 200
        await asyncio.sleep(0.5)  # until both know of each other
        redis.pause()
        started_s = time.monotonic()
        statuses = [(await send(proxies[number % 2])).status for number in range(60)]
        elapsed_s = time.monotonic() - started_s
        assert elapsed_s < 5
        assert statuses.count(200) * BODY_BYTES <= burst + rate * elapsed_s + 2 * BODY_BYTES
        await proxies[0].until("shared_store_away", 1)
        limits = await proxies[0].ask("GET", "/v1/limits")
        assert limits.json["quotas"]["tenant"]["divided_by"] == 2
        redis.resume()
        await proxies[0].until("shared_store_away", 0)
        async with asyncio.timeout(5):
            while (await proxies[0].ask("GET", "/v1/limits")).json["quotas"]["tenant"]["divided_by"] is not None:
                await asyncio.sleep(0.02)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                while (await send(proxies[0])).status != 200:
                    await asyncio.sleep(0.1)
        assert (await send(proxies[1])).status in {200, 429}
