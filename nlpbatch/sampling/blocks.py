"""Draws blocks of bytes of line formats at random; a block gives the records that begin within it.

So all records have the same chance, whatever their length or that of the one before. Small files are packed together,
so that all draws have about the same size. If all blocks are drawn, files are read from their beginnings, and
the beginnings of records need not be guessed.
"""

import random
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from nlpbatch.sampling.design import Unit
from nlpbatch.sampling.layouts import BEGINNING_BYTES, Lines
from nlpbatch.sampling.locations import File, Location
from nlpbatch.sampling.reader import BLOCK_BYTES, LineReader, ReadResult, recognise_array
from nlpbatch.sampling.reservoir import Reservoir
from nlpbatch.sampling.spans import AHEAD_BYTES
from nlpbatch.sampling.whole_files import is_whole
from nlpbatch.wire.limits import MIB

_MIN_RECORD_BYTES: Final = MIB
"""Smallest limit of a record's length, however small the budget."""


def read_blocks(location: Location, lines: Lines, *, rows: int, budget_bytes: int, chance: random.Random) -> ReadResult:
    """Return rows of blocks at random: of as many blocks as the budget allows, and more if they have too few rows."""
    lines, held = recognise_array(location, lines)
    units = list(_units(location.files, lines))
    packs = _packs(chance.sample(units, len(units)))
    found = ReadResult(len(units), Reservoir(rows, chance))
    reader = LineReader(location, lines, found, max(_MIN_RECORD_BYTES, budget_bytes), held)
    # The number of draws is fixed beforehand: stopping at one that exceeds the budget would leave out large ones.
    first, draws = 0, len(packs) if rows == sys.maxsize else _draws(location.files, units, len(packs), budget_bytes)
    while first < len(packs) and (not first or found.rows.offered < rows):
        drawn = enumerate(packs[first : first + draws], first)
        clusters = sorted((unit.file, unit.number, cluster) for cluster, pack in drawn for unit in pack)
        for position, blocks in groupby(clusters, key=lambda block: block[0]):
            reader.read(position, {number: cluster for _, number, cluster in blocks})
        first, draws = first + draws, 2 * draws
    return found


def _draws(files: Sequence[File], units: Sequence[Unit], packs: int, budget_bytes: int) -> int:
    """Return how many packs the budget allows, including the beginnings of files and the ends of records."""
    total_bytes = sum(file.size_bytes for file in files)
    if budget_bytes >= total_bytes:
        return packs
    large = sum(file.size_bytes > BLOCK_BYTES for file in files)
    blocks = sum(files[unit.file].size_bytes > BLOCK_BYTES for unit in units)
    cost_bytes = total_bytes + AHEAD_BYTES * blocks
    # The cost of a file's beginning is counted per block but the first, or per file, whichever is less.
    of_blocks = budget_bytes * packs / (cost_bytes + BEGINNING_BYTES * (blocks - large))
    of_files = (budget_bytes - BEGINNING_BYTES * large) * packs / cost_bytes
    return max(1, round(max(of_blocks, of_files)))


def _units(files: Sequence[File], lines: Lines) -> Iterator[Unit]:
    """Yield all blocks; a file that can't be read from the middle is one."""
    for position, file in enumerate(files):
        if is_whole(file, lines):
            yield Unit(position, 0, 0, file.size_bytes)
            continue
        for number in range(-(-file.size_bytes // BLOCK_BYTES)):
            yield Unit(position, number, 0, min(BLOCK_BYTES, file.size_bytes - number * BLOCK_BYTES))


def _packs(units: Sequence[Unit]) -> list[list[Unit]]:
    packs: list[list[Unit]] = [[]]
    size_bytes = 0
    for unit in units:
        if size_bytes + unit.size_bytes > BLOCK_BYTES and packs[-1]:
            packs.append([])
            size_bytes = 0
        packs[-1].append(unit)
        size_bytes += unit.size_bytes
    return packs
