"""Brings what was counted to the book: this process's own counts, and what dead processes have left in the directory.

    add ──> rows and journal ──seal──> a batch ──carry──> the book; its file is removed

At a time there is at most one sealed batch: while the book is away, everything else stays in the rows and the file that
is written to, and when that file is too large, its lines are added up. So the counts of any time fit.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from proxy.config_ledger import LedgerSettings
from proxy.ledger.book import Batch, Book, BookAway, Carried
from proxy.ledger.counters import Added, Row, Rows, encode
from proxy.ledger.journal import Journal
from proxy.ledger.journals import Journals

OnError = Callable[[str], None]
_ADOPT_PERIOD_S: Final = 1.0
_CLOSE_S: Final = 5.0
_log = logging.getLogger("nlpbatch.proxy")


@dataclass(slots=True)
class Pending:
    """What is not in the book yet.

    Args:
        rows: The counts.
        entries: How often something was counted.
        since_s: When the first was, monotonic.

    """

    rows: Rows
    entries: int = 0
    since_s: float = 0.0


class Carrier:
    """Use `start` before and `close` after; what is counted before `start` is in memory only until then.

    Args:
        settings: How often, and how large a file may become.
        book: Where everything goes.
        journals: The directory; None without one.
        on_error: Counts what goes wrong, by its kind: "journal", "book", "added_up" or "refused".

    """

    def __init__(self, settings: LedgerSettings, book: Book, journals: Journals | None, on_error: OnError) -> None:
        self._settings = settings
        self._book = book
        self._journals = journals
        self._on_error = on_error
        self._journal: Journal | None = None
        self._id = uuid.uuid4().hex[:16]
        self._number = 1
        self._active = Pending(Rows())
        self._sealed: tuple[Batch, Pending] | None = None
        self._largest_bytes = settings.journal_bytes
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._touched_s = self._adopted_s = -float("inf")
        self._failing = False

    @property
    def id(self) -> str:
        """Return the id of this process's journal."""
        return self._id if self._journal is None else self._journal.id

    @property
    def rows(self) -> Rows:
        """Return what was counted since the last batch."""
        return self._active.rows

    @property
    def pending(self) -> list[Pending]:
        """Return what is not in the book yet, the oldest first."""
        sealed = [] if self._sealed is None else [self._sealed[1]]
        return sealed + ([self._active] if self._active.entries else [])

    async def start(self) -> None:
        """Make the journal, and carry from now on.

        Raises:
            ConfigError: The directory can't be written to, or the book can't be used.

        """
        if self._journals is not None:
            self._journal = self._journals.create()
            self._journal.append(self._active.rows.lines())
        await self._book.open()
        with suppress(BookAway):  # from now on readers know that there is somebody to wait for
            await self._book.touch(self.id)
        self._task = asyncio.create_task(self._run(), name="ledger")

    async def close(self) -> None:
        """Carry the rest, and leave the files to others if that fails."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            with suppress(BookAway, TimeoutError):
                async with asyncio.timeout(_CLOSE_S):
                    await self.carry()
                    await self._book.leave(self.id)
        if self._journal is not None:
            self._journal.close(remove=not self.pending)
        await self._book.close()

    def add(self, row: Row, added: Added) -> None:
        """Count something; when this returns, it survives the death of the process."""
        active = self._active
        if not active.entries:
            active.since_s = time.monotonic()
        active.entries += 1
        counts = active.rows.counts.get(row)
        if counts is None:
            active.rows.add(row, added)
        else:
            for index, number in added:
                counts[index] += number
        if self._journal is not None:
            self._journal.append(encode(row, added))

    async def carry(self) -> None:
        """Bring everything that was counted up to now.

        Raises:
            BookAway: It couldn't be brought.

        """
        async with self._lock:
            await self._carry_sealed()
            if self._active.entries:
                self._seal()
                await self._carry_sealed()
            elif time.monotonic() - self._touched_s >= self._book.touch_period_s:
                await self._book.touch(self.id)
                self._touched_s = time.monotonic()

    def _seal(self) -> None:
        sealed, self._active = self._active, Pending(Rows())
        number, self._number = self._number, self._number + 1
        if self._journal is not None:
            number = self._journal.seal()
        self._sealed = (Batch(self.id, number, sealed.rows.counts), sealed)
        self._largest_bytes = self._settings.journal_bytes

    async def _carry_sealed(self) -> None:
        if self._sealed is None:
            return
        batch, _ = self._sealed
        if await self._book.carry(batch) is Carried.BEYOND:
            self._refused(batch, self._journal)
        elif self._journal is not None:
            self._journal.remove(batch.number)
        self._touched_s = time.monotonic()
        self._sealed = None

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._settings.carry_period_s)
            if not self._book.away:
                await self._carry_all()
            self._add_up()

    async def _carry_all(self) -> None:
        try:
            await self.carry()
            if self._journals is not None and time.monotonic() - self._adopted_s >= _ADOPT_PERIOD_S:
                self._adopted_s = time.monotonic()
                for journal in self._journals.abandoned(self.id):
                    await self._adopt(journal)
        except Exception as error:  # noqa: BLE001 - whatever a book does, it is tried again
            self._on_error("book")
            if not self._failing:
                self._failing = True
                reason = str(error) if isinstance(error, BookAway) else type(error).__name__
                _log.error("ledger not written: counts wait in the journal", extra={"reason": reason})
            return
        if self._failing:
            self._failing = False
            _log.info("ledger written again")

    async def _adopt(self, journal: Journal) -> None:
        """Carry what a dead process has left."""
        carried = False
        try:
            for number in journal.left():
                rows = await asyncio.to_thread(journal.read, number)
                batch = Batch(journal.id, number, rows.counts)
                if await self._book.carry(batch) is Carried.BEYOND:
                    self._refused(batch, journal)
                journal.remove(number)
            await self._book.leave(journal.id)
            carried = True
            _log.info("ledger's journal of a dead proxy carried", extra={"journal": journal.id})
        finally:
            journal.close(remove=carried)

    def _refused(self, batch: Batch, journal: Journal | None) -> None:
        self._on_error("refused")
        about = {"journal": batch.journal, "batch": batch.number}
        _log.error("a later batch of this journal was counted before: it is a copy, and is set aside", extra=about)
        if journal is not None:
            journal.set_aside(batch.number)

    def _add_up(self) -> None:
        """Make the file that is written to small again if it is too large."""
        journal = self._journal
        if journal is None or journal.size_bytes <= self._largest_bytes:
            return
        rows = self._active.rows
        days = sorted({row[0] for row in rows.counts})
        while days and len(rows.lines()) > self._settings.journal_bytes // 2:
            rows = rows.without_jobs(days.pop(0))
        before_bytes = journal.size_bytes
        journal.add_up(rows)
        self._active.rows = rows
        self._largest_bytes = max(self._settings.journal_bytes, 2 * journal.size_bytes)
        self._on_error("added_up")
        sizes = {"bytes": before_bytes, "left_bytes": journal.size_bytes, "rows": len(rows.counts)}
        _log.warning("ledger's journal was too large and is added up", extra=sizes)
