"""Reads the row groups of Parquet files: the parts to choose from, which the footers list."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nlpbatch.errors import ConfigError
from nlpbatch.sampling.design import UNIT, WEIGHT, PageSpan, Unit
from nlpbatch.sampling.locations import CountedFile, File, Location
from nlpbatch.sampling.pages import read_span
from nlpbatch.wire.limits import MIB

_MAX_FOOTERS: Final = 2_000
"""Largest number of footers to read; of more files, as many are chosen at random."""
_THREADS: Final = 8
_MAGIC: Final = b"PAR1"
_BATCH_ROWS: Final = 65_536
_BUFFER_BYTES: Final = 4 * MIB
"""Bytes of a column to read at a time."""
_MAX_DIGITS: Final = 18
"""Digits that an int64 always holds."""
_NOTHING: Final = ""
"""Name of a column of nulls, because a table without columns has no number of rows."""
_STORED: Final = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}
_TAIL_BYTES: Final = 8
"""A footer is followed by its length, 4 bytes, and the magic number."""


@dataclass(frozen=True, slots=True)
class Footers:
    """The footers of the files.

    Args:
        files: Files whose footers were read.
        metadata: Their footers.
        units: Their row groups.
        columns: Wanted columns that are in the files; all if None.
        partitions: Columns in the names of directories, and their types.
        replaced: Those of them that are also in the files, whose values are not read.

    """

    files: Sequence[File]
    metadata: Sequence[pq.FileMetaData]
    units: Sequence[Unit]
    columns: Sequence[str] | None
    partitions: Mapping[str, pa.DataType]
    replaced: Sequence[str] = ()

    def chunks(self, unit: Unit) -> list[tuple[int, pq.ColumnChunkMetaData]]:
        """Return the position and the metadata of each column chunk that is wanted of a row group."""
        group = self.metadata[unit.file].row_group(unit.number)
        found = ((position, group.column(position)) for position in range(group.num_columns))
        return [(position, chunk) for position, chunk in found if self._is_wanted(chunk.path_in_schema)]

    def _is_wanted(self, path: str) -> bool:
        if self.columns is None:
            return path not in self.partitions
        return _is_of(path, self.columns)


def read_footers(
    location: Location, columns: Sequence[str] | None, chance: random.Random, *, also: Sequence[str] = ()
) -> Footers:
    """Return the footers, with the row groups to choose from.

    Args:
        location: Location of the files.
        columns: Those wanted; all if None.
        chance: Random source for the choice of files, if there are very many.
        also: Further columns that must exist.

    Raises:
        ConfigError: A file isn't Parquet, or none has a column.

    """
    files = location.files
    if len(files) > _MAX_FOOTERS:
        files = sorted(chance.sample(files, _MAX_FOOTERS), key=lambda file: file.path)
    with ThreadPoolExecutor(_THREADS) as threads:
        footers = list(threads.map(lambda file: _footer(location, file), files))
    schemas = {footer.schema.to_arrow_schema() for footer in footers}
    for schema in schemas:
        name, count = max(Counter(schema.names).items(), key=itemgetter(1), default=("", 0))
        if count > 1:
            raise ConfigError(f"{location.url!r}: a file has {count} columns {name!r}: rename them")
    inside = dict.fromkeys(name for schema in schemas for name in schema.names)
    partitions = _partitions(files, columns)
    names = [*inside, *(name for name in _partitions(files, None) if name not in inside)]
    reserved = [name for name in names if name in (UNIT, WEIGHT)]
    if reserved:
        raise ConfigError(
            f"{location.url!r} is a sample already, or has a column {reserved[0]!r}: sample the original data"
        )
    missing = [name for name in (*(columns or ()), *also) if name not in names]
    if missing:
        raise ConfigError(f"{location.url!r} has no column {missing[0]!r}: choose from {', '.join(names)}")
    wanted = None if columns is None else [name for name in columns if name not in partitions]
    units = [
        Unit(position, number, footer.row_group(number).num_rows, _size_bytes(footer.row_group(number), wanted))
        for position, footer in enumerate(footers)
        for number in range(footer.num_row_groups)
        if footer.row_group(number).num_rows
    ]
    return Footers(files, footers, units, wanted, partitions, [name for name in partitions if name in inside])


def read_column(location: Location, footers: Footers, unit: Unit, name: str) -> pa.Array:
    """Return a column of a row group, with a value for each row; null where its file hasn't the column."""
    if name in footers.partitions:
        return _repeated(footers, unit, name, unit.rows)
    return pa.concat_tables(_batches(location, footers, unit, [name])).column(0).combine_chunks()


def read_rows(
    location: Location, footers: Footers, unit: Unit, rows: Sequence[int], spans: Mapping[str, PageSpan] | None = None
) -> pa.Table:
    """Return rows of a row group, given by their ascending numbers, with the wanted columns only.

    Args:
        location: Location of the files.
        footers: Their footers.
        unit: The row group.
        rows: Numbers of the rows.
        spans: Bytes to read for them, by column; None for all of the row group.

    """
    table = _spanned(location, footers, unit, rows, spans) if spans else _picked(location, footers, unit, rows)
    for name in footers.partitions:
        table = table.append_column(name, _repeated(footers, unit, name, len(rows)))
    return table.drop([_NOTHING]) if _NOTHING in table.schema.names else table


def _spanned(
    location: Location, footers: Footers, unit: Unit, rows: Sequence[int], spans: Mapping[str, PageSpan]
) -> pa.Table:
    file, metadata = footers.files[unit.file], footers.metadata[unit.file]
    with location.open(file) as opened:
        try:
            found = {
                name: read_span(opened, metadata, span, rows, group=unit.number, column=name)
                for name, span in spans.items()
            }
        except (pa.ArrowException, OSError) as error:
            raise _damaged(file, error) from error
    return _plain(pa.table(found))


def _picked(location: Location, footers: Footers, unit: Unit, rows: Sequence[int]) -> pa.Table:
    numbers, start, parts = np.asarray(rows, np.int64), 0, []
    for batch in _batches(location, footers, unit, footers.columns):
        here = numbers[np.searchsorted(numbers, start) : np.searchsorted(numbers, start + batch.num_rows)]
        parts.append(batch.take(pa.array(here - start)))
        start += batch.num_rows
    return pa.concat_tables(parts)


def together(tables: Sequence[pa.Table], location: Location) -> pa.Table:
    """Return tables as one; numbers of several widths take the widest, and a column that a table lacks is null.

    Raises:
        ConfigError: A column is of several types.

    """
    try:
        return pa.concat_tables(tables, promote_options="permissive").combine_chunks()
    except pa.ArrowException as error:
        kinds: dict[str, set[str]] = {}
        for column in (column for table in tables for column in table.schema):
            kinds.setdefault(column.name, set()).add(str(column.type))
        odd = (f"{name!r} ({', '.join(sorted(found))})" for name, found in kinds.items() if len(found) > 1)
        raise ConfigError(
            f"{location.url!r}: column {next(odd, '')} is of several types in different files: leave it out"
        ) from error


def _batches(location: Location, footers: Footers, unit: Unit, columns: Sequence[str] | None) -> Iterator[pa.Table]:
    """Yield a row group in parts of some rows: one group may be a whole file, which memory needn't hold."""
    file, metadata = footers.files[unit.file], footers.metadata[unit.file]
    with location.open(file) as opened:
        try:
            reader = pq.ParquetFile(
                opened,
                metadata=metadata,
                buffer_size=_BUFFER_BYTES,
                pre_buffer=False,  # True would hold whole column chunks
                coerce_int96_timestamp_unit="us",
            )
            # as in Spark, the value in a directory's name goes before that in its files
            names = [name for name in reader.schema_arrow.names if name not in footers.partitions]
            kept = names if columns is None else [name for name in columns if name in names]
            if not kept:
                yield pa.table({_NOTHING: pa.nulls(unit.rows)})
                return
            for batch in reader.iter_batches(_BATCH_ROWS, row_groups=[unit.number], columns=kept):
                yield _plain(pa.Table.from_batches([batch]))
        except (pa.ArrowException, OSError) as error:
            raise _damaged(file, error) from error


def _plain(table: pa.Table) -> pa.Table:
    """Return the table with values stored plainly: Arrow computes little with dictionaries, and less with views."""
    for position, column in enumerate(table.schema):
        kind = column.type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        kind = _STORED.get(kind, kind)
        if kind != column.type:
            table = table.set_column(position, column.name, table.column(position).cast(kind))
    return table


def _partitions(files: Sequence[File], columns: Sequence[str] | None) -> Mapping[str, pa.DataType]:
    """Return the wanted columns that directories stand for: of whole numbers if all are, else of text."""
    values: dict[str, set[str]] = {}
    for file in files:
        for name, value in file.partition.items():
            values.setdefault(name, set()).update(() if value is None else (value,))
    return {
        name: pa.int64() if found and all(map(_is_whole, found)) else pa.string()
        for name, found in values.items()
        if columns is None or name in columns
    }


def _is_whole(value: str) -> bool:
    return value.removeprefix("-").isascii() and value.removeprefix("-").isdigit() and len(value) <= _MAX_DIGITS


def _repeated(footers: Footers, unit: Unit, name: str, rows: int) -> pa.Array:
    kind = footers.partitions[name]
    value = footers.files[unit.file].partition.get(name)
    return pa.repeat(pa.scalar(value).cast(kind), rows)


def _footer(location: Location, file: File) -> pq.FileMetaData:
    """Return a file's footer. pyarrow would read 64 KiB for it, a large part of many small files."""
    if file.size_bytes < len(_MAGIC) + _TAIL_BYTES:
        raise _damaged(file, ValueError("it is too short"))
    with location.open(file) as opened:
        footer, tail = read_footer(opened, file)
    try:
        return pq.read_metadata(pa.BufferReader(_MAGIC + footer + tail))
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file, error) from error


def read_footer(opened: CountedFile, file: File) -> tuple[bytes, bytes]:
    """Return an open file's footer, and what follows it: its length and the magic number."""
    opened.seek(file.size_bytes - _TAIL_BYTES)
    tail = opened.read(_TAIL_BYTES)
    size_bytes = int.from_bytes(tail[:4], "little")
    if not tail.endswith(_MAGIC) or size_bytes > file.size_bytes - _TAIL_BYTES:
        raise _damaged(file, ValueError("it has no footer"))
    opened.seek(file.size_bytes - _TAIL_BYTES - size_bytes)
    return opened.read(size_bytes), tail


def _damaged(file: File, error: Exception) -> ConfigError:
    return ConfigError(f"{file.path} can't be read as Parquet ({str(error)[:200]}): repair or remove it")


def _size_bytes(group: pq.RowGroupMetaData, columns: Sequence[str] | None) -> int:
    chunks = [group.column(position) for position in range(group.num_columns)]
    return sum(
        chunk.total_compressed_size for chunk in chunks if columns is None or _is_of(chunk.path_in_schema, columns)
    )


def _is_of(path: str, columns: Sequence[str]) -> bool:
    """Return whether a chunk is of one of the columns; names may have dots, too."""
    return any(path == name or path.startswith(f"{name}.") for name in columns)
