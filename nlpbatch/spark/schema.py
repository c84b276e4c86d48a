"""Spark types of the columns that the operations add, derived from the one table of token fields."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
from pyspark.sql import Column
from pyspark.sql import functions as sf
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
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
_RESULT_TYPES: Final[dict[Any, DataType]] = {
    pa.string(): StringType(),
    pa.bool_(): BooleanType(),
    pa.int32(): IntegerType(),
    pa.int64(): LongType(),
    pa.float32(): FloatType(),
    pa.float64(): DoubleType(),
}
_SPAN: Final = [StructField("start", IntegerType()), StructField("end", IntegerType())]
_PLAIN_TYPES: Final[dict[str, DataType]] = {
    "text": StringType(),
    "positions": ArrayType(StructType(_SPAN)),
    "space_insertions": ArrayType(BooleanType()),
}
ERROR_TYPE: Final = StructType(
    [
        StructField("code", StringType()),
        StructField("message", StringType()),
        StructField("attempts", IntegerType()),
        StructField("request_id", StringType()),
    ]
)
"""A row's error, how often its request was sent (0: never), and under which id the service logged the last of them."""


def named(name: str) -> Column:
    """Return a column, whatever characters its name has."""
    return sf.col("`{}`".format(name.replace("`", "``")))


def tokens_type(fields: Sequence[str]) -> ArrayType:
    """Return `array<struct<field…>>`."""
    struct = StructType([StructField(name, _SPARK_TYPES[TOKEN_FIELDS[name].type]) for name in fields])
    return ArrayType(struct)


def column_type(name: str, options: Options) -> DataType:
    """Return the type of what is answered for each row under this name; see `Options.columns`."""
    if name in _PLAIN_TYPES:
        return _PLAIN_TYPES[name]
    if name == "result":
        return _of_arrow(options.result_type)
    if name == "sentences":
        text = [StructField("text", StringType())] if options.operation == "sentences" else []
        own = [StructField("tokens", tokens_type(options.fields))] if options.return_tokens else []
        return ArrayType(StructType([*_SPAN, *text, *own]))
    tokens = tokens_type(options.fields)
    if name == "tokens":
        return tokens
    return ArrayType(StructType([StructField("tokens", tokens), StructField("score", FloatType())]))


def _of_arrow(type_: Any) -> DataType:
    """Return the Spark type of a result's; see `nlpbatch.wire.results`."""
    if pa.types.is_list(type_):
        return ArrayType(_of_arrow(type_.value_type))
    if pa.types.is_struct(type_):
        return StructType([StructField(field.name, _of_arrow(field.type)) for field in type_])
    return _RESULT_TYPES[type_]


def with_outcome(schema: StructType, names: Mapping[str, str], options: Options, *, arrays: bool = False) -> StructType:
    """Return the schema with the added columns at its end, the error last.

    Args:
        schema: What there is.
        names: What the added columns are called, by what they have in the answer.
        options: What is asked.
        arrays: Whether the text column holds arrays: then the answers are arrays, too.

    """
    types = {name: column_type(name, options) for name in options.columns}
    added = [StructField(names[name], ArrayType(kind) if arrays else kind) for name, kind in types.items()]
    return StructType([*schema.fields, *added, StructField(names["error"], ERROR_TYPE)])
