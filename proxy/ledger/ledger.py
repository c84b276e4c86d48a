"""Counts what is done for each tenant, key, job and day, and tells it; see the package's docstring."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Final

from proxy.config_ledger import LedgerSettings
from proxy.ledger import counters
from proxy.ledger.book import Book, Query, Reading
from proxy.ledger.carrier import Carrier, OnError
from proxy.ledger.counters import Rows
from proxy.ledger.journals import Journals
from proxy.ledger.local_book import LocalBook
from proxy.ledger.shared_book import SharedBook
from proxy.shared.store import SharedStore
from proxy.traffic.ticket import Arrival

HUNG_UP: Final = 499
"""What is written down as the status of a request whose caller has gone, as nginx does."""
REFUSALS: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_DAY_S: Final = 86_400


class Ledger:
    """All counts of this proxy, and with a shared store those of the fleet. Use `start` before and `close` after.

    Args:
        settings: Where it is kept, and for how long.
        store: The fleet's; None without one.
        on_error: Counts what goes wrong, by its kind; see `Carrier`.
        now_s: Seconds since 1970.

    """

    def __init__(
        self,
        settings: LedgerSettings,
        store: SharedStore | None,
        on_error: OnError,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        directory = None if settings.directory is None else Path(settings.directory)
        days = settings.retention_days
        journals = None if directory is None else Journals(directory, lambda: on_error("journal"))
        self._book: Book = LocalBook(directory, days, now_s) if store is None else SharedBook(store, days, now_s)
        self._carrier = Carrier(settings, self._book, journals, on_error)
        self._now_s = now_s
        self._day = ""
        self._day_ends_s = 0.0
        self._day_began_s = 0.0

    @property
    def pending(self) -> Rows:
        """Return what was counted since the last batch."""
        return self._carrier.rows

    @property
    def pending_entries(self) -> int:
        """Return how many counts are not in the book yet."""
        return sum(pending.entries for pending in self._carrier.pending)

    @property
    def pending_s(self) -> float:
        """Return the age of the oldest of them."""
        pending = self._carrier.pending
        return time.monotonic() - pending[0].since_s if pending else 0.0

    @property
    def today(self) -> date:
        """Return the day, UTC by the book's clock, on which something is counted now."""
        return datetime.fromtimestamp(self._now_s() + self._book.ahead_s, UTC).date()

    async def start(self) -> None:
        """Be ready.

        Raises:
            ConfigError: The directory can't be written to, or the ledger in it can't be used.

        """
        await self._carrier.start()

    async def close(self) -> None:
        """Bring everything to the book."""
        await self._carrier.close()

    def attempted(self, arrival: Arrival) -> None:
        """Count a request that was sent to a backend and got no analysis."""
        self._count(arrival, [(counters.ATTEMPTS, 1)])

    def analysed(self, arrival: Arrival, size_bytes: int, documents: int, *, answered: bool) -> None:
        """Count a request that a backend has analysed.

        Args:
            arrival: The caller's request.
            size_bytes: Of its body.
            documents: In it; 0 if the backend doesn't say.
            answered: Whether the answer goes to this caller, and to nobody else.

        """
        added = [(counters.ATTEMPTS, 1), (counters.ANALYSED, 1), (counters.ANALYSED_BYTES, size_bytes)]
        if documents:
            added.append((counters.DOCUMENTS, documents))
        if answered:
            added += [(counters.ANSWERED, 1), (counters.ANSWERED_BYTES, size_bytes)]
        self._count(arrival, added)

    def analysed_before(self, arrival: Arrival, size_bytes: int, *, answered: bool) -> None:
        """Count a request to which a backend gave an answer that it had made for another proxy.

        Args:
            arrival: The request.
            size_bytes: Of its body.
            answered: As for `analysed`.

        """
        added = [(counters.ATTEMPTS, 1), (counters.REPLAYED, 1), (counters.REPLAYED_BYTES, size_bytes)]
        if answered:
            added += [(counters.ANSWERED, 1), (counters.ANSWERED_BYTES, size_bytes)]
        self._count(arrival, added)

    def replayed(self, arrival: Arrival, size_bytes: int) -> None:
        """Count a request that got another one's answer."""
        answered = [(counters.ANSWERED, 1), (counters.ANSWERED_BYTES, size_bytes)]
        self._count(arrival, [*answered, (counters.REPLAYED, 1), (counters.REPLAYED_BYTES, size_bytes)])

    def ended(self, arrival: Arrival, status: int, size_bytes: int) -> None:
        """Count how a request ended that is not counted as answered yet.

        Args:
            arrival: The request.
            status: Of the answer; `HUNG_UP` if nobody was there to get one.
            size_bytes: Of its body, as it was declared.

        """
        if status == HUNG_UP:
            first = counters.ABANDONED
        elif status in REFUSALS:
            first = counters.REFUSED
        else:
            first = counters.FAILED if status >= HTTPStatus.BAD_REQUEST else counters.ANSWERED
        self._count(arrival, [(first, 1), (first + 1, size_bytes)])  # the bytes are the next counter

    async def read(self, query: Query) -> Reading:
        """Return what is asked for; what this proxy has answered before is in it.

        Raises:
            BookAway: The ledger can't be reached.

        """
        await self._carrier.carry()
        return await self._book.read(query, self._carrier.id)

    async def bytes_of(self, tenant: str, period: str) -> int:
        """Return the analysed bytes of a day ("2026-11-27") or a month ("2026-11"), without what is still pending.

        Raises:
            BookAway: The ledger can't be reached.

        """
        return await self._book.bytes_of(tenant, period)

    def pending_bytes(self, tenant: str) -> int:
        """Return a tenant's analysed bytes that this proxy has counted and not yet brought to the book."""
        return sum(pending.rows.bytes_of(tenant) for pending in self._carrier.pending)

    def _count(self, arrival: Arrival, added: list[tuple[int, int]]) -> None:
        now_s = self._now_s() + self._book.ahead_s
        if not self._day_began_s <= now_s < self._day_ends_s:
            self._turn_to_day(now_s)
        self._carrier.add((self._day, arrival.tenant, arrival.key_id, arrival.job), added)

    def _turn_to_day(self, now_s: float) -> None:
        day = datetime.fromtimestamp(now_s, UTC).date()
        self._day = day.isoformat()
        self._day_began_s = now_s // _DAY_S * _DAY_S
        self._day_ends_s = self._day_began_s + _DAY_S
