"""Chooses the parts of a data set to read, and the rows to take of each. Pure; chance is an argument.

Where the budget covers all parts, rows are drawn one by one: a simple random sample. Otherwise a sample has two stages.
Parts (row groups) are drawn with a chance in proportion to their rows, by systematic sampling over a random order
(Madow 1949); then equally many rows of each. So every row is as likely as any other, whatever the sizes of the parts: a
file's last row group is often small, and holds the newest rows. How the parts differ shows how far the sample may be
off.
"""

import random
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

UNIT: Final = "_sample_unit"
"""Column with the unit that a row was drawn with, from which sampling errors are computed."""
WEIGHT: Final = "_sample_weight"
"""Column of stratified samples: the weight of a row, in proportion to the rows that it represents."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A part that is read as a whole.

    Args:
        file: Position of its file.
        number: Position in the file.
        rows: Number of its rows; 0 if unknown before it is read.
        size_bytes: Bytes that reading it costs.

    """

    file: int
    number: int
    rows: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Design:
    """How a sample was drawn.

    Args:
        source: Path of the data set.
        seed: Seed of the random source; the same seed gives the same sample of the same files.
        rows: Rows taken.
        rows_total: Rows of the data set; None if unknown without reading them all.
        units: Number of parts that rows were taken from.
        units_total: Parts of the data set.
        read_bytes: Bytes read, footers included.
        total_bytes: Bytes of all files.
        files: Number of files.
        files_looked_at: Files whose footers were read; fewer than all if there are very many.
        drawn_share: Share of all that could be drawn (rows, or parts) that was drawn: the finite population correction.
        stratified_by: Column of which each value got the same number of rows, as far as there were so many; rows have
            weights then.
        notes: Remarks for the user, in words.

    """

    source: str
    seed: int
    rows: int
    rows_total: int | None
    units: int
    units_total: int
    read_bytes: int
    total_bytes: int
    files: int
    files_looked_at: int
    drawn_share: float = 0.0
    stratified_by: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def read_share(self) -> float:
        """Return the share of the bytes that was read."""
        return self.read_bytes / self.total_bytes if self.total_bytes else 1.0

    @property
    def is_all(self) -> bool:
        """Return whether the sample is the whole, so that there is no sampling error."""
        return self.rows_total is not None and self.rows == self.rows_total


@dataclass(frozen=True, slots=True)
class PageSpan:
    """The bytes of a column chunk to read for the rows of some of its pages.

    Args:
        first_row: Number of the first row in these pages.
        chunk_start: Offset of the chunk in the file.
        parts: Bytes to read, as [start, end): the dictionary, if it is needed, and pages.

    """

    first_row: int
    chunk_start: int
    parts: Sequence[tuple[int, int]]

    @property
    def size_bytes(self) -> int:
        """Return the sum of these bytes."""
        return sum(end - start for start, end in self.parts)


@dataclass(frozen=True, slots=True)
class Pick:
    """Rows to take of a part.

    Args:
        unit: The part.
        rows: Their numbers in it, ascending.
        cluster: Number of the draw, of a part or of several small parts together; None if rows were drawn one by one.
        share: Part of the rows of what was drawn that are taken; in proportion to the rows that one of them stands for.
        spans: Bytes to read for them, by column; None for the part as a whole.

    """

    unit: Unit
    rows: Sequence[int]
    cluster: int | None
    share: float
    spans: Mapping[str, PageSpan] | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The rows to take.

    Args:
        picks: Rows, by part.
        drawn_share: Share of all that could be drawn, rows or parts, that was drawn.
        units_total: Number of all parts; an estimate if they are slices of row groups, whose number is unknown.

    """

    picks: Sequence[Pick]
    drawn_share: float
    units_total: int


def choose(units: Sequence[Unit], rows: int, budget_bytes: int, chance: random.Random) -> Choice:
    """Return the rows to take: from as many parts as the budget allows, and if need be from more, to have the rows.

    The more parts, the less it matters that rows of one part are alike.

    Args:
        units: All parts, each with its rows.
        rows: Rows wanted; all if there are fewer.
        budget_bytes: Bytes that may be read, on the average of many samples.
        chance: Random source.

    """
    total = sum(unit.rows for unit in units)
    if 2 * rows > total or sum(unit.size_bytes for unit in units) <= budget_bytes:  # (almost) all is read anyhow
        count = min(rows, total)
        return Choice(_picks([list(units)], [count], chance), count / total, len(units))
    draws = max(1, min(rows, int(budget_bytes / mean_bytes(units)))) if budget_bytes else 1
    packs = _packs(chance.sample(units, len(units)), -(-rows // draws))
    if len(packs) == 1:
        return Choice(_picks(packs, [rows], chance), rows / total, len(units))
    sizes = [sum(unit.rows for unit in pack) for pack in packs]
    drawn = [pack for pack, _ in draw_positions(sizes, draws, chance)]
    return Choice(_picks(packs, share_out(sizes, drawn, rows), chance), _drawn_share(sizes, draws), len(units))


def mean_bytes(units: Sequence[Unit]) -> float:
    """Return the mean bytes to read of a part that is drawn in proportion to its rows; 0 if there is none."""
    rows = sum(unit.rows for unit in units)
    return sum(unit.rows * unit.size_bytes for unit in units) / rows if rows else 0.0


def _drawn_share(sizes: Sequence[int], draws: int) -> float:
    """Return the chance of a row's pack to be drawn, on the average of the packs that are not certain to be."""
    total = sum(sizes)
    chances = [(size, draws * size / total) for size in sizes if draws * size < total]
    return sum(size * one for size, one in chances) / sum(size for size, _ in chances) if chances else 1.0


def _packs(units: Sequence[Unit], min_rows: int) -> list[list[Unit]]:
    """Return parts in packs that have enough rows for one draw each."""
    packs: list[list[Unit]] = [[]]
    found = 0
    for unit in units:
        if found >= min_rows:
            packs.append([])
            found = 0
        packs[-1].append(unit)
        found += unit.rows
    if found < min_rows and len(packs) > 1:
        packs[-2:] = [packs[-2] + packs[-1]]
    return packs


def draw_positions(sizes: Sequence[int], draws: int, chance: random.Random) -> list[tuple[int, int]]:
    """Return the number of a size for each draw, in proportion to the sizes, and a position below it (Madow 1949)."""
    ends, step = list(accumulate(sizes)), sum(sizes) / draws
    first = chance.random() * step
    rows = (min(int(first + number * step), ends[-1] - 1) for number in range(draws))
    found = ((bisect_right(ends, row), row) for row in rows)
    return [(number, row - ends[number] + sizes[number]) for number, row in found]


def share_out(sizes: Sequence[int], drawn: Sequence[int], rows: int) -> list[int]:
    """Return how many rows to take of each pack; a pack that is drawn twice gives twice as many.

    Args:
        sizes: Rows of each pack.
        drawn: Number of the pack of each draw.
        rows: Rows to take altogether.

    """
    taken = [0] * len(sizes)
    for number, pack in enumerate(drawn):
        taken[pack] += (number + 1) * rows // len(drawn) - number * rows // len(drawn)
    # the others make up for a pack with too few rows
    missing = sum(max(0, count - size) for count, size in zip(taken, sizes, strict=True))
    taken = [min(count, size) for count, size in zip(taken, sizes, strict=True)]
    for pack in sorted(range(len(sizes)), key=lambda pack: not taken[pack]):
        more = min(missing, sizes[pack] - taken[pack])
        taken[pack] += more
        missing -= more
    return taken


def _picks(packs: Sequence[Sequence[Unit]], counts: Sequence[int], chance: random.Random) -> list[Pick]:
    """Return rows at random of each pack, by part."""
    picks: list[Pick] = []
    for cluster, (pack, count) in enumerate(zip(packs, counts, strict=True)):
        start, size = 0, sum(unit.rows for unit in pack)
        numbers = sorted(chance.sample(range(size), count))
        for unit in pack:
            here = numbers[bisect_left(numbers, start) : bisect_left(numbers, start + unit.rows)]
            if here:
                own = cluster if len(packs) > 1 else None
                picks.append(Pick(unit, [number - start for number in here], own, count / size))
            start += unit.rows
    return sorted(picks, key=lambda pick: (pick.unit.file, pick.unit.number))
