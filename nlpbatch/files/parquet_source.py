"""Rows of Parquet files: row group by row group, page by page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from nlpbatch.errors import ConfigError
from nlpbatch.files.listing import InputFile
from nlpbatch.files.plain_types import fitted, plain_schema
from nlpbatch.files.source import BATCH_ROWS, DAMAGED, check_names, nothing_readable
from nlpbatch.wire.limits import MIB

_BUFFER_BYTES: Final = MIB


@dataclass(slots=True)
class ParquetSource:
    """Rows of Parquet files, whose columns are put together by name; what one lacks is null.

    Args:
        files: The files.

    Raises:
        ConfigError: None can be read, or they have a column of two types.

    """

    files: Sequence[InputFile]
    schema: pa.Schema = field(init=False)
    rows: int | None = field(init=False, default=0)
    set_aside: dict[str, str] = field(init=False, default_factory=dict)
    assumed: str = field(init=False, default="Parquet")
    _rows: dict[str, list[int]] = field(init=False, default_factory=dict)
    _done: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        schemas = []
        for file in self.files:
            try:
                with _opened(file.path) as opened:
                    metadata = opened.metadata
                    schemas.append((file.path, plain_schema(opened.schema_arrow)))
                    self._rows[file.path] = [
                        metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)
                    ]
            except (pa.ArrowException, OSError) as error:
                self.set_aside[file.path] = error.strerror or DAMAGED if isinstance(error, OSError) else DAMAGED
        if not schemas:
            raise nothing_readable("Parquet", self.set_aside)
        self.schema = _unified(schemas)
        self.rows = sum(map(sum, self._rows.values()))

    def batches(self, skip: int) -> Iterator[pa.RecordBatch]:
        """Yield the rows after the first `skip`."""
        self._done = skip
        for path, groups in self._rows.items():
            numbers: list[int] = []
            for number, rows in enumerate(groups):
                if not numbers and skip >= rows:
                    skip -= rows
                else:
                    numbers.append(number)
            if not numbers:
                continue
            with _opened(path) as opened:
                for batch in opened.iter_batches(BATCH_ROWS, row_groups=numbers):
                    left = batch.slice(skip)
                    skip = max(0, skip - batch.num_rows)
                    self._done += left.num_rows
                    if left.num_rows:
                        yield fitted(left, self.schema)

    def close(self) -> None:
        """Do nothing: a file is open only while it is read."""

    def read_share(self) -> float:
        """Return the part of the rows that was read."""
        return self._done / self.rows if self.rows else 1.0


def _opened(path: str) -> pq.ParquetFile:
    # Not read ahead by whole row groups, which may be of any size: pages are, through a buffer.
    return pq.ParquetFile(path, buffer_size=_BUFFER_BYTES, pre_buffer=False)


def _unified(schemas: Sequence[tuple[str, pa.Schema]]) -> pa.Schema:
    known: dict[str, tuple[str, pa.Field]] = {}
    for path, schema in schemas:
        check_names(schema.names)
        for one in schema:
            first, other = known.setdefault(one.name, (path, one))
            if other.type != one.type:
                raise ConfigError(
                    f"column {one.name!r} is {other.type} in {first} and {one.type} in {path}: give files of one type"
                )
    check_names(list(known))
    return pa.schema([one for _, one in known.values()])
