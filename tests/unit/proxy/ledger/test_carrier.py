import asyncio
import time
from datetime import UTC, datetime

import pytest

from proxy.config_ledger import LedgerSettings
from proxy.ledger.book import BookAway, Query
from proxy.ledger.carrier import Carrier
from proxy.ledger.counters import ANALYSED, ANALYSED_BYTES, OTHER
from proxy.ledger.journals import Journals
from proxy.ledger.local_book import LocalBook
from tests.fakes.book import BeyondBook, FailingBook

TODAY = datetime.now(UTC).date().isoformat()
ROW = (TODAY, "search", "k1", "out-1")
EVER = Query("2000-01-01", "2100-01-01")


class Scene:
    """A carrier that isn't started, so that the test says when it carries, and its book."""

    def __init__(self, directory, book=FailingBook, **settings):
        self.errors = []
        self.book = book(LocalBook(directory, 400))
        journals = None if directory is None else Journals(directory, lambda: self.errors.append("journal"))
        settings = LedgerSettings(carry_period_s=60, **settings)
        self.carrier = Carrier(settings, self.book, journals, self.errors.append)

    async def __aenter__(self):
        await self.carrier.start()
        return self

    async def __aexit__(self, *_):
        await self.carrier.close()

    def count(self, times=1, row=ROW):
        for _ in range(times):
            self.carrier.add(row, [(ANALYSED, 1), (ANALYSED_BYTES, 100)])

    async def counted(self):
        counts = (await self.book.read(EVER, self.carrier.id)).counts.get(())
        return counts[ANALYSED] if counts else 0

    async def die(self):
        """End as a killed process does: nothing more is carried, its lock is gone."""
        self.carrier._task.cancel()
        await asyncio.wait([self.carrier._task])
        self.carrier._journal.close(remove=False)
        await self.book.close()


@pytest.fixture(params=["file", "memory"])
def directory(request, tmp_path):
    return tmp_path if request.param == "file" else None


async def test_what_was_counted_is_carried_once(directory):
    async with Scene(directory) as scene:
        scene.count(3)
        assert [pending.entries for pending in scene.carrier.pending] == [3]
        await scene.carrier.carry()
        await scene.carrier.carry()
        assert (await scene.counted(), scene.carrier.pending, len(scene.book.batches)) == (3, [], 1)
        scene.count()
        await scene.carrier.carry()
        assert [batch.number for batch in scene.book.batches] == [1, 2]
        assert await scene.counted() == 4
    assert scene.errors == []


async def test_a_batch_whose_answer_was_lost_is_carried_again_and_counts_once(directory):
    async with Scene(directory) as scene:
        scene.count(3)
        scene.book.loses_answers = True
        with pytest.raises(BookAway):
            await scene.carrier.carry()
        scene.count(2)  # meanwhile
        scene.book.loses_answers = False
        await scene.carrier.carry()
        assert [batch.number for batch in scene.book.batches] == [1, 1, 2]
        assert await scene.counted() == 5


async def test_while_the_book_fails_nothing_is_lost(directory):
    async with Scene(directory) as scene:
        scene.book.fails = True
        for _ in range(5):
            scene.count()
            with pytest.raises(BookAway):
                await scene.carrier.carry()
        assert [pending.entries for pending in scene.carrier.pending] == [1, 4]
        assert scene.carrier.pending[0].since_s <= time.monotonic()
        scene.book.fails = False
        await scene.carrier.carry()
        assert await scene.counted() == 5


async def test_what_a_killed_process_has_counted_is_carried_by_another(tmp_path):
    dead = Scene(tmp_path)
    await dead.carrier.start()
    dead.count(3)
    await dead.carrier.carry()
    dead.count(2)
    dead.book.loses_answers = True
    with pytest.raises(BookAway):
        await dead.carrier.carry()
    dead.count(4)
    await dead.die()
    async with Scene(tmp_path) as heir:
        await heir.carrier._carry_all()
        assert await heir.counted() == 9
        assert [path.name for path in (tmp_path / "journals").iterdir()] == [heir.carrier.id]
    assert list((tmp_path / "journals").iterdir()) == []


async def test_what_is_counted_before_the_start_is_in_the_journal_afterwards(tmp_path):
    dead = Scene(tmp_path)
    dead.count(2)
    await dead.carrier.start()
    await dead.die()
    async with Scene(tmp_path) as heir:
        await heir.carrier._carry_all()
        assert await heir.counted() == 2


async def test_a_file_that_is_too_large_is_added_up_and_every_sum_stays(tmp_path):
    async with Scene(tmp_path, journal_bytes=65_536) as scene:
        scene.book.fails = True
        for number in range(2000):
            scene.count(row=(*ROW[:3], f"out-{number:04}"))
        scene.carrier._add_up()
        assert scene.errors == ["added_up"]
        assert scene.carrier._journal.size_bytes < 65_536
        assert list(scene.carrier.rows.counts) == [(*ROW[:3], OTHER)]
        scene.count()
        scene.book.fails = False
        await scene.carrier.carry()
        assert await scene.counted() == 2001


async def test_the_copy_of_a_journal_is_set_aside_and_logged(tmp_path):
    async with Scene(tmp_path, BeyondBook) as scene:
        scene.count()
        await scene.carrier.carry()
        assert scene.errors == ["refused"]
        assert [path.name for path in scene.carrier._journal.directory.glob("*.refused")] == ["00000001.refused"]


async def test_a_ledger_that_fails_is_logged_once_until_it_works_again(directory, caplog):
    caplog.set_level("INFO")
    async with Scene(directory) as scene:
        scene.count()
        scene.book.fails = True
        await scene.carrier._carry_all()
        await scene.carrier._carry_all()
        scene.book.fails = False
        await scene.carrier._carry_all()
    assert scene.errors == ["book", "book"]
    assert [record.message for record in caplog.records] == [
        "ledger not written: counts wait in the journal",
        "ledger written again",
    ]
