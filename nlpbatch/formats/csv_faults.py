"""Quotes in CSV that are not closed: each would swallow the lines after it into one value."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

MAX_RECORD_LINES: Final = 1_000
"""Default limit of the lines of one record."""


@dataclass(frozen=True, slots=True)
class QuoteFault:
    """A quote that is not closed where it should be.

    Args:
        line: The line on which the record begins, from 1.
        reason: The fault, in words without any of the text.

    """

    line: int
    reason: str


@dataclass(slots=True)
class _Lines:
    """Lines that know whether they have been read to their end."""

    lines: Iterable[str]
    ended: bool = field(default=False)

    def __iter__(self) -> Iterator[str]:
        yield from self.lines
        self.ended = True


def find_quote_fault(lines: Iterable[str], separator: str, max_lines: int = MAX_RECORD_LINES) -> QuoteFault | None:
    """Return the first quote of a file that is not closed; None if there is none.

    It is open at the end of the file, or its record has more than `max_lines` lines, or it goes over several lines and
    ends within a value, as when the quote before the next quoted value closes it.

    Args:
        lines: All lines of the file, without what ends them. Characters but quotes and separators don't matter, so
            bytes of UTF-8 or CP949 may be decoded as Latin-1.
        separator: Between values.
        max_lines: Lines that a record may have.

    """
    source = _Lines(lines)
    # Strict: a closing quote must be followed by a separator or the end of a line.
    reader = csv.reader(iter(source), delimiter=separator, strict=True)
    while True:
        before = reader.line_num
        try:
            next(reader)
        except StopIteration:
            return None
        except csv.Error:
            if source.ended:
                return QuoteFault(before + 1, f"a quote in the record of line {before + 1:,} is never closed")
            if reader.line_num > before + 1:
                where = f"in the record of line {before + 1:,} is closed within a value on line {reader.line_num:,}"
                return QuoteFault(before + 1, f"a quote {where}")
        if reader.line_num - before > max_lines:
            size = f"the record of line {before + 1:,} has {reader.line_num - before:,} lines"
            return QuoteFault(before + 1, f"{size}, allowed are {max_lines:,}: a quote may not be closed")
