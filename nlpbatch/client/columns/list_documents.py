"""Columns whose rows are documents as lists: tokens for `join`, chunks of text for `glue`.

The whole list of a row is one document, where a list of texts is several.
"""

from itertools import accumulate, pairwise
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from nlpbatch.wire.options import Operation

LIST_OPERATIONS: Final = frozenset({"join", "glue"})
_ENTRY_BYTES: Final = {"join": 5, "glue": 2}
"""What the service counts for an entry beside its text."""
_FORM_AND_TAG: Final = [pa.field("form", pa.string()), pa.field("tag", pa.string())]
_PLACE: Final = ("start", "end")


def sendable(operation: Operation, column: pa.Array) -> pa.Array:
    """Return the column as it is sent: of a token form and tag, and where its place is known whether a blank precedes.

    As in Kiwi, tokens of a text are joined as they stood there.
    """
    if operation == "glue":
        return column
    column = pa.concat_arrays([column])  # whose offsets begin at 0, whatever slice it was
    fields = column.values.flatten()
    names = [field.name for field in column.type.value_type]
    members = dict(zip(names, fields, strict=True))
    entries = [members[field.name].cast(field.type) for field in _FORM_AND_TAG]
    types = list(_FORM_AND_TAG)
    if all(name in members and pa.types.is_integer(members[name].type) for name in _PLACE):
        entries.append(_blank_before(members["start"], members["end"], column.offsets.to_pylist()))
        types.append(pa.field("space", pa.bool_()))
    morphemes = pa.StructArray.from_arrays(entries, fields=types)
    return pa.ListArray.from_arrays(column.offsets, morphemes, mask=column.is_null() if column.null_count else None)


def _blank_before(starts: pa.Array, ends: pa.Array, offsets: list[int]) -> pa.Array:
    """Return for each token whether it doesn't touch the one before it; null for the first of a row."""
    if not len(starts):
        return pa.array([], pa.bool_())
    before = pa.concat_arrays([pa.nulls(1, ends.type), ends[:-1]])
    first = set(offsets)
    is_first = pa.array([position in first for position in range(len(starts))])
    return pc.if_else(is_first, pa.scalar(None, pa.bool_()), pc.greater(starts, before))


def document_bytes(operation: Operation, column: pa.Array) -> list[int]:
    """Return what the service counts for each document, 0 for null."""
    entries = column.flatten()
    parts = entries.flatten()[:2] if operation == "join" else [entries]
    sizes = [_ENTRY_BYTES[operation]] * len(entries)
    for part in parts:
        lengths = pc.fill_null(pc.binary_length(part), 0).to_pylist()
        sizes = [size + length for size, length in zip(sizes, lengths, strict=True)]
    sums = [0, *accumulate(sizes)]
    ends = [0, *accumulate(pc.fill_null(pc.list_value_length(column), 0).to_pylist())]
    return [sums[end] - sums[start] for start, end in pairwise(ends)]


def without_nulls(column: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return the rows that aren't null, and for each row its position among them, `int32`, null for null."""
    valid = column.is_valid()
    positions = [position - 1 for position in accumulate(map(int, valid.to_pylist()))]
    return column.filter(valid), pc.if_else(valid, pa.array(positions, pa.int32()), pa.scalar(None, pa.int32()))


def empty_document(operation: Operation) -> pa.Array:
    """Return one document that any service can answer: an empty one."""
    if operation not in LIST_OPERATIONS:
        return pa.array([""], pa.string())
    return pa.array([[]], pa.list_(pa.struct(_FORM_AND_TAG) if operation == "join" else pa.string()))
