"""Finds where records of CSV begin when reading starts in the middle of a file. Pure.

A line end may stand within a quoted value, so that what follows it is a record or the rest of one. Both are tried, and
the assumption is kept under which the bytes look more like this file's records (Ge, Li, Eilebrecht, Chandramouli and
Kossmann, "Speculative Distributed CSV Data Parsing for Big Data Analytics", SIGMOD 2019).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nlpbatch.sampling.csv_records import CsvRecords, Record

_BAD: Final = 8
"""Good records that outweigh one bad record, which has quotes within a value, or too few or many values."""


@dataclass(slots=True)
class _Trial:
    """The evidence for an assumption.

    Args:
        records: Number of records under the assumption.
        columns: Values that a record has.
        position: Start of the next record.
        score: Good records, minus the weight of bad ones.

    """

    records: Iterator[Record]
    columns: int
    position: int = 0
    score: int = 0

    def advance(self, *, is_rest: bool = False) -> bool:
        """Look at the next record; return whether there is one."""
        record = next(self.records, None)
        if record is None:
            return False
        self.position = record.end
        is_whole = len(record.values) == self.columns
        if record.is_odd or record.is_open or not (is_whole or (is_rest and len(record.values) < self.columns)):
            self.score -= _BAD
        # With one column, any line could be a record: only one with quotes in the right places is evidence.
        elif is_rest or self.columns > 1 or record.is_quoted:
            self.score += 1
        return True


def begins_in_quotes(data: bytes, records: CsvRecords, columns: int, *, is_end: bool) -> bool | None:
    """Return whether bytes begin within a quoted value; None if more bytes are needed to decide.

    Args:
        data: Bytes of a file from behind a line end.
        records: How its records are read.
        columns: Values that each has.
        is_end: Whether they are the file's last.

    """
    outside = _Trial(records.records(data, is_end=is_end), columns)
    inside = _Trial(records.records(data, is_end=is_end, in_quotes=True), columns)
    if inside.advance(is_rest=True):
        # Once both assumptions have a record begin at the same place, they agree on the rest.
        while outside.position != inside.position:
            if not (outside if outside.position < inside.position else inside).advance():
                break
    else:
        while outside.advance():
            pass
    if outside.score == inside.score:
        return None
    return inside.score > outside.score
