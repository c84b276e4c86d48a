"""Puts in what Spark leaves out of lists that hold nothing, before pyarrow reads it.

A list array has one offset more than lists. Arrow's Java library, as Spark 3.5 and 4.0 have it, sends none at all for a
list within another column if there isn't one in the whole batch, and `nbytes` of pyarrow then reads past the end of an
empty buffer: the process of the executor ends with a segmentation fault.
"""

import pyarrow as pa


def with_offsets(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the same rows, in which all lists have their offsets; the batch itself if they have them."""
    sent = batch.columns
    columns = [_mended(column) for column in sent]
    if all(new is old for new, old in zip(columns, sent, strict=True)):
        return batch
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _mended(array: pa.Array) -> pa.Array:
    kind = array.type
    if not kind.num_fields:
        return array
    if not len(array):
        return pa.array([], kind)
    if array.offset:  # of a slice, which nothing that Spark sends is
        return array
    if pa.types.is_struct(kind):
        children, own = [array.field(number) for number in range(kind.num_fields)], 1
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind):
        children, own = [array.values], 2
    else:
        return array
    mended = [_mended(child) for child in children]
    if all(new is old for new, old in zip(mended, children, strict=True)):
        return array
    return pa.Array.from_buffers(kind, len(array), array.buffers()[:own], children=mended)
