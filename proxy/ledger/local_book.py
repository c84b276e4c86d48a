"""The book of one host: SQLite in a directory, whose calls wait in a thread of their own, or in memory."""

import asyncio
import sqlite3
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from nlpbatch.errors import ConfigError
from proxy.ledger.book import GROUPS, Batch, BookAway, Carried, Query, Reading
from proxy.ledger.counters import ANALYSED_BYTES, COUNTERS, MAX_JOBS, OTHER, Row

EXPECTED_S: Final = 60.0
"""A journal that has brought nothing for longer is missing: its process was killed, and nobody has found its files."""
MISSED_S: Final = 24 * 3600.0
"""For so long a missing journal is reported."""
_BUSY_S: Final = 5.0
_MAX_DAYS_IN_MEMORY: Final = 31
_COLUMNS: Final = ", ".join(COUNTERS)
_SCHEMA: Final = f"""
CREATE TABLE IF NOT EXISTS ledger (id TEXT, started_us INTEGER, one INTEGER PRIMARY KEY CHECK (one = 1));
CREATE TABLE IF NOT EXISTS journals (id TEXT PRIMARY KEY, number INTEGER, seen_us INTEGER, open INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counts (day TEXT, tenant TEXT, key TEXT, job TEXT,
  {", ".join(f"{name} INTEGER NOT NULL" for name in COUNTERS)}, PRIMARY KEY (day, tenant, key, job)) WITHOUT ROWID;
"""
_ADD: Final = f"""
INSERT INTO counts VALUES ({", ".join("?" * (4 + len(COUNTERS)))}) ON CONFLICT (day, tenant, key, job)
DO UPDATE SET {", ".join(f"{name} = {name} + excluded.{name}" for name in COUNTERS)}
"""  # noqa: S608  (names of columns are ours)
_SEE: Final = """
INSERT INTO journals VALUES (?, ?, ?, 1) ON CONFLICT (id)
DO UPDATE SET number = max(number, excluded.number), seen_us = excluded.seen_us, open = 1
"""
_ROW_COLUMNS: Final = ("day", "tenant", "key", "job")

T = TypeVar("T")


class LocalBook:
    """The book in SQLite.

    Args:
        directory: Where its file is; None keeps everything in memory, of 31 days at the most.
        retention_days: Older days are removed.
        now_s: Seconds since 1970.

    """

    away = False
    ahead_s = 0.0
    touch_period_s = 1.0

    def __init__(self, directory: Path | None, retention_days: int, now_s: Callable[[], float] = time.time) -> None:
        self._file = None if directory is None else directory / "ledger.sqlite3"
        self._retention_days = retention_days if directory is not None else min(retention_days, _MAX_DAYS_IN_MEMORY)
        self._now_s = now_s
        self._thread = ThreadPoolExecutor(1, "ledger")
        self._connected: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Open the file, or make it.

        Raises:
            ConfigError: It can't be used.

        """
        try:
            await self._in_thread(self._open)
        except (sqlite3.Error, OSError) as error:
            raise ConfigError(
                f"the ledger {self._file} can't be used ({error}): correct ledger.directory, or move the file away"
            ) from error

    async def close(self) -> None:
        """Close the file."""
        if self._connected is not None:
            await self._in_thread(self._connected.close)
            self._connected = None
        self._thread.shutdown()

    async def carry(self, batch: Batch) -> Carried:
        """Add a batch, unless it was added before; see `Book.carry`."""
        return await self._call(lambda: self._carry(batch))

    async def touch(self, journal: str) -> None:
        """Note that a journal has brought everything up to now."""
        await self._call(lambda: self._write(_SEE, (journal, 0, self._now_us())))

    async def leave(self, journal: str) -> None:
        """Note that a journal won't bring anything any more."""
        await self._call(lambda: self._write("UPDATE journals SET open = 0 WHERE id = ?", (journal,)))

    async def read(self, query: Query, journal: str) -> Reading:
        """Return what is asked for; see `Book.read`."""
        return await self._call(lambda: self._read(query, journal))

    async def bytes_of(self, tenant: str, period: str) -> int:
        """Return the analysed bytes of a day or a month; see `Book.bytes_of`."""
        select = f"SELECT sum({COUNTERS[ANALYSED_BYTES]}) FROM counts WHERE tenant = ? AND day BETWEEN ? AND ?"  # noqa: S608
        found = await self._call(lambda: self._connection.execute(select, (tenant, period, f"{period}~")).fetchone())
        return int(found[0] or 0)

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._connected is None:
            raise BookAway("the ledger is not open")
        return self._connected

    async def _call(self, work: Callable[[], T]) -> T:
        try:
            return await self._in_thread(work)
        except (sqlite3.Error, OSError, RuntimeError) as error:
            raise BookAway(f"the ledger's file can't be used ({type(error).__name__})") from error

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._file is None:  # takes microseconds
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _open(self) -> None:
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            ":memory:" if self._file is None else self._file,
            timeout=_BUSY_S,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            # Survives the death of the process; what a power cut takes, the journals had not on disk either.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(_SCHEMA)
            connection.execute(
                "INSERT OR IGNORE INTO ledger VALUES (?, ?, 1)", (uuid.uuid4().hex, round(self._now_s() * 1e6))
            )
        except BaseException:
            connection.close()
            raise
        self._connected = connection

    def _now_us(self) -> int:
        return round(self._now_s() * 1e6)

    def _write(self, statement: str, values: Sequence[str | int]) -> None:
        self._connection.execute(statement, values)

    def _carry(self, batch: Batch) -> Carried:
        with closing(self._connection.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                found = cursor.execute("SELECT number FROM journals WHERE id = ?", (batch.journal,)).fetchone()
                known = 0 if found is None else found[0]
                if known >= batch.number:
                    return Carried.KNOWN if known == batch.number else Carried.BEYOND
                for row, counts in batch.counts.items():
                    cursor.execute(_ADD, (*self._bounded(cursor, row), *counts))
                cursor.execute(_SEE, (batch.journal, batch.number, self._now_us()))
                self._prune(cursor)
                cursor.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    cursor.execute("ROLLBACK")
        return Carried.COUNTED

    def _bounded(self, cursor: sqlite3.Cursor, row: Row) -> Row:
        """Return the row, or that of `OTHER` if too many jobs are named already."""
        whose = "FROM counts WHERE day = ? AND tenant = ? AND key = ?"
        if cursor.execute(f"SELECT 1 {whose} AND job = ?", row).fetchone() is not None:
            return row
        jobs = cursor.execute(f"SELECT count(*) {whose}", row[:3]).fetchone()[0]
        return row if jobs < MAX_JOBS else (*row[:3], OTHER)

    def _prune(self, cursor: sqlite3.Cursor) -> None:
        today = datetime.fromtimestamp(self._now_s(), UTC).date()
        oldest = today - timedelta(days=self._retention_days)
        cursor.execute("DELETE FROM counts WHERE day < ?", (oldest.isoformat(),))
        gone_us = self._now_us() - round(self._retention_days * 86_400e6)
        cursor.execute("DELETE FROM journals WHERE seen_us < ?", (gone_us,))

    def _read(self, query: Query, journal: str) -> Reading:
        connection, now_us = self._connection, self._now_us()
        ledger, started_us = connection.execute("SELECT id, started_us FROM ledger").fetchone()
        others = [
            seen_us
            for (seen_us,) in connection.execute("SELECT seen_us FROM journals WHERE open AND id != ?", (journal,))
        ]
        expected = [seen_us for seen_us in others if seen_us > now_us - EXPECTED_S * 1e6]
        missing = [seen_us for seen_us in others if now_us - MISSED_S * 1e6 < seen_us <= now_us - EXPECTED_S * 1e6]
        return Reading(ledger, started_us, now_us, min([now_us, *expected]), len(missing), self._sums(query))

    def _sums(self, query: Query) -> dict[tuple[str, ...], list[int]]:
        names = [_ROW_COLUMNS[index] for index in GROUPS[query.by]] if query.by is not None else []
        where, values = ["day BETWEEN ? AND ?"], [query.since, query.until]
        for column in ("tenant", "job"):
            if (value := getattr(query, column)) is not None:
                where.append(f"{column} = ?")
                values.append(value)
        summed = ", ".join(f"total({name})" for name in COUNTERS)
        group = f" GROUP BY {', '.join(names)}" if names else ""
        select = f"SELECT {', '.join([*names, summed])} FROM counts WHERE {' AND '.join(where)}{group}"  # noqa: S608
        found = self._connection.execute(select, values).fetchall()
        return {row[: len(names)]: [int(number) for number in row[len(names) :]] for row in found}
