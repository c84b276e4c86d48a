"""Anybody's Parquet, JSON Lines or CSV as the Parquet file that the job reads."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from nlpbatch.errors import ConfigError
from nlpbatch.wire.limits import MIB

DOCUMENTS: Final = Path(__file__).with_name("documents.jsonl")
"""The demo's own documents; their text column is `text`."""
_BLOCK_BYTES: Final = 8 * MIB


def to_parquet(source: Path, text: str, target: Path) -> int:
    """Write the source's rows to a Parquet file and return their number; memory stays bounded by one batch.

    Args:
        source: A .parquet file or directory, .jsonl/.ndjson/.json (one object a line) or .csv/.tsv with a header.
        text: The column that will be analysed; checked here, where the columns can be named.
        target: The Parquet file to write.

    Raises:
        ConfigError: The file is missing, of another kind, can't be read, or has no such string column.

    """
    if not source.exists():
        raise ConfigError(f"{source} doesn't exist: give a Parquet, JSON Lines or CSV file")
    try:
        schema, batches = _reader(source)(source, text)
        _check_column(source, schema, text)
        return _write(schema, batches, target)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        # Korean spreadsheets often save in another encoding.
        remedy = ": save it as UTF-8" if "UTF8" in reason or "encoding" in reason else ""
        raise ConfigError(f"{source} can't be read as {_kind(source)}: {reason}{remedy}") from error


_Rows = tuple[pa.Schema, Iterable[pa.RecordBatch]]


def _parquet(source: Path, _: str) -> _Rows:
    import pyarrow.dataset  # noqa: PLC0415  (half a second that the other kinds needn't wait for)

    data = pyarrow.dataset.dataset(source, format="parquet", partitioning="hive")
    return data.schema, data.to_batches()


def _json_lines(source: Path, text: str) -> _Rows:
    # Types are read off the first block; a line may not be longer than one.
    read = pyarrow.json.ReadOptions(block_size=_BLOCK_BYTES)
    reader = pyarrow.json.open_json(source, read_options=read)
    if text not in reader.schema.names or not pa.types.is_null(reader.schema.field(text).type):
        return reader.schema, _valid(reader)
    # No text in the first block says nothing about the next.
    parse = pyarrow.json.ParseOptions(explicit_schema=pa.schema([pa.field(text, pa.string())]))
    reader = pyarrow.json.open_json(source, read_options=read, parse_options=parse)
    return reader.schema, _valid(reader)


def _valid(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Check what Arrow's JSON reader doesn't: that strings are UTF-8."""
    for batch in batches:
        batch.validate(full=True)
        yield batch


def _csv(source: Path, _: str) -> _Rows:
    delimiter = "\t" if source.suffix.lower() == ".tsv" else ","
    parse = pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    read = pyarrow.csv.ReadOptions(block_size=_BLOCK_BYTES)
    with pyarrow.csv.open_csv(source, read_options=read, parse_options=parse) as first:
        names = first.schema.names
    # CSV has no types. Those guessed from the first block fail on the first "n/a" in the second.
    convert = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
    reader = pyarrow.csv.open_csv(source, read_options=read, parse_options=parse, convert_options=convert)
    return reader.schema, reader


_READERS: Final[dict[str, tuple[str, Callable[[Path, str], _Rows]]]] = {
    ".parquet": ("Parquet", _parquet),
    "": ("Parquet", _parquet),
    ".jsonl": ("JSON Lines", _json_lines),
    ".ndjson": ("JSON Lines", _json_lines),
    ".json": ("JSON Lines", _json_lines),
    ".csv": ("CSV", _csv),
    ".tsv": ("CSV", _csv),
}


def _reader(source: Path) -> Callable[[Path, str], _Rows]:
    suffix = "" if source.is_dir() else source.suffix.lower()
    if suffix not in _READERS or (not suffix and not source.is_dir()):
        raise ConfigError(
            f"{source} has the ending {source.suffix!r}: give one of .parquet, .jsonl, .ndjson, .json, .csv, .tsv"
        )
    return _READERS[suffix][1]


def _kind(source: Path) -> str:
    return _READERS["" if source.is_dir() else source.suffix.lower()][0]


def _check_column(source: Path, schema: pa.Schema, text: str) -> None:
    columns = ", ".join(f"{field.name} ({field.type})" for field in schema)
    if text not in schema.names:
        raise ConfigError(f"{source} has no column {text!r}: choose one with --text; there are {columns}")
    type_: Any = schema.field(text).type
    if not (pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_null(type_)):
        raise ConfigError(
            f"column {text!r} of {source} is {type_}, not string: choose one with --text; there are {columns}"
        )


def _write(schema: pa.Schema, batches: Iterable[pa.RecordBatch], target: Path) -> int:
    # A JSON column of nulls only has Arrow's null type, which Parquet readers don't share.
    typed = pa.schema([field.with_type(pa.string()) if pa.types.is_null(field.type) else field for field in schema])
    rows = 0
    # Spark reads no nanoseconds, which pandas writes.
    with pq.ParquetWriter(target, typed, coerce_timestamps="us", allow_truncated_timestamps=True) as writer:
        for batch in _cast(batches, typed):
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def _cast(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield batch.cast(schema) if batch.schema != schema else batch
