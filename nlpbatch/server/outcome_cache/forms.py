"""Outcomes as rows: cut from the answers that workers encoded, and written as such an answer again.

Workers encode, so that no other process handles a token; nor is one handled here. Arrow rows are moved by Arrow. JSON
outcomes are found by the bytes between two of them, `},{"tokens":` for instance: no string has these, because a quote
within a string follows a backslash, and nothing inside an outcome has a member of the outcome's first name.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final, Protocol

import pyarrow as pa

from nlpbatch.engine.job import Encoding
from nlpbatch.errors import InternalError
from nlpbatch.wire.arrow import answer_schema, encode_batch_message
from nlpbatch.wire.options import Options

_MIN_RUN: Final = 16
"""Rows in a run, on the average, from which copying runs costs less than choosing single rows."""
_NO_ERROR: Final = b'"error":null'

Rows = Any
"""Outcomes of some documents: a record batch, or the bytes of each."""


class Form(Protocol):
    """How the outcomes of one operation with its options are cut, moved and written in one encoding."""

    segment_bytes: int
    """What a segment of rows takes beside the rows."""

    def read(self, body: bytes) -> Rows:
        """Return the rows of a worker's answer."""
        ...

    def succeeded(self, rows: Rows) -> list[bool]:
        """Return for each row whether it has no error."""
        ...

    def size_bytes(self, rows: Rows) -> int:
        """Return the memory that rows take."""
        ...

    def gather(self, places: Sequence[tuple[Rows, int]]) -> Rows:
        """Return single rows, each given by its rows and its position there, as rows of their own; at least one."""
        ...

    def arrange(self, parts: Sequence[Rows], order: Sequence[int]) -> Rows:
        """Return rows in that order: positions in all parts together, any number of times; at least one part."""
        ...

    def write(self, rows: Rows) -> bytes:
        """Return rows as a worker would have encoded them."""
        ...


def form_of(encoding: Encoding, options: Options) -> Form:
    """Return the form of the outcomes of a request."""
    return _ArrowForm(options) if encoding == "arrow" else _JsonForm(options)


def read_all(form: Form, bodies: Sequence[bytes], documents: int) -> list[Rows]:
    """Return the rows of each body.

    Raises:
        InternalError: They aren't as many as the documents.

    """
    parts = [form.read(body) for body in bodies]
    if sum(map(len, parts)) != documents:
        raise InternalError(
            f"the workers' answer has {sum(map(len, parts)):,} outcomes for {documents:,} documents: "
            "report it to the operator of the service; cache.size_bytes = 0 avoids it"
        )
    return parts


class _ArrowForm:
    """Rows are a record batch."""

    segment_bytes = 8192  # a batch of nested columns has many buffers, each with its objects, rounded up to 64 bytes

    def __init__(self, options: Options) -> None:
        self._schema = answer_schema(options)

    def read(self, body: bytes) -> Rows:
        batch = pa.ipc.read_record_batch(pa.py_buffer(body), self._schema)
        # A copy: some buffers are not compressed, and each of them would hold the whole message.
        return pa.concat_batches([batch, batch.slice(0, 0)])

    def succeeded(self, rows: Rows) -> list[bool]:
        errors = rows.column(rows.num_columns - 1)
        return [True] * len(rows) if errors.null_count == len(rows) else errors.is_null().to_pylist()

    def size_bytes(self, rows: Rows) -> int:
        return int(rows.nbytes)

    def gather(self, places: Sequence[tuple[Rows, int]]) -> Rows:
        return pa.concat_batches([rows.slice(position, 1) for rows, position in places])

    def arrange(self, parts: Sequence[Rows], order: Sequence[int]) -> Rows:
        whole, runs = pa.concat_batches(parts), _runs(order)
        if len(runs) > len(order) // _MIN_RUN:
            return whole.take(pa.array(order, pa.int64()))
        return pa.concat_batches([whole.slice(start, length) for start, length in runs])

    def write(self, rows: Rows) -> bytes:
        return encode_batch_message(rows)


def _runs(order: Sequence[int]) -> list[tuple[int, int]]:
    """Return the runs of rows that follow one another, as start and length."""
    runs = []
    start = after = order[0]
    for row in order:
        if row != after:
            runs.append((start, after - start))
            start = row
        after = row + 1
    return [*runs, (start, after - start)]


class _JsonForm:
    """Rows are a list with the bytes of each outcome, without its first name and its end."""

    segment_bytes = 1024

    def __init__(self, options: Options) -> None:
        self._start = b'{"' + options.columns[0].encode() + b'":'
        self._between = b"}," + self._start

    def read(self, body: bytes) -> Rows:
        return body[len(self._start) : -1].split(self._between) if body else []

    def succeeded(self, rows: Rows) -> list[bool]:
        return [row.endswith(_NO_ERROR) for row in rows]

    def size_bytes(self, rows: Rows) -> int:
        return sum(map(len, rows)) + 48 * len(rows)  # an object's head and its place in the list

    def gather(self, places: Sequence[tuple[Rows, int]]) -> Rows:
        return [rows[position] for rows, position in places]

    def arrange(self, parts: Sequence[Rows], order: Sequence[int]) -> Rows:
        flat = list(chain.from_iterable(parts))
        return [flat[position] for position in order]

    def write(self, rows: Rows) -> bytes:
        return b"".join((self._start, self._between.join(rows), b"}"))
