"""Finds out, from the beginning of a file, how its bytes are divided into rows."""

import codecs
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from nlpbatch.errors import ConfigError
from nlpbatch.formats.csv_dialect import column_names, numbered_names, separator_of
from nlpbatch.formats.encodings import UTF_8, encoding_fault, is_of_lines
from nlpbatch.formats.json_shape import json_shape
from nlpbatch.formats.names import separator_of_name
from nlpbatch.sampling.boundaries import begins_in_quotes
from nlpbatch.sampling.csv_records import CsvRecords, Record, line_end_of
from nlpbatch.sampling.windows import Window
from nlpbatch.wire.limits import KIB, MIB

Row = Mapping[str, Any]
BEGINNING_BYTES: Final = 16 * KIB
"""Bytes from which the format is recognised; jobs read as many of each file."""
MAX_HEADER_BYTES: Final = 16 * MIB
_SIMPLE: Final = (UTF_8, "cp949", "latin-1", "cp1252")
_PARTS: Final = ";|"
"""Separators that are also parts of characters in some encodings: `|` in Shift JIS and GB 18030, `;` too in Johab."""
_ONE_PER_LINE: Final = "write one object a line, such as with `jq -c . FILE`, and sample that"
_SHAPES: Final = {"array": "is one JSON array, unlike the first file", "pretty": "has JSON objects over several lines"}
_LINE: Final = re.compile(rb"([^\r\n]*+)(\r\n|\r|\n|\Z)")


class Records(Protocol):
    """Divides bytes into records."""

    @property
    def line_ends(self) -> re.Pattern[bytes]:
        """Return the pattern of an end of line, after which a record may begin."""

    def records(self, data: bytes, *, is_end: bool, in_quotes: bool = False) -> Iterator[Record]:
        """Yield the records that `data` holds whole; see `CsvRecords.records`."""


class LineRecords:
    """A record on each line, as Spark takes lines: ended by LF, CR LF or CR."""

    line_ends: Final = re.compile(rb"\r\n|\r|\n")

    def records(self, data: bytes, *, is_end: bool, in_quotes: bool = False) -> Iterator[Record]:
        """Yield the lines that `data` holds whole."""
        del in_quotes
        for found in _LINE.finditer(data):
            if found.end() == len(data) and not (is_end and found[0]):
                return
            yield Record(found.start(), found.end(), [found[1]])


@dataclass(frozen=True, slots=True)
class Lines:
    """The way to read files of lines.

    Args:
        kind: "json", "csv" or "text".
        separator: Separator of CSV values; None to recognise it.
        header: Whether the first record of a file of CSV names the columns.
        encoding: Encoding, as `known_encoding` returns it.
        is_array: Whether a file of JSON is one array.

    """

    kind: str
    separator: str | None = None
    header: bool = True
    encoding: str = UTF_8
    is_array: bool = False

    @property
    def can_begin_anywhere(self) -> bool:
        """Return whether files can be read from the middle: quotes and line ends are never parts of characters."""
        simple = self.encoding in _SIMPLE or (self.separator or ";") not in _PARTS
        return is_of_lines(self.encoding) and not self.is_array and (self.kind != "csv" or simple)


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of one file.

    Args:
        lines: The way to read files.
        records: Divides its bytes into records.
        start: Offset of the first row.
        names: Names of its columns.
        is_quoted: Whether its beginning has quotes.

    """

    lines: Lines
    records: Records
    start: int
    names: Sequence[str] = ("value",)
    is_quoted: bool = False

    def row(self, record: Record) -> Row | None:
        """Return a record as a row; None if it is nothing but a blank line of JSON.

        Raises:
            ValueError: It can't be parsed; a UnicodeDecodeError if its bytes aren't of the encoding.

        """
        encoding = self.lines.encoding
        if self.lines.kind != "csv":
            line = (record.values[0] or b"").decode(encoding)
            return _json_row(line) if self.lines.kind == "json" else {"value": line}
        if len(record.values) != len(self.names):
            raise ValueError
        values = (value.decode(encoding) if value else None for value in record.values)
        return dict(zip(self.names, values, strict=True))

    def begins_in_quotes(self, data: bytes, *, is_end: bool) -> bool | None:
        """Return whether bytes after a line end begin within a quoted value; None if more bytes have to decide."""
        if not isinstance(self.records, CsvRecords):
            return False
        found = begins_in_quotes(data, self.records, len(self.names), is_end=is_end)
        return False if found is None and not self.is_quoted and b'"' not in data else found


def layout_of(window: Window, path: str, lines: Lines) -> Layout:
    """Return the layout of a file.

    Args:
        window: Its bytes, from the first on.
        path: Its name.
        lines: The way to read it.

    Raises:
        ConfigError: It is of another encoding, or JSON that isn't in lines.

    """
    beginning = window.read(0, BEGINNING_BYTES)
    is_all = len(beginning) == window.size_bytes
    fault = encoding_fault(beginning, lines.encoding, is_all=is_all)
    if fault is not None:
        raise ConfigError(f"{path} {fault}")
    start = len(codecs.BOM_UTF8) if beginning.startswith(codecs.BOM_UTF8) else 0
    text = codecs.getincrementaldecoder(lines.encoding)().decode(beginning[start:])
    if lines.kind == "csv":
        return _csv_layout(window, path, lines, start, text)
    shape = json_shape(text, is_all=is_all) if lines.kind == "json" else "lines"
    if shape != "lines":
        raise ConfigError(f"{path} {_SHAPES[shape]}: {_ONE_PER_LINE}")
    return Layout(lines, LineRecords(), start)


def _csv_layout(window: Window, path: str, lines: Lines, start: int, text: str) -> Layout:
    separator = lines.separator or separator_of_name(path) or separator_of(text)
    beginning = window.read(0, BEGINNING_BYTES)
    records = CsvRecords(separator.encode(lines.encoding), line_end_of(beginning))
    first = _first_record(window, path, records, start)
    if first is None:
        return Layout(lines, records, window.size_bytes, ())
    if not lines.header:
        return Layout(lines, records, start, numbered_names(len(first.values)), b'"' in beginning)
    names = column_names([None if value is None else value.decode(lines.encoding) for value in first.values])
    twice = next((name for name in names if [one.lower() for one in names].count(name.lower()) > 1), None)
    if twice is not None:
        raise ConfigError(f"{path}: its header names two columns {twice!r}: rename one")
    return Layout(lines, records, start + first.end, names, b'"' in beginning)


def _first_record(window: Window, path: str, records: CsvRecords, start: int) -> Record | None:
    size_bytes = BEGINNING_BYTES
    while True:
        data = window.read(0, size_bytes)[start:]
        is_end = start + len(data) == window.size_bytes
        found = next(records.records(data, is_end=is_end), None)
        if found is not None or is_end:
            return found
        if size_bytes >= MAX_HEADER_BYTES:
            raise ConfigError(
                f"{path}: its first record does not end within {size_bytes:,} bytes: close its quotes, or give the "
                "format if it isn't CSV"
            )
        size_bytes *= 4


def _json_row(line: str) -> Row | None:
    if not line.strip():
        return None
    found = json.loads(line)
    if not isinstance(found, dict):
        raise ValueError  # noqa: TRY004  (a line that is no row)
    if "\\u" in line:
        json.dumps(found, ensure_ascii=False).encode()  # UnicodeEncodeError, a ValueError: half of a surrogate pair
    return found
