"""Cuts batches of rows into blocks, each analysed by a few requests and put together again.

In a block every text is sent once, however many rows have it: the column is dictionary-encoded, the dictionary is
sent, and the answers are taken by index. Nulls are not sent at all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from nlpbatch.client.columns.list_documents import LIST_OPERATIONS, document_bytes, sendable, without_nulls
from nlpbatch.client.columns.outcome_schema import OUTCOME_ERROR_TYPE, outcome_schema
from nlpbatch.older_python import Self
from nlpbatch.wire.cutting import cut_by_bytes
from nlpbatch.wire.limits import KIB, MIB, REQUEST_FRAMING_BYTES, SizeLimits
from nlpbatch.wire.options import Operation, Options
from nlpbatch.wire.outcome import text_too_large

_MAX_DOCUMENTS: Final = 10_000
_REQUESTS_PER_BLOCK: Final = 8
"""Rows leave block by block: small ones show progress sooner, in large ones more texts are alike."""
_BLOCK_BYTES: Final = 4 * MIB  # tokens with all fields take twenty times their text


@dataclass(frozen=True, slots=True)
class Cut:
    """How large blocks and requests may be.

    Args:
        block_bytes: Text of one block: bounds what a task holds while it waits for the block's last answer.
        request_bytes: Text of one request; a longer document goes alone.
        request_documents: Documents of one request.
        text_bytes: Longest document that the service takes; a longer one gets its error here, unsent.

    """

    block_bytes: int
    request_bytes: int
    request_documents: int
    text_bytes: int

    @classmethod
    def within(cls, limits: SizeLimits, request_bytes: int) -> Self:
        """Return bounds that keep text and framing within what the service takes.

        Args:
            limits: The service's.
            request_bytes: UTF-8 bytes of text that a request is to have.

        """
        request_bytes = min(request_bytes, max(KIB, limits.body_bytes - REQUEST_FRAMING_BYTES))
        return cls(
            block_bytes=max(request_bytes, min(request_bytes * _REQUESTS_PER_BLOCK, _BLOCK_BYTES)),
            request_bytes=request_bytes,
            request_documents=min(limits.documents, _MAX_DOCUMENTS),
            text_bytes=limits.text_bytes,
        )


@dataclass(frozen=True, slots=True)
class Block:
    """A run of rows and the requests that answer it.

    Args:
        rows: The rows as they came.
        distinct: `string[d]`, every text once, in order of appearance; null where it is too large to send. Of join and
            glue every document that isn't null.
        too_large: Bytes of those, by position in `distinct`.
        indices: `int32[texts]` into `distinct`; null for null texts.
        offsets: `int32[rows + 1]` of each row's texts where the column holds arrays, null for a null array; None where
            it holds strings, a text a row.
        requests: Ranges of `distinct`, one per request.

    """

    rows: pa.RecordBatch
    distinct: pa.Array
    too_large: dict[int, int]
    indices: pa.Array
    offsets: pa.Array | None
    requests: tuple[tuple[int, int], ...]

    def texts(self, request: tuple[int, int]) -> pa.Array:
        """Return the texts of one of its requests."""
        start, end = request
        return self.distinct.slice(start, end - start)


def cut_batch(batch: pa.RecordBatch, text: int, cut: Cut, operation: Operation = "analyze") -> Iterator[Block]:
    """Yield the batch's rows in blocks, in order; `text` is the position of the column to analyse."""
    column = batch.column(text)
    if operation in LIST_OPERATIONS:
        column = sendable(operation, column)
        lengths = document_bytes(operation, column)
        for start, end in cut_by_bytes(lengths, most_bytes=cut.block_bytes, most_documents=max(1, len(lengths))):
            rows = slice(start, end)
            yield _block_of_lists(batch[rows], column[rows], lengths[rows], cut)
        return
    column = _texts_or_lists(column)
    lengths = _row_bytes(column)
    for start, end in cut_by_bytes(lengths, most_bytes=cut.block_bytes, most_documents=max(1, len(lengths))):
        yield _block(batch.slice(start, end - start), column.slice(start, end - start), cut)


def column_names(count: int) -> list[str]:
    """Return names for the columns on their way through Python, where only their positions count.

    Spark finds them by name before and after, and fails on names with a dot or a backtick, and on two alike.
    """
    return [f"c{position}" for position in range(count)]


def join_block(block: Block, answers: Sequence[pa.Table], cut: Cut, options: Options) -> pa.RecordBatch:
    """Return the block's rows with what was answered and the error as more columns, named by `column_names`.

    Args:
        block: The block.
        answers: One table per request, in order, in `outcome_schema`.
        cut: The bounds it was cut with.
        options: What was asked.

    """
    answered = pa.concat_tables([outcome_schema(options).empty_table(), *answers]).combine_chunks()
    *found, errors = (_whole(column) for column in answered.columns)
    if block.too_large:
        errors = _with_too_large(errors, block.too_large, cut.text_bytes)
    added = [*found, errors]
    if len(block.distinct) != len(block.indices) or block.offsets is not None:
        added = [column.take(block.indices) for column in added]
    if block.offsets is not None:
        *found, errors = added
        added = [*(pa.ListArray.from_arrays(block.offsets, column) for column in found), _first(errors, block.offsets)]
    columns = [*block.rows.columns, *added]
    return pa.RecordBatch.from_arrays(columns, names=column_names(len(columns)))


def _block(rows: pa.RecordBatch, column: pa.Array, cut: Cut) -> Block:
    texts, offsets = _texts(column)
    encoded = texts.dictionary_encode()
    distinct = encoded.dictionary
    lengths = pc.binary_length(distinct).to_pylist()
    too_large = {position: length for position, length in enumerate(lengths) if length > cut.text_bytes}
    if too_large:
        fits = pa.array([position not in too_large for position in range(len(lengths))])
        distinct = pc.if_else(fits, distinct, pa.scalar(None, pa.string()))
        lengths = [0 if position in too_large else length for position, length in enumerate(lengths)]
    requests = cut_by_bytes(lengths, most_bytes=cut.request_bytes, most_documents=cut.request_documents)
    return Block(rows, distinct, too_large, encoded.indices, offsets, tuple(requests))


def _block_of_lists(rows: pa.RecordBatch, column: pa.Array, lengths: Sequence[int], cut: Cut) -> Block:
    """Return a block of documents that are lists, which aren't compared: each is sent."""
    documents, indices = without_nulls(column)
    lengths = [length for length, is_valid in zip(lengths, column.is_valid().to_pylist(), strict=True) if is_valid]
    too_large = {position: length for position, length in enumerate(lengths) if length > cut.text_bytes}
    if too_large:
        kept = [None if position in too_large else position for position in range(len(lengths))]
        documents = documents.take(pa.array(kept, pa.int32()))
        lengths = [0 if position in too_large else length for position, length in enumerate(lengths)]
    requests = cut_by_bytes(lengths, most_bytes=cut.request_bytes, most_documents=cut.request_documents)
    return Block(rows, documents, too_large, indices, None, tuple(requests))


def _texts(column: pa.Array) -> tuple[pa.Array, pa.Array | None]:
    """Return all texts one after the other, and for arrays where each row's begin and end."""
    if not pa.types.is_list(column.type):
        return column, None
    counts = [0 if count is None else count for count in pc.list_value_length(column).to_pylist()]
    ends = [0, *accumulate(counts)]
    # A null offset makes a null array; the last one belongs to no row.
    offsets = [
        None if is_null else end for end, is_null in zip(ends, [*column.is_null().to_pylist(), False], strict=True)
    ]
    return _strings(column.flatten()), pa.array(offsets, pa.int32())


def _row_bytes(column: pa.Array) -> list[int]:
    """Return the bytes of each row's texts."""
    texts, offsets = _texts(column)
    lengths: list[int] = pc.fill_null(pc.binary_length(texts), 0).to_pylist()
    if offsets is None:
        return lengths
    sums = [0, *accumulate(lengths)]
    counts = pc.fill_null(pc.list_value_length(column), 0).to_pylist()
    ends = [0, *accumulate(counts)]
    return [sums[end] - sums[start] for start, end in pairwise(ends)]


def _first(errors: pa.Array, offsets: pa.Array) -> pa.Array:
    """Return each row's first error, of the errors of all its texts."""
    rows = len(offsets) - 1
    if errors.null_count == len(errors):
        return pa.nulls(rows, OUTCOME_ERROR_TYPE)
    found = errors.to_pylist()
    ends = offsets.to_pylist()
    first: list[dict[str, Any] | None] = []
    for row in range(rows):
        start = ends[row]
        end = next((end for end in ends[row + 1 :] if end is not None), len(found))
        texts = [] if start is None else found[start:end]
        first.append(next((error for error in texts if error is not None), None))
    return pa.array(first, OUTCOME_ERROR_TYPE)


def _texts_or_lists(column: pa.Array) -> pa.Array:
    """Return a column of strings, or of lists, in the one type of each that is sent."""
    kind = column.type
    if pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return column.cast(pa.list_(kind.value_type))
    return column if pa.types.is_list(kind) else _strings(column)


def _strings(column: pa.Array) -> pa.Array:
    return column if column.type == pa.string() else column.cast(pa.string())


def _whole(column: pa.ChunkedArray) -> pa.Array:
    chunks = column.chunks
    return chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks)


def _with_too_large(errors: pa.Array, too_large: dict[int, int], limit_bytes: int) -> pa.Array:
    found: list[dict[str, Any] | None] = errors.to_pylist()
    for position, size_bytes in too_large.items():
        error = text_too_large(size_bytes, limit_bytes)
        found[position] = {"code": error.code, "message": error.message, "attempts": 0, "request_id": None}
    return pa.array(found, OUTCOME_ERROR_TYPE)
