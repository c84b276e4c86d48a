"""Writes rows as Parquet, those that failed apart from the others."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nlpbatch.files.part_store import writing


class ResultFiles:
    """Two files of one schema, of which the second exists only if a row has failed.

    Args:
        directory: Where they are written.
        schema: Of all rows, with its metadata.

    """

    def __init__(self, directory: Path, schema: pa.Schema) -> None:
        self.rows = directory / "rows.parquet"
        self._dead = directory / "dead.parquet"
        self._schema = schema
        self._writers: dict[Path, pq.ParquetWriter] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Complete the files, or delete them after an error: the parts have their rows."""
        if kind is None:
            self._write(self.rows, self._schema.empty_table())
        for path, writer in self._writers.items():
            with suppress(OSError) if kind is not None else writing(path):
                writer.close()
            if kind is not None:
                path.unlink(missing_ok=True)

    @property
    def dead(self) -> Path | None:
        """Return the file of the rows that failed; None if none has."""
        return self._dead if self._dead in self._writers else None

    def add(self, batches: Sequence[pa.RecordBatch], failed: Sequence[pa.Array | None]) -> None:
        """Write rows as one row group of each file; `failed` says of each batch's rows which have."""
        if not batches:
            return
        if all(one is None for one in failed):
            self._write(self.rows, pa.Table.from_batches(batches))
            return
        split = [(batch, mask) for batch, mask in zip(batches, failed, strict=True) if mask is not None]
        good = [
            batch if mask is None else batch.filter(pc.invert(mask))
            for batch, mask in zip(batches, failed, strict=True)
        ]
        self._write(self.rows, pa.Table.from_batches(good))
        self._write(self._dead, pa.Table.from_batches([batch.filter(mask) for batch, mask in split]))

    def _write(self, path: Path, table: pa.Table) -> None:
        with writing(path):
            if path not in self._writers:
                self._writers[path] = pq.ParquetWriter(path, self._schema)
            if table.num_rows:
                self._writers[path].write_table(table, row_group_size=table.num_rows)
