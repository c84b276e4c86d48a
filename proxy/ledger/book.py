"""What a ledger's book does, wherever it is: takes batches, each of them once, and answers queries."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from proxy.ledger.counters import Row

By = Literal["tenant", "key", "job", "day"]
GROUPS: Mapping[By, tuple[int, ...]] = {"tenant": (1,), "key": (1, 2), "job": (1, 3), "day": (0,)}
"""Which members of a row name its group."""


class BookAway(Exception):
    """The book can't be reached at this moment; nothing is known of what it has done."""


class Carried(enum.Enum):
    """What became of a batch."""

    COUNTED = "counted"
    KNOWN = "known"
    """It was counted before: the answer to the first try was lost."""
    BEYOND = "beyond"
    """A later batch of the same journal was counted before: the journal is a copy of another one."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one file of a journal adds up to.

    Args:
        journal: The journal's id.
        number: Which of its batches, from 1.
        counts: The rows in their order, which is always the same: a batch may be carried in several parts.

    """

    journal: str
    number: int
    counts: Mapping[Row, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Query:
    """Which counts are asked for.

    Args:
        since: The first day, ISO 8601.
        until: The last day.
        by: What gets a row of its own; None adds up all.
        tenant: Of this tenant only; None for all.
        job: Of this job only; None for all.

    """

    since: str
    until: str
    by: By | None = None
    tenant: str | None = None
    job: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What the book has.

    Args:
        ledger: Id of the ledger; a store that was flushed has another one.
        started_us: When it began, in microseconds since 1970.
        at_us: When it was read, by the book's clock.
        complete_us: Everything that was answered before then is in it.
        missing: Proxies that were killed and whose last counts nobody has brought for a minute.
        counts: Counters by the group's names, in the order of `COUNTERS`; one row with the name () if all are added up.

    """

    ledger: str
    started_us: int
    at_us: int
    complete_us: int
    missing: int
    counts: Mapping[tuple[str, ...], Sequence[int]]


class Book(Protocol):
    """Where batches go. Every method but `away` may raise BookAway."""

    @property
    def away(self) -> bool:
        """Return whether there is no use in trying now."""
        ...

    @property
    def ahead_s(self) -> float:
        """Return the seconds by which the book's clock, which decides about days, is ahead of this machine's."""
        ...

    @property
    def touch_period_s(self) -> float:
        """Return how often a journal that has nothing to bring says so."""
        ...

    async def open(self) -> None:
        """Be ready; raise ConfigError if it can't be used at all."""
        ...

    async def close(self) -> None:
        """Give back what it holds."""
        ...

    async def carry(self, batch: Batch) -> Carried:
        """Add a batch, unless it was added before. A batch that fails may be in it in part: carry it again."""
        ...

    async def touch(self, journal: str) -> None:
        """Note that a journal has brought everything up to now."""
        ...

    async def leave(self, journal: str) -> None:
        """Note that a journal won't bring anything any more."""
        ...

    async def read(self, query: Query, journal: str) -> Reading:
        """Return what is asked for; `journal`, the reader's own, has brought everything up to now."""
        ...

    async def bytes_of(self, tenant: str, period: str) -> int:
        """Return the analysed bytes of a day ("2026-11-27") or a month ("2026-11")."""
        ...
