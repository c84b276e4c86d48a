"""Anybody's Parquet, JSON Lines or CSV as the Parquet file that the job reads."""

import codecs
import io
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq

from nlpbatch.errors import ConfigError
from nlpbatch.formats.csv_dialect import column_names, records_of, separator_of
from nlpbatch.formats.csv_faults import find_quote_fault
from nlpbatch.formats.encodings import UTF_8, encoding_fault, known_encoding
from nlpbatch.formats.json_shape import json_shape
from nlpbatch.formats.names import separator_of_name
from nlpbatch.wire.limits import MIB

DOCUMENTS: Final = Path(__file__).with_name("documents.jsonl")
"""The demo's own documents; their text column is `text`."""
_BLOCK_BYTES: Final = 8 * MIB
_BLOCK_ROWS: Final = 10_000


def to_parquet(source: Path, text: str, target: Path, encoding: str = UTF_8) -> int:
    """Write the source's rows to a Parquet file and return their number; memory stays bounded by one batch.

    Args:
        source: A .parquet file or directory, .jsonl/.ndjson/.json (one object a line) or .csv/.tsv with a header.
        text: The column that will be analysed; checked here, where the columns can be named.
        target: The Parquet file to write.
        encoding: Of the characters of JSON Lines and CSV.

    Raises:
        ConfigError: The file is missing, of another kind, can't be read, or has no such string column.

    """
    if not source.exists():
        raise ConfigError(f"{source} doesn't exist: give a Parquet, JSON Lines or CSV file")
    encoding = known_encoding(encoding)
    try:
        schema, batches = _reader(source)(source, text, encoding)
        _check_column(source, schema, text)
        return _write(schema, batches, target)
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{source} can't be read as {_kind(source)}: some of its bytes are not {encoding.upper()}: save it as UTF-8"
        ) from error
    except (pa.ArrowException, OSError) as error:
        # Arrow quotes what it can't parse, which may be text.
        reason = str(error).splitlines()[0].partition(" in row ")[0]
        remedy = ": save it as UTF-8" if "UTF8" in reason or "encoding" in reason else ""
        raise ConfigError(f"{source} can't be read as {_kind(source)}: {reason}{remedy}") from error


_Rows = tuple[pa.Schema, Iterable[pa.RecordBatch]]


def _parquet(source: Path, _text: str, _encoding: str) -> _Rows:
    import pyarrow.dataset  # noqa: PLC0415  (half a second that the other kinds needn't wait for)

    data = pyarrow.dataset.dataset(source, format="parquet", partitioning="hive")
    return data.schema, data.to_batches()


def _json_lines(source: Path, text: str, encoding: str) -> _Rows:
    shape = json_shape(_beginning(source, encoding))
    if shape != "lines":
        words = "is one array" if shape == "array" else "has objects over several lines"
        raise ConfigError(f"{source} can't be read as JSON Lines: it {words}: write one object on each line (jq -c)")

    def opened() -> Any:
        plain = pa.input_stream(source)
        return plain if encoding == UTF_8 else pa.transcoding_input_stream(plain, encoding, UTF_8)

    # Types are read off the first block; a line may not be longer than one.
    read = pyarrow.json.ReadOptions(block_size=_BLOCK_BYTES)
    reader = pyarrow.json.open_json(opened(), read_options=read)
    if text not in reader.schema.names or not pa.types.is_null(reader.schema.field(text).type):
        return reader.schema, _valid(reader)
    # No text in the first block says nothing about the next.
    parse = pyarrow.json.ParseOptions(explicit_schema=pa.schema([pa.field(text, pa.string())]))
    reader = pyarrow.json.open_json(opened(), read_options=read, parse_options=parse)
    return reader.schema, _valid(reader)


def _valid(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Check what Arrow's JSON reader doesn't: that strings are UTF-8."""
    for batch in batches:
        batch.validate(full=True)
        yield batch


def _csv(source: Path, _: str, encoding: str) -> _Rows:
    """CSV as jobs read it: see `nlpbatch.formats.csv_dialect`. Its values are strings, and an empty one is null."""
    beginning = _beginning(source, encoding)
    separator = separator_of_name(source.name) or separator_of(beginning)
    header = next(records_of(io.StringIO(beginning, newline=""), separator), None)
    if header is None:
        raise ConfigError(f"{source} can't be read as CSV: it is empty: give a file with a header")
    _check_quotes(source, encoding, separator)
    names = column_names(header)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"{source} can't be read as CSV: its header names two columns {twice!r}: rename one")
    schema = pa.schema([(name, pa.string()) for name in names])
    return schema, _csv_batches(source, encoding, separator, schema)


def _csv_batches(source: Path, encoding: str, separator: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    with source.open(encoding="utf-8-sig" if encoding == UTF_8 else encoding, newline="") as lines:
        reader = enumerate(records_of(lines, separator))
        next(reader)
        for block in iter(lambda: list(islice(reader, _BLOCK_ROWS)), []):
            wrong = next(((number, values) for number, values in block if len(values) != len(schema)), None)
            if wrong is not None:
                raise ConfigError(
                    f"{source} can't be read as CSV: record {wrong[0]:,} has {len(wrong[1]):,} values, the header has "
                    f"{len(schema):,}: a quote or a separator may be missing"
                )
            columns = zip(*(values for _, values in block), strict=True)
            arrays = [pa.array([value or None for value in column], pa.string()) for column in columns]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _check_quotes(source: Path, encoding: str, separator: str) -> None:
    """Refuse a file with a quote that is not closed: it would swallow the lines after it.

    Raises:
        ConfigError: Naming the line.

    """
    with source.open(encoding=encoding) as lines:
        fault = find_quote_fault((line.rstrip("\n") for line in lines), separator)
    if fault is not None:
        raise ConfigError(f"{source} can't be read as CSV: {fault.reason}: close it, or double it within quotes")


def _beginning(source: Path, encoding: str) -> str:
    """Return the beginning of a file.

    Raises:
        ConfigError: It is of another encoding.

    """
    with source.open("rb") as file:
        data = file.read(_BLOCK_BYTES)
    is_all = len(data) < _BLOCK_BYTES
    fault = encoding_fault(data, encoding, is_all=is_all)
    if fault is not None:
        raise ConfigError(f"{source} {fault}")
    return codecs.getincrementaldecoder(encoding)().decode(data, final=is_all)


_READERS: Final[dict[str, tuple[str, Callable[[Path, str, str], _Rows]]]] = {
    ".parquet": ("Parquet", _parquet),
    "": ("Parquet", _parquet),
    ".jsonl": ("JSON Lines", _json_lines),
    ".ndjson": ("JSON Lines", _json_lines),
    ".json": ("JSON Lines", _json_lines),
    ".csv": ("CSV", _csv),
    ".tsv": ("CSV", _csv),
}


def _reader(source: Path) -> Callable[[Path, str, str], _Rows]:
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
