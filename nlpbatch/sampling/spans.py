"""Reads the records that begin in a span of a file, so that adjacent spans have each record once."""

from collections.abc import Iterator
from typing import Final

from nlpbatch.sampling.csv_records import Record
from nlpbatch.sampling.layouts import Layout
from nlpbatch.sampling.windows import Window
from nlpbatch.wire.limits import KIB, MIB

_STEP_BYTES: Final = MIB
"""Bytes of a long span to read at a time."""
AHEAD_BYTES: Final = 4 * KIB
"""Bytes first read after a span, for the end of its last record."""
_DOUBT_BYTES: Final = MIB
"""Largest number of bytes to read to find out whether a line begins within a quoted value."""


def records_of(
    window: Window, layout: Layout, start: int, end: int, max_record_bytes: int
) -> Iterator[tuple[int, Record | None]]:
    """Yield the offset of each record that begins in a span, and the record; None for one that is too long.

    Args:
        window: The file's bytes, not yet read beyond `start`.
        layout: Layout of the file.
        start: First byte of the span.
        end: First byte behind it.
        max_record_bytes: Longest record; reading stops at a longer one.

    """
    entry = _enter(window, layout, start, end)
    while entry is not None:
        position, in_quotes = entry
        entry = None
        for found, record in _records_from(window, layout, position, end, max_record_bytes, in_quotes=in_quotes):
            yield found, record
            if record is None:
                entry = _enter(window, layout, found + max_record_bytes, end)


def _records_from(
    window: Window, layout: Layout, position: int, end: int, max_record_bytes: int, *, in_quotes: bool
) -> Iterator[tuple[int, Record | None]]:
    """Yield records up to the span's end or one that is too long; the rest of one that began before isn't yielded."""
    size_bytes = min(end - position + AHEAD_BYTES, _STEP_BYTES)
    while position < end:
        data = window.read(position, position + size_bytes)
        is_end = position + len(data) == window.size_bytes
        done = 0
        for record in layout.records.records(data, is_end=is_end, in_quotes=in_quotes):
            if position + record.start >= end:
                return
            if not in_quotes:
                yield position + record.start, record
            done, in_quotes = record.end, False
        if is_end or (in_quotes and position + len(data) >= end):
            return
        if not done and size_bytes >= max_record_bytes:
            yield position, None
            return
        size_bytes = min(end - position + AHEAD_BYTES, _STEP_BYTES) if done else min(4 * size_bytes, max_record_bytes)
        position += done


def _enter(window: Window, layout: Layout, start: int, end: int) -> tuple[int, bool] | None:
    """Return the offset of a span's first line, and whether that is within a quoted value; None if no line begins."""
    if start <= layout.start:
        return (layout.start, False) if layout.start < end else None
    position = _first_line(window, layout, start, end)
    if position is None:
        return None
    size_bytes = min(end - position + AHEAD_BYTES, _DOUBT_BYTES)
    while True:
        data = window.read(position, position + size_bytes)
        is_end = position + len(data) == window.size_bytes
        in_quotes = layout.begins_in_quotes(data, is_end=is_end)
        if in_quotes is not None or is_end or size_bytes >= _DOUBT_BYTES:
            return position, bool(in_quotes)
        size_bytes = min(4 * size_bytes, _DOUBT_BYTES)


def _first_line(window: Window, layout: Layout, start: int, end: int) -> int | None:
    at = start - 2  # start of a CR LF directly before the span
    while at < end:
        data = window.read(at, min(at + _STEP_BYTES, end) + 1)
        for found in layout.records.line_ends.finditer(data):
            if at + found.end() >= start:
                return at + found.end() if at + found.end() < end else None
        at += max(1, len(data) - 1)
    return None
