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


@dataclass(frozen=True, slots=True)
class ParquetLayout:
    """What a reader may notice of how a file was written.

    Args:
        metadata: Keys and values of the footer.
        compression: Codec, as pyarrow calls it.
        level: Its level; None for pyarrow's own.
        int96: Whether timestamps are INT96, which Spark writes unless configured otherwise.
        row_group_bytes: Bytes in memory from which on a row group is written.

    """

    metadata: Mapping[str, str] = field(default_factory=dict)
    compression: str = "snappy"
    level: int | None = None
    int96: bool = False
    row_group_bytes: int = ROW_GROUP_BYTES


class ParquetStream:
    """Encodes rows as one Parquet file; holds the rows of one row group at most, and one batch beyond.

    Args:
        schema: The columns' names, types and nullability; all rows must have it.
        layout: How the file is written.

    """

    def __init__(self, schema: pa.Schema, layout: ParquetLayout) -> None:
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
