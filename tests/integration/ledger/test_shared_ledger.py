"""The ledger of a fleet on a real store: exact when batches come twice, proxies are killed, and the store is away."""

from datetime import UTC, datetime

import pytest
from redis import Redis

from proxy.config_shared import SharedSettings
from proxy.ledger import shared_book
from proxy.ledger.book import Batch, BookAway, Carried, Query
from proxy.ledger.counters import ANALYSED, ANALYSED_BYTES, COUNTERS, OTHER
from proxy.ledger.shared_book import SharedBook
from proxy.shared.store import SharedStore

EVER = {"since": "2000-01-01", "until": "2100-01-01"}
TODAY = datetime.now(UTC).date().isoformat()


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
