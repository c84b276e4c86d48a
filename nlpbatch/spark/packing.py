"""What runs in an executor when a job writes: a task's rows leave Python as the bytes of finished Parquet files.

Spark's own writer would take the rows apart and encode them value by value. Here
the task encodes them with pyarrow, and the JVM has only bytes to write. It still decides where and when: its file
systems, credentials, output committer, retries and speculation are those of any other write.

Spark has no sink for bytes that is part of every installation, but its `text` sink can be used as one. It writes a
row's string as it is, without looking into it, and `lineSep` after it. Every Parquet file ends in the letters `PAR1`,
so `LINE_SEP` is the last of them, `1`. The file is cut at places where it has that byte; the pieces lose it, and the
sink puts it back:

    file        50 41 52 31 15 04 … 07 31 09 … 50 41 52 31
    rows       "50 41 52"  "15 04 … 07"  "09 … 50 41 52"

A piece is some megabytes at most, unless there is no `1` for that long. All pieces of a task and outcome make one file,
because Spark keeps one file open for each value of the partition column, and writes rows in their order.

A task yields as many rows as it takes: those that aren't pieces are empty, and are filtered out before anything is
written. So Spark's own metric says how many rows have been answered while a task runs.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from nlpbatch.client.columns.outcome_counts import OutcomeCounts, count_outcomes
from nlpbatch.client.columns.outcome_schema import OUTCOME_ERROR_TYPE
from nlpbatch.formats.parquet_stream import ParquetLayout, ParquetStream

LINE_SEP: Final = "1"
_OUTCOMES: Final = 2
_PIECE_BYTES: Final = 4 * 1024 * 1024
_END: Final = LINE_SEP.encode()
_COUNTS: Final = pa.list_(pa.int64())
_SCHEMA: Final = pa.schema([("outcome", pa.string()), ("piece", pa.string()), ("counts", _COUNTS)])
COUNTED: Final = ("rows", "dead", "nulls", "tokens", "text_bytes")
"""What the first of the counts are; the others are rows by the code of their error, and last any other code."""


@dataclass(frozen=True, slots=True)
class AnalysedColumn:
    """Where a text column and what was found are among the columns that a task has at its end.

    Args:
        text: Position of the texts.
        found: Position of what was answered first.
        error: Position of the errors.

    """

    text: int
    found: int
    error: int


@dataclass(frozen=True, slots=True)
class Packing:
    """How a task's rows become files; travels to the executors in pickled form.

    Args:
        names: The columns' names in the files.
        nullable: Whether each of them may be null.
        layout: How the files are written.
        columns: The analysed columns.
        answer: What was answered first, by its name in `Options.columns`.
        codes: Codes of errors that are counted by themselves.
        ok: Outcome of a row without an error.
        failed: Outcome of a row with one.
        corrupt: Position of the column with lines that couldn't be parsed; None if there is none.
        malformed: The error that such rows get.

    """

    names: tuple[str, ...]
    nullable: tuple[bool, ...]
    layout: ParquetLayout
    columns: tuple[AnalysedColumn, ...]
    answer: str
    codes: tuple[str, ...]
    ok: str
    failed: str
    corrupt: int | None
    malformed: Any

    def schema(self, rows: pa.RecordBatch) -> pa.Schema:
        """Return the schema of the files, whose types are those that the rows have."""
        named = zip(self.names, rows.schema.types, self.nullable, strict=True)
        return pa.schema([pa.field(name, kind, nullable) for name, kind, nullable in named])

    def counts(self, counted: OutcomeCounts) -> list[int]:
        """Return the counts in the order in which they travel."""
        others = counted.dead - sum(counted.errors[code] for code in self.codes)
        first = (getattr(counted, name) for name in COUNTED)
        return [*first, *(counted.errors[code] for code in self.codes), others]


class PackingTask:
    """The function that mapInArrow calls: batches in, pieces of files out, with empty rows between them.

    Args:
        tasks: Analyse one column each, one after another.
        packing: How the rows become files.

    """

    def __init__(
        self, tasks: Sequence[Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]], packing: Packing
    ) -> None:
        self._tasks = tasks
        self._packing = packing

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield batches of `outcome`, `piece`, `counts`; the counts of all rows are beside one file's last piece."""
        answered = 0
        for rows in self._pieces(batches):
            if isinstance(rows, int):
                answered += rows
                # Files that are open have a last piece to come.
                if answered > _OUTCOMES:
                    yield _empty(answered - _OUTCOMES)
                    answered = _OUTCOMES
            else:
                answered -= 1
                yield rows
        if answered > 0:
            yield _empty(answered)

    def _pieces(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch | int]:
        """Yield pieces, and between them how many rows have been answered since."""
        packing = self._packing
        counts = OutcomeCounts()
        files: dict[str, _PackedFile] = {}
        for answered in reduce(lambda rows, task: task(rows), self._tasks, batches):
            rows = self._with_malformed(answered)
            counts.add(self._count(rows))
            yield rows.num_rows
            for outcome, some in self._parted(rows):
                if outcome not in files:
                    files[outcome] = _PackedFile(outcome, ParquetStream(packing.schema(some), packing.layout))
                yield from files[outcome].write(some)
        counted: list[int] | None = packing.counts(counts)
        for file in files.values():
            yield from file.close(counted)
            counted = None

    def _with_malformed(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows with the error of those whose line couldn't be parsed."""
        position = self._packing.corrupt
        if position is None or rows.column(position).null_count == rows.num_rows:
            return rows
        first = self._packing.columns[0].error
        malformed = pa.scalar(self._packing.malformed, OUTCOME_ERROR_TYPE)
        errors = pc.if_else(rows.column(position).is_valid(), malformed, rows.column(first))
        return rows.set_column(first, rows.schema.field(first).name, errors)

    def _count(self, rows: pa.RecordBatch) -> OutcomeCounts:
        columns = self._packing.columns
        texts, found, errors = (
            [rows.column(getattr(column, part)) for column in columns] for part in ("text", "found", "error")
        )
        return count_outcomes(texts, found, errors, self._packing.answer)

    def _parted(self, rows: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yield the rows without an error, and those with one; nothing where there are none."""
        errors = [rows.column(column.error) for column in self._packing.columns]
        if all(column.null_count == rows.num_rows for column in errors):
            yield self._packing.ok, rows
            return
        failed = reduce(pc.or_, (column.is_valid() for column in errors))
        for outcome, some in ((self._packing.ok, pc.invert(failed)), (self._packing.failed, failed)):
            chosen = rows.filter(some)
            if chosen.num_rows:
                yield outcome, chosen


class _PackedFile:
    """One file on its way out."""

    def __init__(self, outcome: str, stream: ParquetStream) -> None:
        self._outcome = outcome
        self._stream = stream
        self._rest: list[bytes] = []
        self._rest_bytes = 0

    def write(self, rows: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Take rows of the file; yield the pieces that are large enough."""
        rows = pa.RecordBatch.from_arrays(rows.columns, schema=self._stream.schema)
        for piece in self._pieces(self._stream.write(rows)):
            yield self._row(piece, None)

    def close(self, counts: list[int] | None) -> Iterator[pa.RecordBatch]:
        """Yield the rest of the file, the counts beside the last piece."""
        for piece in self._pieces(self._stream.close()):
            yield self._row(piece, None)
        yield self._row(b"".join(self._rest).removesuffix(_END), counts)

    def _pieces(self, parts: deque[bytes]) -> Iterator[bytes]:
        """Yield pieces, each without the `LINE_SEP` that ends it; keep the last bytes of the file for `close`."""
        while parts:
            part = parts.popleft()
            self._rest.append(part)
            self._rest_bytes += len(part)
            if self._rest_bytes > _PIECE_BYTES and _END in part:
                whole, self._rest = b"".join(self._rest), []
                start = 0
                while len(whole) - start > _PIECE_BYTES:
                    end = whole.rfind(_END, start, start + _PIECE_BYTES)
                    if end < 0:
                        end = whole.find(_END, start + _PIECE_BYTES, -1)
                    if end < 0:
                        break
                    yield whole[start:end]
                    start = end + 1
                self._rest, self._rest_bytes = [whole[start:]], len(whole) - start

    def _row(self, piece: bytes, counts: list[int] | None) -> pa.RecordBatch:
        text = pa.array([piece], pa.binary()).view(pa.string())
        return pa.RecordBatch.from_arrays(
            [pa.array([self._outcome]), text, pa.array([counts], _COUNTS)], schema=_SCHEMA
        )


def _empty(rows: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.nulls(rows, kind) for kind in _SCHEMA.types], schema=_SCHEMA)
