"""The ledger of a fleet on a real store: exact when batches come twice, proxies are killed, and the store is away."""

import asyncio
import json
import signal
import subprocess
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

import aiohttp
import pytest
from redis import Redis

from proxy.config_shared import SharedSettings
from proxy.ledger import shared_book
from proxy.ledger.book import Batch, BookAway, Carried, Query
from proxy.ledger.counters import ANALYSED, ANALYSED_BYTES, COUNTERS, OTHER
from proxy.ledger.shared_book import SharedBook
from proxy.shared.store import SharedStore
from tests.fakes.backend import FakeBackend, answer, echo
from tests.fakes.running_proxy import AUTHORIZED, ENTRY, GUEST, running_proxy
from tests.fakes.running_store import running_store

EVER = {"since": "2000-01-01", "until": "2100-01-01"}
SECRET = "a secret of the fleet"
TODAY = datetime.now(UTC).date().isoformat()
TEXT = "비밀스러운 문장".encode()


@pytest.fixture
def redis(tmp_path):
    with running_store(tmp_path) as running:
        yield running


@pytest.fixture
def secret(tmp_path):
    file = tmp_path / "secret"
    file.write_text(SECRET)
    return str(file)


@pytest.fixture
async def book(redis, secret):
    store = SharedStore(SharedSettings(url=redis.url, secret_file=secret))
    await store.open()
    yield SharedBook(store, 10)
    await store.close()


def batch(number, *rows, journal="j", size_bytes=100):
    row = [0] * len(COUNTERS)
    row[ANALYSED], row[ANALYSED_BYTES] = 1, size_bytes
    return Batch(journal, number, dict.fromkeys(rows, row))


def row(day=TODAY, tenant="search", key="k1", job="out-1"):
    return (day, tenant, key, job)


async def bytes_by(book, by=None, **query):
    reading = await book.read(Query(**EVER | query, by=by), "j")
    return {name: numbers[ANALYSED_BYTES] for name, numbers in reading.counts.items()}


async def until(true_of, seconds=10):
    async with asyncio.timeout(seconds):
        while not await true_of():
            await asyncio.sleep(0.02)


async def test_counts_are_added_up_by_what_is_asked(book):
    rows = [row(), row(job="out-2"), row(key="k2"), row(tenant="ads", job="")]
    assert await book.carry(batch(1, *rows)) is Carried.COUNTED
    assert await book.carry(batch(2, row(), size_bytes=2**50)) is Carried.COUNTED
    assert await bytes_by(book, job="out-1", tenant="search") == {(): 2**50 + 200}
    assert await bytes_by(book, "tenant") == {("search",): 2**50 + 300, ("ads",): 100}
    assert await bytes_by(book, "key", tenant="search") == {("search", "k1"): 2**50 + 200, ("search", "k2"): 100}
    by_job = {("search", "out-1"): 2**50 + 200, ("search", "out-2"): 100, ("ads", ""): 100}
    assert await bytes_by(book, "job") == by_job
    assert await bytes_by(book, "day") == {(TODAY,): 2**50 + 400}
    assert await bytes_by(book, "day", until="2020-01-01") == {}
    assert await book.bytes_of("search", TODAY) == 2**50 + 300
    assert await book.bytes_of("search", TODAY[:7]) == 2**50 + 300
    assert await book.bytes_of("nobody", TODAY) == 0


async def test_a_batch_of_many_parts_counts_once_however_far_the_first_try_came(book, monkeypatch):
    rows = [row(job=f"out-{number}") for number in range(450)]
    whole = batch(1, *rows)
    run, calls = book._store.run, 0

    async def breaks_off(*arguments, **keywords):
        nonlocal calls
        calls += 1
        found = await run(*arguments, **keywords)
        if calls == 2:
            raise shared_book.StoreAway("no answer")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(book._store, "run", breaks_off)
        with pytest.raises(BookAway):
            await book.carry(whole)
    assert await book.carry(whole) is Carried.COUNTED
    assert await book.carry(whole) is Carried.KNOWN
    assert await bytes_by(book) == {(): 45_000}
    assert await book.carry(batch(3, row())) is Carried.COUNTED
    assert await book.carry(batch(2, row())) is Carried.BEYOND


async def test_of_too_many_jobs_the_further_ones_are_counted_as_one(book, monkeypatch):
    monkeypatch.setattr(shared_book, "MAX_JOBS", 2)
    for number, job in enumerate(("a", "b", "c", "d", "a"), 1):
        await book.carry(batch(number, row(job=job)))
    assert await bytes_by(book, "job") == {("search", "a"): 200, ("search", "b"): 100, ("search", OTHER): 200}


async def test_old_days_are_removed_and_every_key_has_an_expiry_or_a_bound(book, redis):
    await book.carry(batch(1, row(day="2020-02-29"), row(day="2020-01-01")))
    await book.carry(batch(2, row()))
    with Redis(port=redis.port) as client:
        assert client.hgetall("nlpbatch:ledger:bytes:search") == {TODAY.encode(): b"100", TODAY[:7].encode(): b"100"}
        assert client.zrange("nlpbatch:ledger:index", 0, -1) == [f"{TODAY} search k1".encode()]
        assert sorted(client.keys("nlpbatch:ledger:rows:*")) == [f"nlpbatch:ledger:rows:{TODAY}:search:k1".encode()]
        lasting = {key.decode() for key in client.keys("nlpbatch:ledger*") if client.ttl(key) == -1}
    names = ("ledger", "ledger:index", "ledger:journals", "ledger:seen", "ledger:open")
    assert lasting == {f"nlpbatch:{name}" for name in names}


async def test_a_flushed_store_has_a_new_ledger(book, redis):
    await book.carry(batch(1, row()))
    before = (await book.read(Query(**EVER), "j")).ledger
    with Redis(port=redis.port) as client:
        client.flushall()
    assert await book.carry(batch(2, row())) is Carried.COUNTED
    reading = await book.read(Query(**EVER), "j")
    assert reading.ledger != before
    assert reading.counts[()][ANALYSED] == 1


async def test_how_complete_it_is_follows_from_what_other_journals_have_brought(book, redis):
    await book.touch("other")
    reading = await book.read(Query(**EVER), "j")
    assert reading.complete_us < reading.at_us
    await book.touch("other")
    assert (await book.read(Query(**EVER), "j")).complete_us > reading.at_us
    with Redis(port=redis.port) as client:
        client.zadd("nlpbatch:ledger:open", {"other": reading.at_us - 61_000_000})
    reading = await book.read(Query(**EVER), "j")
    assert (reading.complete_us, reading.missing) == (reading.at_us, 1)
    await book.leave("other")
    assert (await book.read(Query(**EVER), "j")).missing == 0


@asynccontextmanager
async def fleet(backend, redis, secret, directory, proxies=2):
    shared = {"url": redis.url, "secret_file": secret}
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                running_proxy(backend, shared=shared, ledger={} if directory is None else {"directory": str(directory)})
            )
            for _ in range(proxies)
        ]


async def usage(proxy, query, headers=AUTHORIZED):
    got = await proxy.ask("GET", f"/v1/usage?{query}", headers=headers)
    assert got.status == 200, got.body
    return got.json


async def settled(proxy, query):
    """Return the usage, once it is complete up to now."""
    asked_at = (found := await usage(proxy, query))["at"]
    async with asyncio.timeout(10):
        while found["complete_until"] < asked_at:
            await asyncio.sleep(0.02)
            found = await usage(proxy, query)
    return found


@pytest.mark.parametrize("kept", [True, False])
async def test_each_proxy_speaks_for_all(redis, secret, tmp_path, kept):
    headers = AUTHORIZED | {"Nlpbatch-Job": "out-1", "Idempotency-Key": "not-in-the-store"}
    directory = tmp_path / "ledger" if kept else None
    backend = FakeBackend(answer(TEXT, headers={"Nlpbatch-Documents": "7"}))
    async with backend, fleet(backend, redis, secret, directory) as proxies:
        for proxy in proxies:
            for _ in range(2):
                await proxy.ask(data=TEXT, headers=headers)
            await proxy.ask(data=b"of nobody", headers=AUTHORIZED)
        found = [await settled(proxy, "job=out-1") for proxy in proxies]
        assert found[0]["instance"] == found[1]["instance"]
        for one in found:
            # One of them analysed it, and the other one fetched its answer.
            assert (one["analysed"], one["analysed_bytes"]) == (1, len(TEXT))
            assert (one["replayed"], one["answered"], one["documents"]) == (3, 4, 7)
            assert (one["requests"], one["attempts"], one["missing"]) == (4, 1, 0)
        by_job = await settled(proxies[1], "by=job")
        assert {line["job"]: line["requests"] for line in by_job["rows"]} == {"out-1": 4, "": 2}
        (by_key,) = (await settled(proxies[0], "by=key&since=2020-01-01"))["rows"]
        assert (by_key["tenant"], by_key["key"], by_key["requests"]) == ("home", ENTRY[:12], 6)
        assert (await usage(proxies[0], "by=day", GUEST))["rows"] == []
        with Redis(port=redis.port) as client:
            dump = b"".join(key + (client.dump(key) or b"") for key in client.scan_iter())
            dump += repr([client.hgetall(key) for key in client.scan_iter(_type="hash")]).encode()
    hidden = (TEXT, b"not-in-the-store", AUTHORIZED["Authorization"].encode(), SECRET.encode())
    assert not [text for text in hidden if text in dump]


async def test_while_the_store_is_away_requests_go_on_and_their_counts_come_later(redis, secret, tmp_path):
    headers = AUTHORIZED | {"Nlpbatch-Job": "out-1"}
    async with FakeBackend(echo()) as backend, fleet(backend, redis, secret, tmp_path / "ledger", 1) as (proxy,):
        await proxy.ask(data=TEXT, headers=headers)
        await settled(proxy, "job=out-1")
        redis.pause()
        for _ in range(5):
            assert (await proxy.ask(data=TEXT, headers=headers)).status == 200
        await proxy.until("shared_store_away", 1)
        refused = await proxy.ask("GET", "/v1/usage?job=out-1")
        assert (refused.status, refused.json["code"]) == (503, "no_capacity")
        assert await proxy.metric("ledger_pending_entries") == 5
        redis.resume()
        await proxy.until("ledger_pending_entries", 0)
        assert (await settled(proxy, "job=out-1"))["analysed"] == 6


async def test_a_store_that_comes_back_empty_has_what_the_journals_know(redis, secret, tmp_path):
    headers = AUTHORIZED | {"Nlpbatch-Job": "out-1"}
    async with FakeBackend(echo()) as backend, fleet(backend, redis, secret, tmp_path / "ledger", 1) as (proxy,):
        await proxy.ask(data=TEXT, headers=headers)
        before = await settled(proxy, "job=out-1")
        redis.kill()
        for _ in range(3):
            await proxy.ask(data=TEXT, headers=headers)
        await proxy.until("shared_store_away", 1)
        redis.start()
        await proxy.until("shared_store_away", 0)
        after = await settled(proxy, "job=out-1")
    assert (before["analysed"], after["analysed"]) == (1, 3)
    assert before["instance"] != after["instance"]


CONFIG = """
[admin]
port = 0
[shared]
url = "{url}"
secret_file = "{secret}"
[ledger]
directory = "{directory}"
carry_period_s = {carry_period_s}
[upstream]
health_period_s = 0.05
[[backends]]
url = "{backend}"
[tenants.home]
keys = ["{entry}"]
"""


@asynccontextmanager
async def process(file):
    """Run a proxy as a process; yield it and its address."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "nlpbatch", "proxy", "serve", "--config", str(file), "--port", "0"),
        stderr=subprocess.PIPE,
    )
    try:
        ready, url = False, ""
        async with asyncio.timeout(60):
            while not (ready and url):
                members = json.loads(await child.stderr.readline())
                if members["event"] == "listening" and members["listener"] == "service":
                    url = f"http://127.0.0.1:{members['port']}"
                ready |= members["event"] == "backend"
        yield child, url
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def test_a_killed_proxy_s_counts_are_carried_by_another_on_its_host(redis, secret, tmp_path):
    async with FakeBackend(echo()) as backend:
        given = {"url": redis.url, "secret": secret, "directory": tmp_path / "ledger", "backend": backend.url}
        file = tmp_path / "proxy.toml"
        file.write_text(CONFIG.format(**given, entry=ENTRY, carry_period_s=60))
        async with process(file) as (child, url), aiohttp.ClientSession(url) as session:
            for _ in range(5):
                async with session.post(
                    "/v1/analyze", data=TEXT, headers=AUTHORIZED | {"Nlpbatch-Job": "out-1"}
                ) as got:
                    assert got.status == 200
            child.send_signal(signal.SIGKILL)
            await child.wait()
        async with fleet(backend, redis, secret, tmp_path / "ledger", 1) as (proxy,):

            async def is_carried():
                return (await usage(proxy, "job=out-1"))["analysed_bytes"] == 5 * len(TEXT)

            await until(is_carried)
            assert len(list((tmp_path / "ledger" / "journals").iterdir())) == 1
