"""Blocks of bytes of line formats, drawn at random; of each, the lines are taken that begin within it.

So each line is as likely as any other, however long it is or the one before it. Small files go together into packs, so
that all that is drawn is of about the same size.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from nlpbatch.sampling.design import Unit
from nlpbatch.sampling.lines import Lines, Parser, Row, parsed
from nlpbatch.sampling.places import File, Place
from nlpbatch.wire.limits import KIB

BLOCK_BYTES: Final = 64 * KIB


@dataclass(slots=True)
class Read:
    """What was read.

    Args:
        blocks_total: Blocks there are.
        packs: Rows by what was drawn.
        blocks: Blocks that were read.
        files: Files they are of.
        bad: Lines that could not be parsed.

    """

    blocks_total: int
    packs: list[list[Row]] = field(default_factory=list)
    blocks: int = 0
    files: int = 0
    bad: int = 0

    @property
    def is_all(self) -> bool:
        """Return whether nothing was left out."""
        return self.blocks == self.blocks_total


def read_blocks(place: Place, lines: Lines, *, rows: int, budget_bytes: int, chance: random.Random) -> Read:
    """Return the rows of blocks at random: as many blocks as the budget allows, and more if they have too few rows."""
    units = _blocks(place.files)
    packs = _packs(chance.sample(units, len(units)))
    # How many is decided beforehand: to stop at one that is too large would leave out the large ones.
    draws = max(1, budget_bytes * len(packs) // place.total_bytes)
    read = Read(len(units))
    parsers: dict[int, Parser] = {}
    found = 0
    for number, pack in enumerate(packs):
        if number >= draws and found >= rows:
            break
        read.packs.append([row for unit in pack for row in _rows(place, unit, lines, parsers, read)])
        read.blocks += len(pack)
        found += len(read.packs[-1])
    read.files = len(parsers)
    return read


def _blocks(files: Sequence[File]) -> list[Unit]:
    return [
        Unit(position, number, 0, min(BLOCK_BYTES, file.size_bytes - number * BLOCK_BYTES))
        for position, file in enumerate(files)
        for number in range(-(-file.size_bytes // BLOCK_BYTES))
    ]


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


def _rows(place: Place, unit: Unit, lines: Lines, parsers: dict[int, Parser], read: Read) -> list[Row]:
    file = place.files[unit.file]
    if unit.file not in parsers:
        parsers[unit.file] = lines.parser(_beginning(place, file) if lines.kind == "csv" else b"")
    found = _lines(place, file, unit, lines.encoding)
    if lines.has_header and unit.number == 0:
        found = found[1:]
    rows = [parsed(parsers[unit.file], line) for line in found if line.strip()]
    read.bad += rows.count(None)
    return [{**row, **file.partition} for row in rows if row is not None]


def _beginning(place: Place, file: File) -> bytes:
    with place.open(file) as opened:
        return opened.read(BLOCK_BYTES)


def _lines(place: Place, file: File, unit: Unit, encoding: str) -> list[str]:
    """Return the lines that begin in a block; the last may end behind it."""
    start = unit.number * BLOCK_BYTES
    end = start + unit.size_bytes
    with place.open(file) as opened:
        # from the byte before: if that ends a line, one begins here
        opened.seek(max(0, start - 1))
        data = opened.read(end - max(0, start - 1))
        while not data.endswith(b"\n") and (more := opened.read(BLOCK_BYTES)):
            line_end = more.find(b"\n")
            data += more if line_end < 0 else more[: line_end + 1]
    if start:
        _, _, data = data.partition(b"\n")
    # splitlines() would also part at characters that may stand in a text, such as U+2028
    return [line.removesuffix("\r") for line in data.decode(encoding, errors="replace").split("\n")]
