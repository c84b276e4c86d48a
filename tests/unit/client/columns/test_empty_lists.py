"""Lists whose offsets were left out, as Spark 3.5 and 4.0 send them."""

import pyarrow as pa
import pytest

from nlpbatch.client.columns.empty_lists import with_offsets

LISTS = pa.list_(pa.list_(pa.string()))
STRUCT = pa.struct([("x", LISTS), ("y", pa.int32())])


def as_sent(rows, inner_kind):
    """Return lists that are all empty, whose values are an array without a single offset."""
    kind = pa.list_(inner_kind)
    text = pa.Array.from_buffers(pa.string(), 0, [None, pa.py_buffer(b""), pa.py_buffer(b"")])
    inner = pa.Array.from_buffers(inner_kind, 0, [None, pa.py_buffer(b"")], children=[text])
    offsets = pa.array([0] * (rows + 1), pa.int32()).buffers()[1]
    return pa.Array.from_buffers(kind, rows, [None, offsets], children=[inner])


def test_lists_without_offsets_get_them():
    sent = as_sent(3, pa.list_(pa.string()))
    mended = with_offsets(pa.RecordBatch.from_arrays([sent], ["c"]))
    assert mended.column(0).to_pylist() == [[], [], []]
    assert mended.column(0).values.buffers()[1] is None or mended.column(0).values.buffers()[1].size >= 4
    assert mended.nbytes == 12  # of the outer lists; those within have none
    assert mended.schema == pa.schema([("c", sent.type)])


def test_lists_within_a_struct_get_them_too():
    sent = as_sent(2, pa.list_(pa.string()))
    struct = pa.StructArray.from_arrays([sent, pa.array([1, 2])], ["x", "y"])
    mended = with_offsets(pa.RecordBatch.from_arrays([struct], ["c"]))
    assert mended.column(0).to_pylist() == [{"x": [], "y": 1}, {"x": [], "y": 2}]
    assert mended.nbytes > 0


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (LISTS, [[["가", None], []], None, []]),
        (STRUCT, [{"x": [["가"]], "y": 1}, None]),
        (pa.map_(pa.string(), LISTS), [[("가", [["나"]])], None, []]),
        (pa.string(), ["가", None]),
    ],
)
def test_whole_columns_stay_as_they_are(kind, values):
    batch = pa.RecordBatch.from_arrays([pa.array(values, kind)], ["c"])
    assert with_offsets(batch) is batch


def test_maps_and_slices_of_nothing_keep_their_rows():
    maps = pa.array([[], None], pa.map_(pa.string(), LISTS))
    batch = pa.RecordBatch.from_arrays([maps], ["c"])
    assert with_offsets(batch).to_pylist() == batch.to_pylist()
    assert with_offsets(batch.slice(1)).to_pylist() == batch.slice(1).to_pylist()
