"""Which parts of a data set are read, and how many rows are taken from each. Pure; chance is an argument.

A sample has two stages: parts (row groups, or blocks of lines) at random, each as likely as any other; then rows of
each in proportion to those it has. So every row is as likely as any other, and how parts differ tells how far the
sample may be off.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unit:
    """A part that is read as a whole.

    Args:
        file: Position of its file.
        number: Position in the file.
        rows: Rows it holds; 0 if that isn't known before it is read.
        size_bytes: What reading it costs.

    """

    file: int
    number: int
    rows: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Design:
    """How a sample was drawn.

    Args:
        source: What from.
        seed: Of chance; the same gives the same sample of the same files.
        rows: Rows taken.
        rows_total: Rows there are; None if nobody knows without reading them all.
        units: Parts they were taken from.
        units_total: Parts there are.
        read_bytes: What was read, footers and everything.
        total_bytes: What all files hold.
        files: Files there are.
        files_looked_at: Files whose footers were read; fewer than all if there are very many.
        stratified_by: Column of which each value got the same number of rows, as far as there were so many; rows have
            weights then.
        notes: What else has to be known, in words.

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
    stratified_by: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def read_share(self) -> float:
        """Return the part of the bytes that was read."""
        return self.read_bytes / self.total_bytes if self.total_bytes else 1.0

    @property
    def is_all(self) -> bool:
        """Return whether no row was left out, so that nothing can be off."""
        return self.rows_total is not None and self.rows == self.rows_total


def choose(units: Sequence[Unit], rows: int, budget_bytes: int, chance: random.Random) -> list[Unit]:
    """Return parts at random: as many as the budget allows, and if need be more, until they have the rows.

    The more parts, the less it matters that rows of one part are alike.

    Args:
        units: All there are.
        rows: Rows wanted; not more parts than that are of use.
        budget_bytes: What may be read.
        chance: Of the choice.

    """
    chosen: list[Unit] = []
    found = spent_bytes = 0
    for unit in chance.sample(units, len(units)):
        if found >= rows and (len(chosen) >= rows or spent_bytes + unit.size_bytes > budget_bytes):
            break
        chosen.append(unit)
        found += unit.rows
        spent_bytes += unit.size_bytes
    return sorted(chosen, key=lambda unit: (unit.file, unit.number))


def allot(wanted: int, sizes: Sequence[int]) -> list[int]:
    """Return how many of `wanted` each gets in proportion to its size; none gets more than it has."""
    total = sum(sizes)
    if wanted >= total:
        return list(sizes)
    exact = [wanted * size / total for size in sizes]
    given = [int(share) for share in exact]
    left = wanted - sum(given)
    by_remainder = sorted(range(len(sizes)), key=lambda position: given[position] - exact[position])
    for position in by_remainder[:left]:
        given[position] += 1
    return given
