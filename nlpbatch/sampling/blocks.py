"""Blocks of bytes of line formats, drawn at random; of each, the records are taken that begin within it.

So each record is as likely as any other, however long it is or the one before it. Small files go together into packs,
so that all that is drawn is of about the same size. If all blocks are drawn, files are read from their beginnings, and
nothing has to be guessed about where records begin.
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
"""So long a record may be, however little may be read."""


def read_blocks(location: Location, lines: Lines, *, rows: int, budget_bytes: int, chance: random.Random) -> ReadResult:
    """Return rows of blocks at random: of as many blocks as the budget allows, and more if they have too few rows."""
    lines, held = recognise_array(location, lines)
    units = list(_units(location.files, lines))
    packs = _packs(chance.sample(units, len(units)))
    found = ReadResult(len(units), Reservoir(rows, chance))
    reader = LineReader(location, lines, found, max(_MIN_RECORD_BYTES, budget_bytes), held)
    # How many is decided beforehand: to stop at one that is too large would leave out the large ones.
    first, draws = 0, len(packs) if rows == sys.maxsize else _draws(location.files, units, len(packs), budget_bytes)
    while first < len(packs) and (not first or found.rows.offered < rows):
        drawn = enumerate(packs[first : first + draws], first)
        clusters = sorted((unit.file, unit.number, cluster) for cluster, pack in drawn for unit in pack)
        for position, blocks in groupby(clusters, key=lambda block: block[0]):
            reader.read(position, {number: cluster for _, number, cluster in blocks})
        first, draws = first + draws, 2 * draws
    return found


def _draws(files: Sequence[File], units: Sequence[Unit], packs: int, budget_bytes: int) -> int:
    """Return how many packs the budget allows, with what is read beside them: beginnings, and ends of records."""
    total_bytes = sum(file.size_bytes for file in files)
    if budget_bytes >= total_bytes:
        return packs
    large = sum(file.size_bytes > BLOCK_BYTES for file in files)
    blocks = sum(files[unit.file].size_bytes > BLOCK_BYTES for unit in units)
    cost_bytes = total_bytes + AHEAD_BYTES * blocks
    # Each block but the first pays for the beginning of its file, or each file once: whatever is less.
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
