"""`nlpbatch.spark.analyze` on a real Spark against the real proxy, API and Kiwi."""

import datetime as dt
import json
from decimal import Decimal

import pyarrow as pa
import pytest
from pyspark.sql import Row
from pyspark.sql import functions as sf
from pyspark.sql.types import StructField

from nlpbatch.errors import InvalidRequest
from nlpbatch.spark import analyze
from nlpbatch.spark.schema import ERROR_TYPE, tokens_type
from nlpbatch.wire.fields import DEFAULT_FIELDS, KIWI_FIELDS
from tests.fakes.service import analysis

TEXT = "아버지가 방에 들어가신다"
LIMIT_BYTES = 1_048_576


@pytest.fixture
def analyzed(stack):
    """Return what adds tokens with the real service."""

    def call(df, **options):
        return analyze(df, **{"text": "review", "service": stack.service, "api_key": stack.api_key} | options)

    return call


def forms(row):
    return None if row.tokens is None else [token.form for token in row.tokens]


def test_every_field_of_every_token_is_what_kiwi_gives(spark, analyzed, sample, kiwi_tokens):
    df = analyzed(spark.read.parquet(str(sample)), fields=KIWI_FIELDS)
    rows = df.select("review", "tokens", "error").collect()
    assert len(rows) == 1004
    different = [
        row.review
        for row in rows
        if row.error is not None or [token.asDict() for token in row.tokens] != kiwi_tokens(row.review)
    ]
    assert different == []


def test_fields_come_in_the_order_asked_for_and_no_others(spark, analyzed):
    row = analyzed(spark.createDataFrame([(TEXT,)], ["review"]), fields=["end", "form"]).first()
    assert row.tokens[0] == Row(end=3, form="아버지")


def test_null_blank_over_long_and_repeated_texts_each_get_their_own(spark, analyzed):
    texts = [TEXT, None, "", " \n\t", "가" * 400_000, TEXT, None, "나", "가" * 400_000]
    df = spark.createDataFrame(list(enumerate(texts)), "id int, review string").coalesce(1)
    rows = analyzed(df).orderBy("id").collect()
    assert [row.review for row in rows] == texts
    assert [forms(row) for row in rows[1:4]] == [None, [], []]
    assert rows[0].tokens == rows[5].tokens != []
    assert forms(rows[7]) == ["나"]
    assert [row.id for row in rows if row.error is not None] == [4, 8]
    assert rows[4].error == rows[8].error
    assert rows[4].error.code == "text_too_large"
    assert f"the text has 1,200,000 bytes, the limit is {LIMIT_BYTES:,}" in rows[4].error.message
    assert rows[4].tokens is None


def test_bytes_that_are_not_utf8_cost_their_document_and_no_other(spark, analyzed):
    broken = sf.expr("cast(unhex('EDA080') as string)")
    df = spark.range(2).select("id", sf.when(sf.col("id") == 0, broken).otherwise(TEXT).alias("review")).coalesce(1)
    rows = analyzed(df).select("id", "tokens", "error").orderBy("id").collect()
    assert rows[0].error.code == "invalid_text"
    assert rows[1].error is None
    assert forms(rows[1])[0] == "아버지"


def test_all_other_columns_keep_types_and_values(spark, analyzed):
    df = spark.createDataFrame([(TEXT,), (None,)], "review string").selectExpr(
        "cast(1 as tinyint) as tiny",
        "review",
        "date'2024-02-29' as day",
        "timestamp'2024-02-29 12:34:56.789012' as moment",
        "timestamp_ntz'2024-02-29 12:34:56' as wall_clock",
        "cast('12345678901234567890.123456789012345678' as decimal(38,18)) as amount",
        "cast(x'00ff10' as binary) as raw",
        "map('키', array(1, null)) as nested_map",
        "named_struct('이름', 'x', 'inner', named_struct('list', array(named_struct('y', 1.5d)))) as nested",
        "cast(null as double) as nothing",
        "interval '1 02:03:04' day to second as lasted",
    )
    result = analyzed(df)
    assert result.schema.fields[:-2] == df.schema.fields
    assert result.schema.fields[-2:] == [
        StructField("tokens", tokens_type(DEFAULT_FIELDS)),
        StructField("error", ERROR_TYPE),
    ]
    assert result.drop("tokens", "error").collect() == df.collect()
    first = result.first()
    assert first.amount == Decimal("12345678901234567890.123456789012345678")
    assert first.wall_clock == dt.datetime(2024, 2, 29, 12, 34, 56)  # noqa: DTZ001  (it has no zone)
    assert first.nested.inner.list[0].y == 1.5


def test_the_rows_of_a_partition_keep_their_order(spark, analyzed):
    df = spark.range(3000).select("id", sf.concat(sf.lit("영화 "), sf.col("id")).alias("review")).coalesce(1)
    rows = analyzed(df, request_bytes=1024, in_flight=8).select("id", "review", "tokens").collect()
    assert [row.id for row in rows] == list(range(3000))
    assert all(forms(row)[-1] == str(row.id) for row in rows)


def test_several_partitions_and_repartitioned_input_lose_and_double_nothing(spark, analyzed, sample):
    df = spark.read.parquet(str(sample)).repartition(7, "review_id")
    rows = analyzed(df).select("review_id", "review", sf.col("tokens").isNotNull().alias("done")).collect()
    assert len({row.review_id for row in rows}) == len(rows) == 1004
    assert all(row.done for row in rows)


def test_an_empty_dataframe_gives_an_empty_one_with_both_columns(spark, analyzed):
    df = spark.createDataFrame([], "id int, review string")
    result = analyzed(df)
    assert result.collect() == []
    assert result.columns == ["id", "review", "tokens", "error"]


def test_a_column_of_nulls_needs_no_request(spark, scripted):
    service = scripted(analysis())
    df = spark.range(50).select("id", sf.lit(None).cast("string").alias("review"))
    rows = analyze(df, text="review", service=service.url).collect()
    assert len(rows) == 50
    assert {(row.tokens, row.error) for row in rows} == {(None, None)}
    assert [exchange.method for exchange in service.exchanges] == ["GET"]


def test_a_limit_stops_early(spark, scripted):
    service = scripted(analysis())
    df = spark.range(100_000).select(sf.concat(sf.lit("영화 "), sf.col("id")).alias("review")).coalesce(1)
    rows = analyze(df, text="review", service=service.url, request_bytes=1024).limit(3).collect()
    assert [row.review for row in rows] == ["영화 0", "영화 1", "영화 2"]
    asked = 1 + -(-100_000 * 12 // 1024)
    assert len(service.exchanges) < asked / 2


def test_columns_may_be_named_like_nothing_that_spark_can_look_up(spark, analyzed):
    df = spark.createDataFrame([(1, TEXT, 2, 3)], ["a.b", "리뷰.본문", "x`y", "a b"])
    result = analyzed(df, text="리뷰.본문")
    assert result.columns == ["a.b", "리뷰.본문", "x`y", "a b", "tokens", "error"]
    assert forms(result.first())[0] == "아버지"


def test_other_columns_may_share_a_name(spark, analyzed):
    df = spark.createDataFrame([(1, TEXT, 2)], ["n", "review", "n"])
    row = analyzed(df).first()
    assert (row[0], row[2]) == (1, 2)
    assert forms(row)[0] == "아버지"


def test_the_added_columns_may_have_other_names(spark, analyzed):
    df = spark.createDataFrame([(TEXT, 1, 2)], ["review", "tokens", "error"])
    result = analyzed(df, tokens="형태소", error="왜_없나")
    assert result.columns == ["review", "tokens", "error", "형태소", "왜_없나"]
    assert result.first()["형태소"][0].form == "아버지"


def test_large_arrow_strings_are_taken_and_given_back(spark, analyzed):
    spark.conf.set("spark.sql.execution.arrow.useLargeVarTypes", "true")
    try:
        row = analyzed(spark.createDataFrame([(TEXT, "x")], ["review", "other"])).first()
    finally:
        spark.conf.unset("spark.sql.execution.arrow.useLargeVarTypes")
    assert forms(row)[0] == "아버지"
    assert row.other == "x"


def test_a_column_that_spark_cannot_hand_to_python_is_named(spark, analyzed):
    df = spark.createDataFrame([(TEXT,)], ["review"]).selectExpr("*", "make_interval(1, 2) as lasted", "1 as one")
    with pytest.raises(InvalidRequest, match="'lasted' is interval: cast them to string, or leave them out"):
        analyzed(df)


def test_requests_stay_within_what_the_service_takes(spark, scripted):
    from nlpbatch.wire.limits import SizeLimits  # noqa: PLC0415

    service = scripted(analysis(), limits=SizeLimits(body_bytes=80_000, documents=7, text_bytes=1000))
    df = spark.range(100).select(sf.repeat(sf.concat(sf.lit("가"), sf.col("id")), 20).alias("review")).coalesce(1)
    rows = analyze(df, text="review", service=service.url, request_bytes=2048).collect()
    assert len(rows) == 100
    asked = [exchange for exchange in service.exchanges if exchange.method == "POST"]
    counts = [pa.ipc.open_stream(exchange.body).read_all().num_rows for exchange in asked]
    assert sum(counts) == 100
    assert max(counts) == 7
    assert all(len(exchange.body) < 80_000 for exchange in asked)


def test_a_repeated_text_is_sent_once_per_batch(spark, scripted):
    service = scripted(analysis())
    df = spark.range(1000).select(sf.concat(sf.lit("글 "), sf.col("id") % 3).alias("review")).coalesce(1)
    assert len(analyze(df, text="review", service=service.url).collect()) == 1000
    (asked,) = [exchange for exchange in service.exchanges if exchange.method == "POST"]
    texts = pa.ipc.open_stream(asked.body).read_all()["text"].to_pylist()
    assert texts == ["글 0", "글 1", "글 2"]


def test_all_tasks_name_the_job_the_class_and_the_pinned_version(spark, scripted):
    service = scripted(analysis())
    df = spark.range(4).select(sf.concat(sf.lit("글 "), sf.col("id")).alias("review")).repartition(2)
    analyze(df, text="review", service=service.url, api_key="nlpb_key").collect()
    asked = [exchange.headers for exchange in service.exchanges if exchange.method == "POST"]
    assert {headers["Nlpbatch-Job"] for headers in asked} == {spark.sparkContext.applicationId}
    assert {headers["Priority"] for headers in asked} == {"u=6"}
    assert {headers["If-Match"] for headers in asked} == {f'"{"f" * 32}"'}
    assert {headers["Authorization"] for headers in asked} == {"Bearer nlpb_key"}


def test_the_key_is_in_no_plan_and_no_schema(spark, scripted):
    service = scripted(analysis())
    df = analyze(
        spark.range(1).select(sf.lit("글").alias("review")), text="review", service=service.url, api_key="nlpb_key"
    )
    plans = df._jdf.queryExecution().toString()
    assert "MapInArrow" in plans
    assert "nlpb_key" not in plans + df.schema.json() + repr(df) + json.dumps(spark.sparkContext.getConf().getAll())
