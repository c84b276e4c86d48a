"""Rows as one Parquet file that leaves in pieces while it is written; needs pyarrow.

The layout is that of Spark's own writer, so that a reader can't tell the files apart: three-level lists, decimals as
integers where they fit, timestamps as `ParquetLayout` says, no schema of Arrow's.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP_BYTES: Final = 16 * 1024 * 1024
"""Rows are gathered up to so many bytes, as they are in memory; compressed they take about a third."""


_FIELD_ID: Final = "PARQUET:field_id"
"""Where pyarrow looks for a field's id."""


@dataclass(frozen=True, slots=True)
class ParquetLayout:
    """What a reader may notice of how a file was written.

    Args:
        metadata: Keys and values of the footer.
        compression: Codec, as pyarrow calls it.
        level: Its level; None for pyarrow's own.
        int96: Whether timestamps are INT96, which Spark writes unless configured otherwise.
        row_group_bytes: Bytes in memory from which on a row group is written.
        field_ids: Ids of fields by their path, such as `("tokens", "element", "form")`; others have none.

    """

    metadata: Mapping[str, str] = field(default_factory=dict)
    compression: str = "snappy"
    level: int | None = None
    int96: bool = False
    row_group_bytes: int = ROW_GROUP_BYTES
    field_ids: Mapping[tuple[str, ...], int] = field(default_factory=dict)


class ParquetStream:
    """Encodes rows as one Parquet file; holds the rows of one row group at most, and one batch beyond.

    Args:
        schema: The columns' names, types and nullability; all rows must have it.
        layout: How the file is written.

    """

    def __init__(self, schema: pa.Schema, layout: ParquetLayout) -> None:
        if layout.field_ids:
            schema = pa.schema([_with_ids(one, (one.name,), layout.field_ids) for one in schema])
        self.schema = schema
        self._layout = layout
        self._sink = _Sink()
        self._writer = pq.ParquetWriter(
            self._sink,
            schema,
            compression=layout.compression,
            compression_level=layout.level,
            use_deprecated_int96_timestamps=layout.int96,
            store_decimal_as_integer=True,
            store_schema=False,
        )
        self._rows: list[pa.RecordBatch] = []
        self._rows_bytes = 0

    def write(self, rows: pa.RecordBatch) -> deque[bytes]:
        """Take more rows; return the bytes of the file that are complete by now, often none."""
        self._rows.append(rows)
        self._rows_bytes += rows.nbytes
        if self._rows_bytes >= self._layout.row_group_bytes:
            self._end_row_group()
        return self._sink.taken()

    def close(self) -> deque[bytes]:
        """Return the rest of the file."""
        self._end_row_group()
        self._writer.add_key_value_metadata(dict(self._layout.metadata))
        self._writer.close()
        return self._sink.taken()

    def _end_row_group(self) -> None:
        if self._rows:
            rows, self._rows, self._rows_bytes = self._rows, [], 0
            table = pa.Table.from_batches(rows, self.schema)
            self._writer.write_table(table, row_group_size=max(1, table.num_rows))


def _with_ids(field: pa.Field, path: tuple[str, ...], ids: Mapping[tuple[str, ...], int]) -> pa.Field:
    """Return a field with its id and those of the fields within it, whose names are Parquet's."""
    kind = field.type
    if pa.types.is_struct(kind):
        kind = pa.struct([_with_ids(child, (*path, child.name), ids) for child in kind])
    elif pa.types.is_list(kind):
        kind = pa.list_(_with_ids(kind.value_field, (*path, "element"), ids))
    elif pa.types.is_map(kind):
        key, value = (
            _with_ids(one, (*path, name), ids) for one, name in ((kind.key_field, "key"), (kind.item_field, "value"))
        )
        kind = pa.map_(key, value)
    metadata = {_FIELD_ID: str(ids[path])} if path in ids else None
    return pa.field(field.name, kind, field.nullable, metadata)


class _Sink:
    """A file to write to that is emptied while it grows."""

    def __init__(self) -> None:
        self.closed = False
        self._parts: deque[bytes] = deque()
        self._position = 0

    def write(self, part: bytes) -> int:
        self._parts.append(bytes(part))
        self._position += len(part)
        return len(part)

    def taken(self) -> deque[bytes]:
        parts, self._parts = self._parts, deque()
        return parts

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        """Do nothing: there is no buffer below."""

    def close(self) -> None:
        self.closed = True
