"""The book of a fleet, in its store: every proxy brings its batches there, and reads what all have brought."""

import asyncio
import calendar
import itertools
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, TypeVar

from proxy.ledger.book import GROUPS, Batch, BookAway, Carried, Query, Reading
from proxy.ledger.counters import ANALYSED_BYTES, COUNTERS, MAX_JOBS, OTHER, Row
from proxy.ledger.local_book import EXPECTED_S, MISSED_S
from proxy.ledger.shared_scripts import CARRY, FIND, LEAVE, READ_ALL, READ_BYTES, READ_JOB, TOUCH
from proxy.shared.store import Script, SharedStore, StoreAway

_PART_ROWS: Final = 200
"""Rows of one script: it must not hold up the others that use the store."""
_PART_GROUPS: Final = 500
_TIMEOUT_S: Final = 1.0
"""Nobody's request waits for the ledger."""
_REMEMBERED_US: Final = 90 * 86_400 * 1_000_000
"""For how long the last batch of a journal is remembered. Its files are removed right after it was carried."""
_SUM: Final = "="
_DAY_S: Final = 86_400

_Group = tuple[str, str, str]
"""Day, tenant, key."""
T = TypeVar("T")


class SharedBook:
    """The book in the store.

    Args:
        store: The fleet's.
        retention_days: Older days are removed.
        now_s: Seconds since 1970 by this machine's clock.

    """

    touch_period_s = 0.0

    def __init__(self, store: SharedStore, retention_days: int, now_s: Callable[[], float] = time.time) -> None:
        self._store = store
        self._retention_days = retention_days
        self._now_s = now_s
        self.ahead_s = 0.0
        self._reading_jobs = asyncio.Lock()
        """Reading thousands of jobs takes a while, in pieces: one at a time, so that other work comes in between."""

    @property
    def away(self) -> bool:
        """Return whether the store is away."""
        return self._store.away

    async def open(self) -> None:
        """Do nothing: the fleet opens the store."""

    async def close(self) -> None:
        """Do nothing: the fleet closes the store."""

    async def carry(self, batch: Batch) -> Carried:
        """Add a batch, unless it was added before; see `Book.carry`."""
        found = Carried.KNOWN
        for part, rows in enumerate(_pieces(list(batch.counts.items()), _PART_ROWS), 1):
            keys, arguments = self._part(dict(rows))
            head = self._head(batch, part)
            now, known = await self._run(
                CARRY, [*self._keys("journals", "seen", "open", "index"), *keys], head + arguments
            )
            self._note_time(now)
            if known == 2:  # noqa: PLR2004
                return Carried.BEYOND
            found = found if known else Carried.COUNTED
        return found

    async def touch(self, journal: str) -> None:
        """Note that a journal has brought everything up to now."""
        self._note_time(await self._run(TOUCH, [self._key("open")], [journal]))

    async def leave(self, journal: str) -> None:
        """Note that a journal won't bring anything any more."""
        await self._run(LEAVE, [self._key("open")], [journal])

    async def read(self, query: Query, journal: str) -> Reading:
        """Return what is asked for; see `Book.read`. Days that others write to meanwhile may be a little newer."""
        arguments: list[str | int] = [journal, uuid.uuid4().hex, _score(query.since), _score(query.until)]
        limits = [round(EXPECTED_S * 1e6), round(MISSED_S * 1e6)]
        found = await self._run(FIND, self._keys("open", "index"), [*arguments, *limits])
        ledger, started, now, complete, missing, *names = found
        self._note_time(now)
        groups = [_group(name.decode()) for name in names]
        asked = [group for group in groups if query.tenant is None or group[1] == query.tenant]
        sums: dict[tuple[str, ...], list[int]] = {}
        async for row, counts in self._rows(asked, query):
            name = tuple(row[index] for index in GROUPS[query.by]) if query.by is not None else ()
            _add(sums.setdefault(name, [0] * len(COUNTERS)), counts)
        return Reading(ledger.decode(), int(started), int(now), int(complete), int(missing), sums)

    async def bytes_of(self, tenant: str, period: str) -> int:
        """Return the analysed bytes of a day or a month; see `Book.bytes_of`."""
        return int(await self._run(READ_BYTES, [self._key("bytes", tenant)], [period]))

    async def _rows(
        self, groups: Sequence[_Group], query: Query
    ) -> AsyncIterator[tuple[tuple[str, ...], Iterator[int]]]:
        """Yield the rows of these groups; in pieces, so that neither store nor proxy is held up."""
        if query.by == "job" and query.job is None:
            async with self._reading_jobs:
                for group in groups:
                    found = await self._run(READ_ALL, [self._rows_key(group)], [])
                    for job, counts in zip(found[::2], found[1::2], strict=True):
                        if job != _SUM.encode():
                            yield (*group, job.decode()), _numbers(counts)
            return
        job = _SUM if query.job is None else query.job
        for piece in _pieces(groups, _PART_GROUPS):
            found = await self._run(READ_JOB, [self._rows_key(group) for group in piece], [job])
            for group, counts in zip(piece, found, strict=True):
                if counts:
                    yield (*group, job), _numbers(counts)

    def _head(self, batch: Batch, part: int) -> list[str | int]:
        today = datetime.fromtimestamp(self._now_s() + self.ahead_s, UTC).date()
        oldest = today - timedelta(days=self._retention_days)
        return [
            *(batch.journal, batch.number, part, uuid.uuid4().hex),
            *(oldest.isoformat(), _score(oldest.isoformat()), _REMEMBERED_US, round(MISSED_S * 1e6)),
            *(MAX_JOBS, (self._retention_days + 1) * _DAY_S, OTHER),
        ]

    def _part(self, rows: Mapping[Row, Sequence[int]]) -> tuple[list[str], list[str | int]]:
        """Return the keys and arguments of a part of a batch."""
        groups: dict[_Group, dict[str, Sequence[int]]] = {}
        for (day, tenant, key_id, job), counts in rows.items():
            groups.setdefault((day, tenant, key_id), {})[job] = counts
        keys: list[str] = []
        arguments: list[str | int] = []
        for group, jobs in groups.items():
            day, tenant, _ = group
            keys += (self._rows_key(group), self._key("bytes", tenant))
            total = [sum(column) for column in zip(*jobs.values(), strict=True)]
            expires_at = calendar.timegm(date.fromisoformat(day).timetuple()) + (self._retention_days + 2) * _DAY_S
            arguments += (" ".join(group), day, _score(day), expires_at, total[ANALYSED_BYTES], len(jobs) + 1)
            for job, counts in ((_SUM, total), *jobs.items()):
                arguments += (job, ",".join(map(str, counts)))
        return keys, arguments

    async def _run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | int]) -> Any:
        try:
            return await self._store.run(script, keys, arguments, timeout_s=_TIMEOUT_S)
        except StoreAway as error:
            raise BookAway(str(error)) from error

    def _note_time(self, now_us: bytes) -> None:
        self.ahead_s = int(now_us) / 1e6 - self._now_s()

    def _key(self, *parts: str) -> str:
        return self._store.key("ledger", *parts)

    def _keys(self, *names: str) -> list[str]:
        return [self._key(), *(self._key(name) for name in names)]

    def _rows_key(self, group: _Group) -> str:
        return self._key("rows", *group)


def _pieces(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _group(name: str) -> _Group:
    day, tenant, key_id = name.split(" ")
    return day, tenant, key_id


def _score(day: str) -> int:
    return int(day.replace("-", ""))


def _numbers(text: bytes) -> Iterator[int]:
    return map(int, text.split(b","))


def _add(sums: list[int], counts: Iterator[int]) -> None:
    for index, number in enumerate(itertools.islice(counts, len(sums))):
        sums[index] += number
