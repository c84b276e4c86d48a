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
_OTHERS: Final = (".orc", ".avro", ".xlsx")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Lines:
    """How lines are rows.

    Args:
        kind: One of `LINE_FORMATS`.
        separator: Between values of CSV.
        header: Whether the first line of a file of CSV names the columns.

    """

    kind: str
    separator: str = ","
    header: bool = True


@dataclass(slots=True)
class Bad:
    """Lines that could not be parsed."""

    lines: int = 0


def format_of(files: Sequence[File], given: str | None = None) -> str:
    """Return "parquet", or which of `LINE_FORMATS` it is: what is given, or what the files' names tell.

    Raises:
        ConfigError: They are compressed as a whole, and can't be read from the middle; or of a format nobody reads so.

    """
    name = files[0].path.lower()
    if name.endswith(_COMPRESSED) and given != "parquet":
        raise ConfigError(
            f"{files[0].path} is compressed as a whole and can't be read from the middle: sample the Parquet of a dump"
        )
    if given is None and name.endswith(_OTHERS):
        raise ConfigError(
            f"{files[0].path} can't be sampled: Parquet, JSON Lines, CSV and text can; sample the Parquet of a dump"
        )
    told = next((kind for kind, suffixes in LINE_FORMATS.items() if name.endswith(suffixes)), "parquet")
    return given or told


def blocks(files: Sequence[File]) -> list[Unit]:
    """Return all blocks; how many lines begin in each isn't known before it is read."""
    return [
        Unit(position, number, 0, min(BLOCK_BYTES, file.size_bytes - number * BLOCK_BYTES))
        for position, file in enumerate(files)
        for number in range(-(-file.size_bytes // BLOCK_BYTES))
    ]


def read_blocks(
    place: Place, units: Sequence[Unit], lines: Lines, *, rows: int, budget_bytes: int, chance: random.Random, bad: Bad
) -> Iterator[tuple[Unit, list[Row]]]:
    """Yield blocks at random with their rows: as many as the budget allows, and until there are the rows."""
    parsers: dict[int, Callable[[str], Row]] = {}
    found = spent_bytes = 0
    for unit in chance.sample(units, len(units)):
        if found >= rows and spent_bytes + unit.size_bytes > budget_bytes:
            return
        file = place.files[unit.file]
        if unit.file not in parsers:
            parsers[unit.file] = _parser(place, file, lines)
        found_here = _lines(place, file, unit)
        if lines.kind == "csv" and lines.header and unit.number == 0:
            found_here = found_here[1:]
        parsed = [_parsed(parsers[unit.file], line, bad) for line in found_here if line.strip()]
        good = [{**row, **file.partition} for row in parsed if row is not None]
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
    return pa.table({name: _column(name, [row.get(name) for row in rows]) for name in names})


def _column(name: str, values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except pa.ArrowException:
        # Arrow's message holds a value, which may be a text
        kinds = sorted({type(value).__name__ for value in values if value is not None})
        told = f"column {name!r} has values of several types ({', '.join(kinds)})"
        raise ConfigError(f"{told}: mend them, or leave it out") from None


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
    # splitlines() would also part at characters that may stand in a text, such as U+2028
    return [line.removesuffix("\r") for line in data.decode("utf-8", errors="replace").split("\n")]


def _parser(place: Place, file: File, lines: Lines) -> Callable[[str], Row]:
    if lines.kind == "json":
        return _json_row
    if lines.kind == "text":
        return lambda line: {"value": line}
    with place.open(file) as opened:
        first = opened.read(BLOCK_BYTES).decode("utf-8", errors="replace").removeprefix("\ufeff")
    header = next(csv.reader(io.StringIO(first), delimiter=lines.separator))
    if not lines.header:
        header = [f"_c{position}" for position in range(len(header))]

    def csv_row(line: str) -> Row:
        (values,) = csv.reader([line], delimiter=lines.separator)
        if len(values) != len(header):
            raise ValueError
        return dict(zip(header, values, strict=True))

    return csv_row


def _json_row(line: str) -> Row:
    found = json.loads(line.removeprefix("\ufeff"))
    if not isinstance(found, dict):
        raise TypeError
    return found


def _parsed(parse: Callable[[str], Row], line: str, bad: Bad) -> Row | None:
    try:
        return parse(line)
    except (ValueError, TypeError, csv.Error):
        bad.lines += 1
        return None
