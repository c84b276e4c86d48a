"""Spark types of the columns that the operations add, derived from the one table of token fields."""

from collections.abc import Mapping, Sequence
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
from nlpbatch.wire.options import Options

_SPARK_TYPES: Final[dict[str, DataType]] = {
    "string": StringType(),
    "int32": IntegerType(),
    "float32": FloatType(),
    "bool": BooleanType(),
}
_SPAN: Final = [StructField("start", IntegerType()), StructField("end", IntegerType())]
ERROR_TYPE: Final = StructType([StructField("code", StringType()), StructField("message", StringType())])


def tokens_type(fields: Sequence[str]) -> ArrayType:
    """Return `array<struct<field…>>`."""
    struct = StructType([StructField(name, _SPARK_TYPES[TOKEN_FIELDS[name].type]) for name in fields])
    return ArrayType(struct)


def column_type(name: str, options: Options) -> DataType:
    """Return the type of what is answered for each row under this name; see `Options.columns`."""
    if name == "text":
        return StringType()
    if name == "sentences":
        text = [StructField("text", StringType())] if options.operation == "sentences" else []
        return ArrayType(StructType([*_SPAN, *text]))
    tokens = tokens_type(options.fields)
    if name == "tokens":
        return tokens
    return ArrayType(StructType([StructField("tokens", tokens), StructField("score", FloatType())]))


def with_outcome(schema: StructType, names: Mapping[str, str], options: Options) -> StructType:
    """Return the schema with the added columns at its end, the error last.

    Args:
        schema: What there is.
        names: What the added columns are called, by what they have in the answer.
        options: What is asked.

    """
    added = [StructField(names[name], column_type(name, options)) for name in options.columns]
    return StructType([*schema.fields, *added, StructField(names["error"], ERROR_TYPE)])
