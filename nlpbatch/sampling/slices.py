"""Slices of Parquet's row groups as parts to choose from: of large row groups, many slices fit into a budget.

A slice is one page of the largest column, or a few if one has too few rows, with the pages of the other columns for the
same rows. Each draw is a random row, which selects its slice: so slices are drawn in proportion to their rows, and
the positions of pages are needed only for the row groups that were drawn.
"""

import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Final
from urllib.parse import urlsplit

from nlpbatch.sampling.design import Choice, PageSpan, Pick, Unit, draw_positions, mean_bytes, share_out
from nlpbatch.sampling.locations import CountedFile, Location
from nlpbatch.sampling.pages import chunk_of, index_ranges, span_of
from nlpbatch.sampling.parquet import Footers, read_footer
from nlpbatch.wire.limits import MIB

_PAGE_BYTES: Final = MIB
"""Bytes that writers put into a page before they encode it."""
_MAX_DRAWS: Final = 400
"""Largest number of slices: more of them cost more time than they reduce the margins."""
_WORTH: Final = 1.3
"""Factor by which slices must outnumber row groups."""
_NEAR: Final = ("", "file", "hdfs", "viewfs")
"""Kinds of locations where the headers of pages are read one after the other; others take too long to answer each."""
_THREADS: Final = 8
_FOOTER_BYTES_MAX: Final = 4 * MIB
"""Longest footer in which the index is looked up: it takes seconds, and headers of pages are quicker."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows [first, end) of a row group, and the bytes to read for them, by column."""

    unit: Unit
    first: int
    end: int
    spans: Mapping[str, PageSpan]

    @property
    def key(self) -> tuple[int, int, int]:
        """Return its identity."""
        return self.unit.file, self.unit.number, self.first

    @property
    def rows(self) -> int:
        """Return the number of its rows."""
        return self.end - self.first

    @property
    def size_bytes(self) -> int:
        """Return the bytes that reading it costs."""
        return sum(span.size_bytes for span in self.spans.values())


def choose_slices(
    location: Location, footers: Footers, rows: int, budget_bytes: int, chance: random.Random
) -> Choice | None:
    """Return the rows to take, from as many slices as the budget allows; None if row groups do as well.

    They do if they are small, have columns of lists or structs, dictionaries that are as large as what needs them, or
    if the positions of their pages are unknown.
    """
    group_bytes = max(1.0, mean_bytes(footers.units))
    groups, draws = budget_bytes / group_bytes, int(budget_bytes / group_bytes * _slices_in_a_group(footers))
    draws = min(rows, _MAX_DRAWS, draws)
    if draws < _WORTH * groups or not _can_be_sliced(location, footers):
        return None
    drawn: dict[Unit, list[int]] = {}
    for number, row in draw_positions([unit.rows for unit in footers.units], draws, chance):
        drawn.setdefault(footers.units[number], []).append(row)
    try:
        with ThreadPoolExecutor(_THREADS) as threads:
            found = threads.map(lambda unit: _slices(location, footers, unit, drawn[unit], -(-rows // draws)), drawn)
            slices = [one for some in found for one in some]
    except (IndexError, KeyError, TypeError, ValueError):  # pages aren't where they should be
        return None
    slices = _affordable(slices, rows, budget_bytes, chance)
    if len(slices) < _WORTH * max(1.0, groups) or _rows(slices) < rows:
        return None
    return _picks(slices, rows, footers, chance)


def _slices_in_a_group(footers: Footers) -> float:
    """Return the estimated number of slices of a row group, on the average of those that are drawn."""
    largest = (
        max((chunk.total_uncompressed_size for _, chunk in footers.chunks(unit)), default=0) for unit in footers.units
    )
    likely = sum(unit.rows * max(1.0, size / _PAGE_BYTES) for unit, size in zip(footers.units, largest, strict=True))
    return likely / sum(unit.rows for unit in footers.units)


def _can_be_sliced(location: Location, footers: Footers) -> bool:
    """Return whether all columns are flat, and page headers or indexes give the positions of their pages."""
    is_near = urlsplit(location.url).scheme in _NEAR
    return all(
        footers.metadata[unit.file].schema.column(position).max_repetition_level == 0
        and "." not in chunk.path_in_schema
        and (is_near or chunk.has_offset_index)
        for unit in footers.units
        for position, chunk in footers.chunks(unit)
    )


def _slices(location: Location, footers: Footers, unit: Unit, rows: Sequence[int], min_rows: int) -> list[Slice]:
    """Return the slice of each of some rows of a row group."""
    columns = footers.chunks(unit)
    with location.open(footers.files[unit.file]) as opened:
        ranges = _index_ranges(opened, footers, unit)
        chunks = {
            chunk.path_in_schema: chunk_of(opened, chunk, _read(opened, ranges.get(position)), unit.rows)
            for position, chunk in columns
        }
        largest = max((chunk for _, chunk in columns), key=lambda chunk: int(chunk.total_uncompressed_size))
        bounds = _bounds([page.first_row for page in chunks[largest.path_in_schema].pages], unit.rows, min_rows)
        found = []
        for row in rows:
            first, end = next((first, end) for first, end in pairwise(bounds) if row < end)
            spans = {name: span_of(opened, chunk, first, end - 1) for name, chunk in chunks.items()}
            found.append(Slice(unit, first, end, spans))
    return found


def _index_ranges(opened: CountedFile, footers: Footers, unit: Unit) -> dict[int, tuple[int, int]]:
    """Return the ranges of the offset indexes by the columns' positions; none if they are missing or costly to find."""
    metadata = footers.metadata[unit.file]
    if metadata.serialized_size > _FOOTER_BYTES_MAX:
        return {}
    if not all(chunk.has_offset_index for _, chunk in footers.chunks(unit)):
        return {}
    return index_ranges(read_footer(opened, footers.files[unit.file])[0], unit.number)


def _read(opened: CountedFile, span: tuple[int, int] | None) -> bytes | None:
    if span is None:
        return None
    opened.seek(span[0])
    return opened.read(span[1])


def _bounds(starts: Sequence[int], rows: int, min_rows: int) -> list[int]:
    """Return the first rows of slices, and the end: at pages, so that each slice has enough rows."""
    bounds = [0]
    for start in (*starts, rows):
        if start - bounds[-1] >= min_rows:
            bounds.append(start)
    if bounds[-1] < rows:
        bounds[-1:] = [rows] if len(bounds) > 1 else [0, rows]
    return bounds


def _affordable(slices: list[Slice], rows: int, budget_bytes: int, chance: random.Random) -> list[Slice]:
    """Return a random choice of slices, as many as the budget allows and the rows need.

    None is left out for what it costs itself, so that all are as likely as before.
    """
    slices = chance.sample(slices, len(slices))
    cost_bytes = sum(one.size_bytes for one in slices)
    count = min(len(slices), max(1, len(slices) * budget_bytes // max(1, cost_bytes)))
    while count < len(slices) and _rows(slices[:count]) < rows:
        count += 1
    return slices[:count]


def _rows(slices: Sequence[Slice]) -> int:
    """Return the number of rows of slices, of which one may occur several times."""
    return sum(one.rows for one in {one.key: one for one in slices}.values())


def _picks(drawn: Sequence[Slice], rows: int, footers: Footers, chance: random.Random) -> Choice:
    slices = list({one.key: one for one in drawn}.values())
    numbers = {one.key: number for number, one in enumerate(slices)}
    counts = share_out([one.rows for one in slices], [numbers[one.key] for one in drawn], rows)
    picks = []
    for cluster, (one, count) in enumerate(zip(slices, counts, strict=True)):
        chosen = sorted(chance.sample(range(one.first, one.end), count))
        picks.append(Pick(one.unit, chosen, cluster, count / one.rows, one.spans))
    total = sum(unit.rows for unit in footers.units)
    units_total = round(total * sum(1 / one.rows for one in drawn) / len(drawn))
    picks = sorted(
        (pick for pick in picks if pick.rows), key=lambda pick: (pick.unit.file, pick.unit.number, pick.rows[0])
    )
    return Choice(picks, _rows(slices) / total, max(len(picks), units_total))
