"""Who writes a run's files: its tasks, or Spark's own writer where a reader would notice a difference."""

import json

import pytest
from pyspark.sql.types import StructField, StructType

from nlpbatch.formats.parquet_stream import ParquetLayout
from nlpbatch.spark.runs.parquet_layout import parquet_layout

PLAIN = "id bigint, text string, tags array<string>, at date"


@pytest.fixture
def layout(spark):
    """Return a function that decides for columns and settings of Spark."""

    def decide(ddl=PLAIN, **settings):
        session = spark.newSession()
        for name, value in settings.items():
            session.conf.set(name.replace("__", "."), value)
        return parquet_layout(session, session.createDataFrame([], ddl).schema)

    return decide


def test_tasks_write_what_pyarrow_can_with_spark_s_own_schema_in_the_footer(spark, layout):
    found = layout()
    assert (found.compression, found.level, found.int96) == ("snappy", None, False)
    assert found.metadata["org.apache.spark.version"] == spark.version
    schema = StructType.fromJson(json.loads(found.metadata["org.apache.spark.sql.parquet.row.metadata"]))
    assert schema == spark.createDataFrame([], PLAIN).schema


@pytest.mark.parametrize(
    ("codec", "expected"),
    [("uncompressed", ("none", None)), ("zstd", ("zstd", 3)), ("GZIP", ("gzip", 6)), ("lz4_raw", ("lz4", None))],
)
def test_the_codec_is_the_session_s(layout, codec, expected):
    found = layout(spark__sql__parquet__compression__codec=codec)
    assert (found.compression, found.level) == expected


def test_timestamps_are_stored_as_the_session_says(layout):
    assert layout("at timestamp, text string").int96
    assert not layout("at timestamp_ntz, text string").int96
    assert not layout("at timestamp", spark__sql__parquet__outputTimestampType="TIMESTAMP_MICROS").int96
    both = "at timestamp, there timestamp_ntz"
    assert isinstance(layout(both, spark__sql__parquet__outputTimestampType="TIMESTAMP_MICROS"), ParquetLayout)
    assert layout(both) == "timestamps are to be stored as INT96 beside timestamp_ntz"
    millis = layout("at array<timestamp>", spark__sql__parquet__outputTimestampType="TIMESTAMP_MILLIS")
    assert millis == "timestamps are to be stored as TIMESTAMP_MILLIS"


@pytest.mark.parametrize(
    ("ddl", "reason"),
    [
        ("x interval day to second", "column 'x' is interval day to second"),
        ("id bigint, x struct<y: array<interval year>>", "column 'x' is struct<y:array<interval year>>"),
        ("x string collate unicode_ci", "column 'x' is string collate UNICODE_CI"),
        ("x variant", "column 'x' is variant"),
        ("x struct<y: int not null>", "column 'x' has a field that may not be null"),
    ],
)
def test_types_that_pyarrow_lacks_or_stores_otherwise_are_spark_s(layout, ddl, reason):
    assert layout(ddl) == reason


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("spark.sql.parquet.compression.codec", "lz4", "spark.sql.parquet.compression.codec is lz4"),
        ("spark.sql.parquet.writeLegacyFormat", "true", "spark.sql.parquet.writeLegacyFormat is true"),
        (
            "spark.sql.parquet.datetimeRebaseModeInWrite",
            "LEGACY",
            "spark.sql.parquet.datetimeRebaseModeInWrite is legacy",
        ),
        ("spark.sql.parquet.int96TimestampConversion", "true", "spark.sql.parquet.int96TimestampConversion is true"),
        ("parquet.crypto.factory.class", "org.example.Keys", "parquet.crypto.factory.class is set"),
        ("parquet.bloom.filter.enabled", "true", "parquet.bloom.filter.enabled is set"),
    ],
)
def test_settings_that_pyarrow_can_t_follow_are_spark_s(layout, setting, value, reason):
    assert layout(**{setting.replace(".", "__"): value}) == reason


def test_calendars_matter_only_where_there_are_dates(layout):
    found = layout("id bigint", spark__sql__parquet__datetimeRebaseModeInWrite="LEGACY")
    assert isinstance(found, ParquetLayout)


def test_ids_of_fields_are_written_by_spark(spark):
    field = StructField("x", spark.createDataFrame([], PLAIN).schema["id"].dataType, metadata={"parquet.field.id": 3})
    assert parquet_layout(spark, StructType([field])) == "column 'x' has the id of a field in its metadata"
