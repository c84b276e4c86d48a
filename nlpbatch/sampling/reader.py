"""Reads blocks of files of lines: their rows, and the reasons why other records are left out."""

import codecs
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Final

from nlpbatch.formats.csv_faults import MAX_RECORD_LINES
from nlpbatch.formats.encodings import UTF_8
from nlpbatch.formats.json_shape import json_shape
from nlpbatch.formats.names import compression_of
from nlpbatch.sampling.csv_records import Record
from nlpbatch.sampling.layouts import BEGINNING_BYTES, Layout, Lines, Row, layout_of
from nlpbatch.sampling.locations import File, Location, note_of_replaced
from nlpbatch.sampling.reservoir import Reservoir
from nlpbatch.sampling.spans import records_of
from nlpbatch.sampling.whole_files import DamagedFile, is_whole, read_whole
from nlpbatch.sampling.windows import Window
from nlpbatch.wire.limits import KIB, MIB

BLOCK_BYTES: Final = 64 * KIB
MAX_RECORD_BYTES: Final = 64 * MIB
"""A longer record is left out."""
_UNPARSED: Final = "could not be parsed"


@dataclass(slots=True)
class ReadResult:
    """The rows and faults that were read.

    Args:
        blocks_total: Number of all blocks.
        rows: Rows, each with the number of its draw.
        blocks: Number of blocks that were read.
        files: Positions of the files that were read.
        names: Columns that rows have.
        left_out: Number of records that are no rows, by the reason in words.
        first_left_out: Start of the first of those, by reason.
        damaged: Files that can't be read, each with its reason in words.
        replaced: Columns of files that are replaced by values from the names of directories.

    """

    blocks_total: int
    rows: Reservoir[tuple[int, Row]]
    blocks: int = 0
    files: set[int] = field(default_factory=set)
    names: dict[str, None] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    first_left_out: dict[str, str] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)
    replaced: set[str] = field(default_factory=set)

    @property
    def is_all(self) -> bool:
        """Return whether no block was left out."""
        return self.blocks == self.blocks_total

    def take(self, row: Row, file: File, cluster: int) -> None:
        """Offer a row of a file."""
        self.replaced.update(row.keys() & file.partition.keys())
        row = {**row, **file.partition}
        self.names.update(dict.fromkeys(row))
        self.rows.offer((cluster, row))

    def leave_out(self, reason: str, file: File, position: int) -> None:
        """Count a record that is no row."""
        self.left_out[reason] += 1
        self.first_left_out.setdefault(reason, f"byte {position:,} of {file.path}")

    def notes(self) -> tuple[str, ...]:
        """Return remarks on everything left out, in words."""
        return (
            *(
                f"{count:,} lines {reason}"
                if reason == _UNPARSED
                else f"{count:,} lines {reason} were left out; the first begins at {self.first_left_out[reason]}"
                for reason, count in self.left_out.items()
            ),
            *(f"{reason}: it was left out; repair or remove it" for reason in self.damaged),
            *map(note_of_replaced, sorted(self.replaced)),
        )


class LineReader:
    """Reads blocks.

    Args:
        location: Location of the files.
        lines: The way to read them.
        found: Receives the rows and faults.
        max_record_bytes: Longest record in a file that is read in part.
        held: First bytes of the first file, which have been read already.

    """

    def __init__(self, location: Location, lines: Lines, found: ReadResult, max_record_bytes: int, held: bytes) -> None:
        self._location = location
        self._lines = lines
        self._found = found
        self._max_record_bytes = min(max_record_bytes, MAX_RECORD_BYTES)
        self._held = held
        self._layouts: dict[int, Layout] = {}
        self._names: dict[str, str] = {}

    def read(self, position: int, clusters: Mapping[int, int]) -> None:
        """Read blocks of a file.

        Args:
            position: Position of the file.
            clusters: Number of each block's draw, by the block's number, ascending.

        """
        file = self._location.files[position]
        self._found.blocks += len(clusters)
        self._found.files.add(position)
        try:
            with self._window(position, file) as (window, lines):
                layout = self._layout(position, window, lines)
                block_bytes = window.size_bytes if is_whole(file, self._lines) else BLOCK_BYTES
                for span in _spans(list(clusters), block_bytes, window.size_bytes):
                    for at, row in self._rows(file, window, layout, span):
                        self._found.take(row, file, clusters[at // block_bytes])
        except DamagedFile as error:
            self._found.damaged.append(str(error))

    def _layout(self, position: int, window: Window, lines: Lines) -> Layout:
        """Return a file's layout; column names are spelled as in the first file that has them in any case."""
        if position not in self._layouts:
            found = layout_of(window, self._location.files[position].path, lines)
            names = [self._names.setdefault(name.lower(), name) for name in found.names]
            self._layouts[position] = replace(found, names=names)
        return self._layouts[position]

    def _rows(self, file: File, window: Window, layout: Layout, span: tuple[int, int]) -> Iterator[tuple[int, Row]]:
        """Yield the rows of a span, each with its offset."""
        is_all = span == (0, window.size_bytes)
        limit = MAX_RECORD_BYTES if is_all else self._max_record_bytes
        for at, record in records_of(window, layout, *span, limit):
            row, reason = _row_or_reason(layout, record, limit)
            if reason is not None:
                self._found.leave_out(reason, file, at)
            elif row is not None:
                yield at, row

    @contextmanager
    def _window(self, position: int, file: File) -> Iterator[tuple[Window, Lines]]:
        """Yield the bytes of a file in a form that can be read from the middle, and the way to read them."""
        held = b""
        if position == 0:
            held, self._held = self._held, b""
        with self._location.open(file) as opened:
            if not is_whole(file, self._lines):
                yield Window(opened, file.size_bytes, held), self._lines
                return
            data = read_whole(opened, file, self._lines, held)
        yield Window(io.BytesIO(data), len(data)), replace(self._lines, encoding=UTF_8, is_array=False)


def recognise_array(location: Location, lines: Lines) -> tuple[Lines, bytes]:
    """Return the way to read the files, with `is_array` set by the first file, and the bytes read to find out."""
    first = location.files[0]
    if lines.kind != "json" or compression_of(first.path) is not None:
        return lines, b""
    with location.open(first) as opened:
        held = opened.read(BEGINNING_BYTES)
    text = codecs.getincrementaldecoder(lines.encoding)("ignore").decode(held)
    return replace(lines, is_array=json_shape(text) == "array"), held


def _spans(numbers: Sequence[int], block_bytes: int, size_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield [start, end) of each run of adjacent blocks."""
    for _, side_by_side in groupby(enumerate(numbers), key=lambda item: item[1] - item[0]):
        block_numbers = [number for _, number in side_by_side]
        yield block_numbers[0] * block_bytes, min((block_numbers[-1] + 1) * block_bytes, size_bytes)


def _quote_fault(record: Record) -> str | None:
    """Return the fault of a record's quotes for which jobs set its file aside; None if there is none."""
    if record.is_open:
        return "with a quote that is never closed"
    line_ends = sum(value.count(b"\n") for value in record.values if value)
    if record.is_odd and line_ends:
        return "with a quote that is closed within a value on a later line"
    return f"of more than {MAX_RECORD_LINES:,} lines" if line_ends >= MAX_RECORD_LINES else None


def _row_or_reason(layout: Layout, record: Record | None, limit: int) -> tuple[Row | None, str | None]:
    """Return the row of a record, or the reason why it has none; neither for a blank line of JSON."""
    if record is None:
        return None, f"of more than {limit:,} bytes"
    if record.is_quoted and (fault := _quote_fault(record)) is not None:
        return None, fault
    try:
        return layout.row(record), None
    except UnicodeDecodeError:
        return None, f"of bytes that are not {layout.lines.encoding.upper()}"
    except (ValueError, RecursionError):
        return None, _UNPARSED
