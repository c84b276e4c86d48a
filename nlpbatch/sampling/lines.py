"""Lines as rows: JSON Lines, CSV with a record a line, and text."""

import csv
import io
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from nlpbatch.errors import ConfigError
from nlpbatch.sampling.places import File

LINE_FORMATS: Final = {
    "json": (".json", ".jsonl", ".ndjson"),
    "csv": (".csv",),
    "text": (".txt", ".text"),
}
_COMPRESSED: Final = (".gz", ".bz2", ".zst", ".xz", ".lz4", ".snappy", ".deflate")
_OTHERS: Final = (".orc", ".avro", ".xlsx")
Row = dict[str, Any]
Parser = Callable[[str], Row]

csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # long documents are documents; the module's own limit is 128 KiB


@dataclass(frozen=True, slots=True)
class Lines:
    """How lines are rows.

    Args:
        kind: One of `LINE_FORMATS`.
        separator: Between values of CSV.
        header: Whether the first line of a file of CSV names the columns.
        encoding: Of the characters; one in which lines end in a byte 10.

    """

    kind: str
    separator: str = ","
    header: bool = True
    encoding: str = "utf-8"

    @property
    def has_header(self) -> bool:
        """Return whether the first line of a file is no row."""
        return self.kind == "csv" and self.header

    def parser(self, beginning: bytes) -> Parser:
        """Return what makes a row of a line; it raises ValueError for lines that are none.

        Args:
            beginning: Of the file, with its first line.

        """
        if self.kind == "json":
            return _json_row
        if self.kind == "text":
            return lambda line: {"value": line}
        first = beginning.decode(self.encoding, errors="replace").removeprefix("\ufeff")
        names = next(csv.reader(io.StringIO(first), delimiter=self.separator), [])
        if not self.header:
            names = [f"_c{position}" for position in range(len(names))]

        def csv_row(line: str) -> Row:
            # an odd quote is one end of a record over several lines
            (values,) = csv.reader([line], delimiter=self.separator) if line.count('"') % 2 == 0 else ([],)
            if len(values) != len(names):
                raise ValueError
            return dict(zip(names, values, strict=True))

        return csv_row


def format_of(files: Sequence[File], given: str | None = None) -> str:
    """Return "parquet", or which of `LINE_FORMATS` it is: what is given, or what the files' names tell.

    Raises:
        ConfigError: They are compressed as a whole, and can't be read from the middle; of a format that nobody reads
            from the middle; or of several.

    """
    for file in files:
        if file.path.lower().endswith(_COMPRESSED) and given != "parquet":
            raise ConfigError(
                f"{file.path} is compressed as a whole and can't be read from the middle: sample the Parquet of a dump"
            )
        if file.path.lower().endswith(_OTHERS) and given is None:
            raise ConfigError(
                f"{file.path} can't be sampled: Parquet, JSON Lines, CSV and text can; sample the Parquet of a dump"
            )
    if given is not None:
        return given
    told = {_told(file.path.lower()): file.path for file in files}
    if len(told) > 1:
        raise ConfigError(
            f"files of several formats ({', '.join(sorted(told))}), such as {', '.join(sorted(told.values()))}: "
            "give a glob of one, such as 'DIR/*.parquet', or the format"
        )
    return next(iter(told))


def to_table(rows: Sequence[Row], columns: Sequence[str] | None) -> pa.Table:
    """Return rows as a table with the wanted columns.

    Raises:
        ConfigError: No row has one of them, or a column's values are of several types.

    """
    known = dict.fromkeys(name for row in rows for name in row)
    names = list(columns) if columns else list(known)
    missing = [name for name in names if name not in known]
    if missing and rows:
        raise ConfigError(f"no line has {missing[0]!r}: choose from {', '.join(sorted(known))}")
    return pa.table({name: _column(name, [row.get(name) for row in rows]) for name in names})


def parsed(parse: Parser, line: str) -> Row | None:
    """Return a line's row; None if it is none."""
    try:
        return parse(line)
    except (ValueError, csv.Error, RecursionError):
        return None


def _told(name: str) -> str:
    return next((kind for kind, suffixes in LINE_FORMATS.items() if name.endswith(suffixes)), "parquet")


def _column(name: str, values: list[Any]) -> pa.Array:
    # Arrow's messages hold values, which may be texts.
    try:
        return pa.array(values)
    except OverflowError:
        told = "whole numbers of more than 64 bits"
    except pa.ArrowException:
        kinds = sorted({type(value).__name__ for value in values if value is not None})
        told = f"values of several types ({', '.join(kinds)})"
    raise ConfigError(f"column {name!r} has {told}: mend them, or leave it out")


def _json_row(line: str) -> Row:
    found = json.loads(line.removeprefix("\ufeff"))
    if not isinstance(found, dict):
        raise ValueError  # noqa: TRY004  (a line that is no row)
    if "\\u" in line:
        json.dumps(found, ensure_ascii=False).encode()  # UnicodeEncodeError, a ValueError: half of a surrogate pair
    return found
