"""Line formats as parts to choose from: blocks of bytes, of which the lines are taken that begin within them.

So each line is as likely as any other, however long it is or the one before it.
"""

import csv
import io
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from nlpbatch.errors import ConfigError
from nlpbatch.sampling.design import Unit
from nlpbatch.sampling.places import File, Place
from nlpbatch.wire.limits import KIB

BLOCK_BYTES: Final = 64 * KIB
LINE_FORMATS: Final = {
    "json": (".json", ".jsonl", ".ndjson"),
    "csv": (".csv",),
    "text": (".txt", ".text"),
}
_COMPRESSED: Final = (".gz", ".bz2", ".zst", ".xz", ".lz4", ".snappy", ".deflate")
Row = dict[str, Any]


@dataclass(slots=True)
class Bad:
    """Lines that could not be parsed."""

    lines: int = 0


def format_of(files: Sequence[File]) -> str:
    """Return "parquet", or which of `LINE_FORMATS` the files' names tell.

    Raises:
        ConfigError: They are compressed as a whole, and can't be read from the middle.

    """
    name = files[0].path.lower()
    if name.endswith(_COMPRESSED):
        raise ConfigError(
            f"{files[0].path} is compressed as a whole and can't be read from the middle: sample the Parquet of a dump"
        )
    return next((kind for kind, suffixes in LINE_FORMATS.items() if name.endswith(suffixes)), "parquet")


def blocks(files: Sequence[File]) -> list[Unit]:
    """Return all blocks; how many lines begin in each isn't known before it is read."""
    return [
        Unit(position, number, 0, min(BLOCK_BYTES, file.size_bytes - number * BLOCK_BYTES))
        for position, file in enumerate(files)
        for number in range(-(-file.size_bytes // BLOCK_BYTES))
    ]


def read_blocks(
    place: Place, units: Sequence[Unit], *, kind: str, rows: int, budget_bytes: int, chance: random.Random, bad: Bad
) -> Iterator[tuple[Unit, list[Row]]]:
    """Yield blocks at random with their rows: as many as the budget allows, and until there are the rows."""
    parsers: dict[int, Callable[[str], Row]] = {}
    found = spent_bytes = 0
    for unit in chance.sample(units, len(units)):
        if found >= rows and spent_bytes + unit.size_bytes > budget_bytes:
            return
        file = place.files[unit.file]
        if unit.file not in parsers:
            parsers[unit.file] = _parser(place, file, kind)
        lines = _lines(place, file, unit)
        if kind == "csv" and unit.number == 0:
            lines = lines[1:]  # the header
        parsed = [_parsed(parsers[unit.file], line, bad) for line in lines if line.strip()]
        good = [row for row in parsed if row is not None]
        found += len(good)
        spent_bytes += unit.size_bytes
        yield unit, good


def to_table(rows: Sequence[Row], columns: Sequence[str] | None) -> pa.Table:
    """Return rows as a table with the wanted columns.

    Raises:
        ConfigError: No row has one of them, or a column's values are of several types.

    """
    names = list(columns) if columns else list(dict.fromkeys(name for row in rows for name in row))
    known = {name for row in rows for name in row}
    missing = [name for name in names if name not in known]
    if missing and rows:
        raise ConfigError(f"no line has {missing[0]!r}: choose from {', '.join(sorted(known))}")
    try:
        return pa.table({name: [row.get(name) for row in rows] for name in names})
    except pa.ArrowException as error:
        raise ConfigError(f"values of one column are of several types: {error}: mend them, or leave it out") from error


def _lines(place: Place, file: File, unit: Unit) -> list[str]:
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
    return data.decode("utf-8", errors="replace").splitlines()


def _parser(place: Place, file: File, kind: str) -> Callable[[str], Row]:
    if kind == "json":
        return _json_row
    if kind == "text":
        return lambda line: {"value": line}
    with place.open(file) as opened:
        first = opened.read(BLOCK_BYTES).decode("utf-8", errors="replace").removeprefix("\ufeff")
    header = next(csv.reader(io.StringIO(first)))

    def csv_row(line: str) -> Row:
        (values,) = csv.reader([line])
        if len(values) != len(header):
            raise ValueError
        return dict(zip(header, values, strict=True))

    return csv_row


def _json_row(line: str) -> Row:
    found = json.loads(line)
    if not isinstance(found, dict):
        raise TypeError
    return found


def _parsed(parse: Callable[[str], Row], line: str, bad: Bad) -> Row | None:
    try:
        return parse(line)
    except (ValueError, TypeError, csv.Error):
        bad.lines += 1
        return None
