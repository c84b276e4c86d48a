from datetime import UTC, datetime

import pytest

from nlpbatch.errors import ConfigError
from proxy.ledger import local_book
from proxy.ledger.book import Batch, Carried, Query
from proxy.ledger.counters import ANALYSED, ANALYSED_BYTES, COUNTERS, OTHER
from proxy.ledger.local_book import LocalBook

EVER = {"since": "2000-01-01", "until": "2100-01-01"}


class Clock:
    """Seconds since 1970."""

    def __init__(self, text):
        self.now_s = datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()

    def __call__(self):
        return self.now_s


def counts(analysed=1, size_bytes=100):
    row = [0] * len(COUNTERS)
    row[ANALYSED], row[ANALYSED_BYTES] = analysed, size_bytes
    return row


def batch(number, *rows, journal="j", **added):
    return Batch(journal, number, dict.fromkeys(rows, counts(**added)))


def row(day="2026-11-27", tenant="search", key="k1", job="out-1"):
    return (day, tenant, key, job)


@pytest.fixture(params=["file", "memory"])
async def book(request, tmp_path):
    book = LocalBook(tmp_path if request.param == "file" else None, 10, Clock("2026-11-27T12:00:00"))
    await book.open()
    yield book
    await book.close()


async def bytes_by(book, by=None, **query):
    reading = await book.read(Query(**EVER | query, by=by), "j")
    return {name: numbers[ANALYSED_BYTES] for name, numbers in reading.counts.items()}


async def test_counts_are_added_up_by_what_is_asked(book):
    rows = [row(), row(job="out-2"), row(key="k2"), row(tenant="ads"), row(day="2026-11-26")]
    assert await book.carry(batch(1, *rows)) is Carried.COUNTED
    assert await book.carry(batch(2, row(), size_bytes=7)) is Carried.COUNTED
    assert await bytes_by(book, job="out-1", tenant="search") == {(): 307}
    assert await bytes_by(book, "tenant") == {("search",): 407, ("ads",): 100}
    assert await bytes_by(book, "key", tenant="search") == {("search", "k1"): 307, ("search", "k2"): 100}
    assert await bytes_by(book, "job", since="2026-11-27") == {
        ("search", "out-1"): 207,
        ("search", "out-2"): 100,
        ("ads", "out-1"): 100,
    }
    assert await bytes_by(book, "day", job="out-1") == {("2026-11-26",): 100, ("2026-11-27",): 307}
    assert await book.bytes_of("search", "2026-11-27") == 307
    assert await book.bytes_of("search", "2026-11") == 407
    assert await book.bytes_of("nobody", "2026-11") == 0


async def test_a_batch_that_comes_twice_counts_once_and_one_from_a_copy_not_at_all(book):
    assert await book.carry(batch(1, row())) is Carried.COUNTED
    assert await book.carry(batch(1, row())) is Carried.KNOWN
    assert await book.carry(batch(5, row())) is Carried.COUNTED
    assert await book.carry(batch(4, row())) is Carried.BEYOND
    assert await book.carry(batch(1, row(), journal="other")) is Carried.COUNTED
    assert await bytes_by(book) == {(): 300}


async def test_old_days_are_removed(book):
    await book.carry(batch(1, row(day="2026-11-16"), row(day="2026-11-17"), row()))
    assert await bytes_by(book, "day") == {("2026-11-17",): 100, ("2026-11-27",): 100}


async def test_of_too_many_jobs_the_further_ones_are_counted_as_one(book, monkeypatch):
    monkeypatch.setattr(local_book, "MAX_JOBS", 2)
    for number, job in enumerate(("a", "b", "c", "d", "a"), 1):
        await book.carry(batch(number, row(job=job)))
    assert await bytes_by(book, "job") == {("search", "a"): 200, ("search", "b"): 100, ("search", OTHER): 200}


async def test_how_complete_it_is_follows_from_what_other_journals_have_brought(book):
    clock = book._now_s
    await book.carry(batch(1, row(), journal="other"))
    clock.now_s += 10
    reading = await book.read(Query(**EVER), "j")
    assert (reading.at_us - reading.complete_us, reading.missing) == (10_000_000, 0)
    clock.now_s += 60
    reading = await book.read(Query(**EVER), "j")
    assert (reading.complete_us, reading.missing) == (reading.at_us, 1)
    await book.leave("other")
    assert (await book.read(Query(**EVER), "j")).missing == 0


async def test_it_lasts_over_restarts_and_several_processes_use_it(tmp_path):
    first, second = LocalBook(tmp_path, 10), LocalBook(tmp_path, 10)
    await first.open()
    await second.open()
    today = datetime.now(UTC).date().isoformat()
    await first.carry(batch(1, row(day=today)))
    await second.carry(batch(1, row(day=today), journal="other"))
    ledger = (await first.read(Query(**EVER), "j")).ledger
    await first.close()
    await second.close()
    again = LocalBook(tmp_path, 10)
    await again.open()
    assert await bytes_by(again) == {(): 200}
    assert (await again.read(Query(**EVER), "j")).ledger == ledger
    assert await again.carry(batch(1, row(day=today))) is Carried.KNOWN
    await again.close()


async def test_a_file_that_is_no_ledger_is_refused_with_the_remedy(tmp_path):
    (tmp_path / "ledger.sqlite3").write_bytes(b"something else" * 1000)
    book = LocalBook(tmp_path, 10)
    with pytest.raises(ConfigError, match=r"can't be used .*: correct ledger.directory, or move the file away"):
        await book.open()
    await book.close()
