"""Types of Parquet that Spark doesn't read, found in the files' footers: which columns have them, and what is done.

Timestamps in nanoseconds, as pandas writes them, are read as whole numbers and made timestamps of microseconds, the
finest that Spark has. Columns of other types are refused by name.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as sf
from pyspark.sql.types import DataType, LongType, StructField, StructType, TimestampNTZType, TimestampType

NANOS_AS_LONG: Final = "spark.sql.legacy.parquet.nanosAsLong"
_NANOS: Final[Mapping[str, DataType]] = {
    "TIMESTAMP(NANOS,true)": TimestampType(),
    "TIMESTAMP(NANOS,false)": TimestampNTZType(),
}
_UNREAD: Final = ("TIME(", "FLOAT16", "INTERVAL", "UUID")
_UNTYPED: Final = frozenset(
    {
        "PARQUET_TYPE_ILLEGAL",
        "PARQUET_TYPE_NOT_SUPPORTED",
        "UNSUPPORTED_TIME_TYPE",
        "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION",
    }
)
"""What Spark says of types that it doesn't read."""
_MAX_PRECISION: Final = 38
_LOOKED_AT: Final = 100
"""Files whose footers are looked at: files of one input hardly ever differ in this."""


def nanosecond_columns(spark: SparkSession, files: Iterable[str]) -> dict[str, DataType]:
    """Return the types that columns of nanoseconds are to get, by name."""
    return {name: _NANOS[kinds[0]] for name, kinds in _columns(spark, files) if len(kinds) == 1 and kinds[0] in _NANOS}


def unread_column(spark: SparkSession, files: Iterable[str]) -> str | None:
    """Return in words which column Spark can't read, with its type; None if it can read all."""
    for name, kinds in _columns(spark, files):
        wrong = next((kind for kind in kinds if _is_unread(kind) or (kind in _NANOS and len(kinds) > 1)), None)
        if wrong is not None:
            return f"column {name!r} {'is' if len(kinds) == 1 else 'holds'} {wrong}"
    return None


def is_untyped(error: PySparkException | Py4JJavaError) -> bool:
    """Return whether an error is about a type that Spark doesn't read."""
    return isinstance(error, PySparkException) and error.getCondition() in _UNTYPED


def with_timestamps(schema: StructType, nanos: Mapping[str, DataType]) -> StructType:
    """Return the schema with timestamps in place of the whole numbers that nanoseconds are read as."""
    return StructType([StructField(field.name, nanos.get(field.name, field.dataType)) for field in schema])


def with_numbers(schema: StructType, nanos: Mapping[str, DataType]) -> StructType:
    """Return the schema as Spark is to read it: whole numbers for nanoseconds."""
    types = dict.fromkeys(nanos, LongType())
    return StructType([StructField(field.name, types.get(field.name, field.dataType)) for field in schema])


def timestamp(nanos: Column, kind: DataType) -> Column:
    """Return nanoseconds since 1970 as a timestamp; what is finer than a microsecond is cut off."""
    micros = sf.call_function("div", nanos - sf.pmod(nanos, sf.lit(1_000)), sf.lit(1_000))
    if isinstance(kind, TimestampType):
        return sf.timestamp_micros(micros)
    return sf.timestamp_add("MICROSECOND", micros, sf.lit("1970-01-01 00:00:00").cast(kind))


def _is_unread(kind: str) -> bool:
    if kind.startswith("DECIMAL("):
        return int(kind[8:].partition(",")[0]) > _MAX_PRECISION
    return kind.startswith(_UNREAD)


def _columns(spark: SparkSession, files: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the columns of files, each with its logical type; a nested one with its own and all within it."""
    for _, schema in zip(range(_LOOKED_AT), _schemas(spark, files), strict=False):
        for field in schema.getFields():
            yield str(field.getName()), list(_kinds(field))


def _kinds(field: Any) -> Iterator[str]:
    yield str(field.getLogicalTypeAnnotation())
    if not field.isPrimitive():
        for inner in field.asGroupType().getFields():
            yield from _kinds(inner)


def _schemas(spark: SparkSession, files: Iterable[str]) -> Iterator[Any]:
    context = spark.sparkContext
    jvm: Any = context._jvm  # noqa: SLF001
    settings: Any = context._jsc.hadoopConfiguration()  # noqa: SLF001
    path, file = jvm.org.apache.hadoop.fs.Path, jvm.org.apache.parquet.hadoop.util.HadoopInputFile
    reader = jvm.org.apache.parquet.hadoop.ParquetFileReader
    for name in files:
        try:
            opened = reader.open(file.fromPath(path(name), settings))
        except Py4JJavaError:
            continue  # a damaged file has no types
        try:
            yield opened.getFileMetaData().getSchema()
        finally:
            opened.close()
