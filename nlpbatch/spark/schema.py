"""Spark types of the columns that `analyze` adds, derived from the one table of token fields."""

from collections.abc import Sequence
from typing import Final

from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    FloatType,
    IntegerType,
    StringType,
    StructField,
    StructType,
)

from nlpbatch.wire.fields import TOKEN_FIELDS

_SPARK_TYPES: Final[dict[str, DataType]] = {
    "string": StringType(),
    "int32": IntegerType(),
    "float32": FloatType(),
    "bool": BooleanType(),
}
ERROR_TYPE: Final = StructType([StructField("code", StringType()), StructField("message", StringType())])


def tokens_type(fields: Sequence[str]) -> ArrayType:
    """Return `array<struct<field…>>`."""
    struct = StructType([StructField(name, _SPARK_TYPES[TOKEN_FIELDS[name].type]) for name in fields])
    return ArrayType(struct)


def with_outcome(schema: StructType, *, tokens: str, error: str, fields: Sequence[str]) -> StructType:
    """Return the schema with the two added columns at its end."""
    added = [StructField(tokens, tokens_type(fields)), StructField(error, ERROR_TYPE)]
    return StructType([*schema.fields, *added])
