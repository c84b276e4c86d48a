"""Parquet files as parts to choose from: their footers say which row groups there are."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from nlpbatch.errors import ConfigError
from nlpbatch.sampling.design import Unit
from nlpbatch.sampling.places import File, Place

_MOST_FOOTERS: Final = 2_000
"""Of more files, so many are looked at, chosen at random."""
_THREADS: Final = 8
_MAGIC: Final = b"PAR1"
_TAIL_BYTES: Final = 8
"""A footer is followed by its length, 4 bytes, and the magic number."""


@dataclass(frozen=True, slots=True)
class Footers:
    """What the footers say.

    Args:
        files: Files that were looked at.
        metadata: Their footers.
        units: Their row groups.
        columns: What the files have, partition directories not among them.

    """

    files: Sequence[File]
    metadata: Sequence[pq.FileMetaData]
    units: Sequence[Unit]
    columns: Sequence[str]


def read_footers(place: Place, columns: Sequence[str] | None, chance: random.Random) -> Footers:
    """Return what is there to choose from.

    Args:
        place: Where the files are.
        columns: Those wanted; all if None.
        chance: Of the choice of files, if there are very many.

    Raises:
        ConfigError: A file isn't Parquet, or hasn't a column.

    """
    files = place.files
    if len(files) > _MOST_FOOTERS:
        files = sorted(chance.sample(files, _MOST_FOOTERS), key=lambda file: file.path)
    with ThreadPoolExecutor(_THREADS) as threads:
        footers = list(threads.map(lambda file: _footer(place, file), files))
    names = footers[0].schema.to_arrow_schema().names
    missing = [name for name in columns or () if name not in names]
    if missing:
        raise ConfigError(f"{place.url!r} has no column {missing[0]!r}: choose from {', '.join(names)}")
    units = [
        Unit(position, number, footer.row_group(number).num_rows, _size_bytes(footer.row_group(number), columns))
        for position, footer in enumerate(footers)
        for number in range(footer.num_row_groups)
        if footer.row_group(number).num_rows
    ]
    return Footers(files, footers, units, names)


def read_unit(place: Place, footers: Footers, unit: Unit, columns: Sequence[str] | None) -> pa.Table:
    """Return the rows of a row group, with the wanted columns only."""
    file = footers.files[unit.file]
    with place.open(file) as opened:
        try:
            reader = pq.ParquetFile(opened, metadata=footers.metadata[unit.file])
            return reader.read_row_group(unit.number, columns=list(columns) if columns else None)
        except (pa.ArrowException, OSError) as error:
            raise _damaged(file, error) from error


def _footer(place: Place, file: File) -> pq.FileMetaData:
    """Return a file's footer. pyarrow would read 64 KiB for it, which of many small files is a large part."""
    if file.size_bytes < len(_MAGIC) + _TAIL_BYTES:
        raise _damaged(file, ValueError("it is too short"))
    with place.open(file) as opened:
        opened.seek(file.size_bytes - _TAIL_BYTES)
        tail = opened.read(_TAIL_BYTES)
        size_bytes = int.from_bytes(tail[:4], "little")
        if not tail.endswith(_MAGIC) or size_bytes > file.size_bytes - _TAIL_BYTES:
            raise _damaged(file, ValueError("it has no footer"))
        opened.seek(file.size_bytes - _TAIL_BYTES - size_bytes)
        footer = opened.read(size_bytes)
    try:
        return pq.read_metadata(pa.BufferReader(_MAGIC + footer + tail))
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file, error) from error


def _damaged(file: File, error: Exception) -> ConfigError:
    return ConfigError(f"{file.path} can't be read as Parquet ({str(error)[:200]}): mend it or take it away")


def _size_bytes(group: pq.RowGroupMetaData, columns: Sequence[str] | None) -> int:
    chunks = [group.column(position) for position in range(group.num_columns)]
    wanted = None if columns is None else set(columns)
    return sum(
        chunk.total_compressed_size
        for chunk in chunks
        if wanted is None or chunk.path_in_schema.split(".")[0] in wanted
    )
