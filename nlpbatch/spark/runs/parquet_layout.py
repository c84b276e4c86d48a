"""Decides whether tasks can write Parquet themselves as Spark would, and how.

Where a reader could notice a difference, Spark's own writer has to write: for types that pyarrow doesn't have or stores
otherwise, and for settings of Spark's writer that pyarrow's can't follow.
"""

from collections.abc import Iterator
from typing import Any, Final

from pyspark.sql import SparkSession
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    ByteType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    ShortType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from nlpbatch.formats.parquet_stream import ParquetLayout
from nlpbatch.formats.spark_schema import footer_metadata

_SETTING: Final = "spark.sql.parquet"
_CODECS: Final = {
    "none": ("none", None),
    "uncompressed": ("none", None),
    "snappy": ("snappy", None),
    "gzip": ("gzip", 6),
    "zstd": ("zstd", 3),
    "lz4_raw": ("lz4", None),
}
"""pyarrow's name of a codec and the level that Parquet's Java library has, by Spark's name of it."""
_PLAIN: Final = frozenset(
    {
        *(BooleanType, ByteType, ShortType, IntegerType, LongType, FloatType, DoubleType, DecimalType),
        *(BinaryType, DateType, TimestampType, TimestampNTZType),
    }
)
_DATES: Final = frozenset({DateType, TimestampType, TimestampNTZType})
_FIELD_ID: Final = "parquet.field.id"


def parquet_layout(spark: SparkSession, schema: StructType) -> ParquetLayout | str:
    """Return how tasks are to write files of this schema; or in words why Spark's own writer has to.

    Args:
        spark: Whose settings of Parquet hold.
        schema: The files' columns, with their metadata.

    """
    kinds = {type(kind) for field in schema for kind in _leaves(field.dataType)}
    reason = _odd_setting(spark, dates=bool(kinds & _DATES)) or _odd_column(schema)
    if reason is not None:
        return reason
    stored = _get(spark, "outputTimestampType", "INT96")
    if TimestampType in kinds and (
        stored not in {"INT96", "TIMESTAMP_MICROS"} or (stored == "INT96" and TimestampNTZType in kinds)
    ):
        also = " beside timestamp_ntz" if TimestampNTZType in kinds else ""
        return f"timestamps are to be stored as {stored}{also}"
    codec, level = _CODECS[_codec(spark)]
    return ParquetLayout(
        metadata=footer_metadata(schema.json(), str(spark.version)),
        compression=codec,
        level=level,
        int96=TimestampType in kinds and stored == "INT96",
    )


def _get(spark: SparkSession, name: str, default: str) -> str:
    return str(spark.conf.get(f"{_SETTING}.{name}", default)).upper()


def _codec(spark: SparkSession) -> str:
    return _get(spark, "compression.codec", "snappy").lower()


def _odd_setting(spark: SparkSession, *, dates: bool) -> str | None:
    """Return which setting of Spark's writer can't be followed; None if all can."""
    if _codec(spark) not in _CODECS:
        return f"{_SETTING}.compression.codec is {_codec(spark)}"
    wanted = {"writeLegacyFormat": "FALSE"}
    if dates:
        # Converted between calendars by Spark alone; the last is for sites whose INT96 isn't all Spark's.
        wanted |= {"datetimeRebaseModeInWrite": "CORRECTED", "int96RebaseModeInWrite": "CORRECTED"}
        wanted |= {"int96TimestampConversion": "FALSE"}
    for name, value in wanted.items():
        if _get(spark, name, value) != value:
            return f"{_SETTING}.{name} is {_get(spark, name, value).lower()}"
    # Of Parquet's Java library: encryption, sizes of pages, bloom filters.
    settings: Any = spark._jsparkSession.sessionState().newHadoopConf().getPropsWithPrefix("parquet.")  # noqa: SLF001
    own = sorted(f"parquet.{name}" for name in settings.keySet())
    return f"{own[0]} is set" if own else None


def _odd_column(schema: StructType) -> str | None:
    """Return which column pyarrow wouldn't store as Spark does; None if there is none."""
    for field in schema:
        for kind in _leaves(field.dataType):
            if not _is_plain(kind):
                return f"column {field.name!r} is {field.dataType.simpleString()}"
        within = list(_fields(field.dataType))
        if any(_FIELD_ID in one.metadata for one in (field, *within)):
            return f"column {field.name!r} has the id of a field in its metadata"
        if not all(one.nullable for one in within):
            # Where the struct is null Spark hands over a null in it, which pyarrow refuses.
            return f"column {field.name!r} has a field that may not be null"
    return None


def _is_plain(kind: DataType) -> bool:
    # A string of another class or collation, such as char(5), has rules of its own.
    return type(kind) in _PLAIN or kind == StringType()


def _leaves(kind: DataType) -> Iterator[DataType]:
    """Yield the types within a type; an empty struct is one of them."""
    if type(kind) is StructType and kind.fields:
        for field in kind:
            yield from _leaves(field.dataType)
    elif type(kind) is ArrayType:
        yield from _leaves(kind.elementType)
    elif type(kind) is MapType:
        yield from _leaves(kind.keyType)
        yield from _leaves(kind.valueType)
    else:
        yield kind


def _fields(kind: DataType) -> Iterator[StructField]:
    """Yield the fields of all structs within a type."""
    if isinstance(kind, StructType):
        for field in kind:
            yield field
            yield from _fields(field.dataType)
    elif isinstance(kind, ArrayType):
        yield from _fields(kind.elementType)
    elif isinstance(kind, MapType):
        yield from _fields(kind.keyType)
        yield from _fields(kind.valueType)
