"""The schema in a footer is the one that Spark would write."""

import json

import pyarrow as pa
import pytest
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    ByteType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    ShortType,
    StringType,
    StructType,
    TimestampNTZType,
    TimestampType,
    _parse_datatype_json_string,
)

from nlpbatch.formats.spark_schema import footer_metadata, spark_json

TYPES = [
    (pa.bool_(), BooleanType()),
    (pa.int8(), ByteType()),
    (pa.int16(), ShortType()),
    (pa.int32(), IntegerType()),
    (pa.int64(), LongType()),
    (pa.float32(), FloatType()),
    (pa.float64(), DoubleType()),
    (pa.string(), StringType()),
    (pa.large_string(), StringType()),
    (pa.binary(), BinaryType()),
    (pa.date32(), DateType()),
    (pa.decimal128(12, 3), DecimalType(12, 3)),
    (pa.timestamp("us", tz="Asia/Seoul"), TimestampType()),
    (pa.timestamp("us"), TimestampNTZType()),
    (pa.list_(pa.string()), ArrayType(StringType())),
    (
        pa.map_(pa.string(), pa.field("value", pa.int32(), nullable=False)),
        MapType(StringType(), IntegerType(), valueContainsNull=False),
    ),
    (
        pa.struct([pa.field("q", pa.int32()), pa.field("r s", pa.list_(pa.struct([pa.field("t", pa.date32())])))]),
        StructType().add("q", "integer").add("r s", ArrayType(StructType().add("t", "date"))),
    ),
]


@pytest.mark.parametrize(("arrow", "spark"), TYPES, ids=lambda kind: str(kind)[:30])
def test_spark_reads_the_type_that_it_would_have_written(arrow, spark):
    schema = pa.schema([pa.field("column", arrow)])
    assert _parse_datatype_json_string(spark_json(schema)) == StructType().add("column", spark)


def test_nullability_is_that_of_arrow_at_every_depth():
    element = pa.field("element", pa.struct([pa.field("x", pa.int32(), nullable=False)]), nullable=False)
    schema = pa.schema([pa.field("a", pa.list_(element), nullable=False)])
    (found,) = json.loads(spark_json(schema))["fields"]
    assert (found["nullable"], found["type"]["containsNull"]) == (False, False)
    assert found["type"]["elementType"]["fields"][0]["nullable"] is False


def test_columns_have_their_metadata():
    schema = pa.schema([pa.field("id", pa.int64()), pa.field("토큰", pa.list_(pa.string()))])
    read = _parse_datatype_json_string(spark_json(schema, {"토큰": {"nlpbatch.analyzer": "default"}}))
    assert (read["id"].metadata, read["토큰"].metadata) == ({}, {"nlpbatch.analyzer": "default"})


@pytest.mark.parametrize("kind", [pa.uint8(), pa.timestamp("ns"), pa.duration("us"), pa.null()])
def test_a_type_that_spark_s_parquet_lacks_is_refused(kind):
    with pytest.raises(ValueError, match="Spark's Parquet has no type"):
        spark_json(pa.schema([pa.field("x", kind)]))


def test_the_footer_says_that_dates_need_no_rebasing():
    assert footer_metadata("{}") == {
        "org.apache.spark.version": "3.1.0",
        "org.apache.spark.sql.parquet.row.metadata": "{}",
    }
