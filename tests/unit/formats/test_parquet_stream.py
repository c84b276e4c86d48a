"""Parquet files that leave in pieces while they are written."""

import io
import re
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nlpbatch.formats.parquet_stream import ParquetLayout, ParquetStream

ROWS = pa.record_batch({"id": pa.array(range(1000)), "text": pa.array([f"text {n}" for n in range(1000)])})


def written(batches, layout=ParquetLayout()):  # noqa: B008  (frozen)
    stream = ParquetStream(batches[0].schema, layout)
    parts = [part for batch in batches for part in stream.write(batch)]
    return pq.ParquetFile(io.BytesIO(b"".join([*parts, *stream.close()])))


def test_the_file_holds_all_rows_in_order_and_the_footer_s_keys():
    file = written([ROWS[:10], ROWS[10:700], ROWS[700:]], ParquetLayout(metadata={"key": "값"}))
    assert file.read() == pa.Table.from_batches([ROWS])
    assert file.metadata.metadata == {b"key": "값".encode()}  # no schema of Arrow's


def test_rows_are_gathered_to_row_groups_and_leave_when_one_is_full():
    stream = ParquetStream(ROWS.schema, ParquetLayout(row_group_bytes=ROWS.nbytes))
    assert sum(map(len, stream.write(ROWS[:500]))) <= len(b"PAR1")
    assert sum(map(len, stream.write(ROWS[500:]))) > 5_000
    file = written([ROWS[:500], ROWS[500:], ROWS[:10]], ParquetLayout(row_group_bytes=ROWS.nbytes))
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [1_000, 10]


def test_a_file_may_have_no_rows():
    file = written([ROWS[:0]])
    assert (file.metadata.num_rows, file.schema_arrow.names) == (0, ["id", "text"])


def test_columns_have_the_layout_of_spark_s_writer():
    schema = pa.schema(
        [
            pa.field("small", pa.decimal128(9, 2)),
            pa.field("large", pa.decimal128(18, 2)),
            pa.field("huge", pa.decimal128(19, 2)),
            pa.field("list", pa.list_(pa.field("item", pa.string()))),
            pa.field("needed", pa.int8(), nullable=False),
            pa.field("at", pa.timestamp("us", tz="Asia/Seoul")),
        ]
    )
    row = [Decimal("1.25"), Decimal("1.25"), Decimal("1.25"), ["a"], 1, datetime(2024, 5, 1, tzinfo=UTC)]
    batch = pa.record_batch([[value] for value in row], schema=schema)
    columns = written([batch]).schema
    types = {column.path: column.physical_type for column in map(columns.column, range(len(columns)))}
    assert types == {
        "small": "INT32",
        "large": "INT64",
        "huge": "FIXED_LEN_BYTE_ARRAY",
        "list.list.element": "BYTE_ARRAY",
        "needed": "INT32",
        "at": "INT64",
    }
    assert columns.column(4).max_definition_level == 0
    assert written([batch], ParquetLayout(int96=True)).schema.column(5).physical_type == "INT96"


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd", "lz4", "brotli"])
def test_the_codec_is_the_one_that_was_asked_for(compression):
    file = written([ROWS], ParquetLayout(compression=compression))
    expected = "UNCOMPRESSED" if compression == "none" else compression.upper()
    assert file.metadata.row_group(0).column(1).compression == expected


def test_fields_have_ids_where_the_layout_has_them_those_within_lists_structs_and_maps_too():
    tokens = pa.list_(pa.struct([("form", pa.string()), ("start", pa.int32())]))
    rows = pa.record_batch(
        {
            "tokens": pa.array([[{"form": "글", "start": 0}], None], tokens),
            "counts": pa.array([[("글", 1)], None], pa.map_(pa.string(), pa.int32())),
            "id": pa.array([1, 2]),
        }
    )
    ids = {
        ("tokens",): 1,
        ("tokens", "element"): 4,
        ("tokens", "element", "form"): 5,
        ("tokens", "element", "start"): 6,
    }
    ids |= {("counts",): 2, ("counts", "key"): 7, ("counts", "value"): 8}
    file = written([rows], ParquetLayout(field_ids=ids))
    assert [int(found) for found in re.findall(r"field_id=(\d+)", str(file.schema))] == [1, 4, 5, 6, 2, 7, 8]
    assert file.read().to_pylist() == rows.to_pylist()
