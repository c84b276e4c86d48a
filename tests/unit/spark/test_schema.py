import pytest
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    FloatType,
    IntegerType,
    MapType,
    StringType,
    StructField,
    StructType,
)

from nlpbatch.client.columns.outcome_schema import outcome_schema
from nlpbatch.spark.schema import ERROR_TYPE, tokens_type, with_outcome
from nlpbatch.wire.fields import DEFAULT_FIELDS, TOKEN_FIELDS
from nlpbatch.wire.options import Options

NAMES = {name: name for name in ("tokens", "sentences", "candidates", "text", "error")}
ARROW_NAMES = {StringType(): "string", IntegerType(): "int32", FloatType(): "float", BooleanType(): "bool"}


def in_arrow(spark_type: DataType) -> str:
    """The name under which Arrow knows a Spark type."""
    if isinstance(spark_type, ArrayType):
        return f"list<item: {in_arrow(spark_type.elementType)}>"
    if isinstance(spark_type, StructType):
        members = ", ".join(f"{field.name}: {in_arrow(field.dataType)}" for field in spark_type)
        return f"struct<{members}>"
    return ARROW_NAMES[spark_type]


@pytest.mark.parametrize(
    "options",
    [{}, {"sentences": True}, {"top_n": 2}, {"operation": "sentences"}, {"operation": "space"}],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_the_declared_columns_are_what_the_service_answers_for_every_field(options):
    asked = Options(fields=tuple(TOKEN_FIELDS), **options)
    schema = with_outcome(StructType(), NAMES, asked)
    answered = outcome_schema(asked)
    assert {field.name: in_arrow(field.dataType) for field in schema} == {
        field.name: str(field.type) for field in answered
    }


def test_fields_are_in_the_order_of_the_request():
    assert [field.name for field in tokens_type(("tag", "form")).elementType] == ["tag", "form"]


def test_the_added_columns_come_last_and_may_be_null():
    given = [
        StructField("id", IntegerType(), nullable=False, metadata={"comment": "key"}),
        StructField("more", MapType(StringType(), ArrayType(StringType()))),
    ]
    schema = with_outcome(StructType(given), {"tokens": "t", "error": "e"}, Options())
    assert schema.fields[:2] == given
    assert schema.fields[2:] == [StructField("t", tokens_type(DEFAULT_FIELDS)), StructField("e", ERROR_TYPE)]
    assert all(field.nullable for field in schema.fields[2:])
