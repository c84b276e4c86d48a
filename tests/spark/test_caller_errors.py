"""What the caller got wrong is said before any text has been sent."""

import sys

import pytest
from pyspark.sql.types import IntegerType, StringType, StructField, StructType

from nlpbatch.client.policy import RetryPolicy
from nlpbatch.errors import (
    ConfigError,
    InvalidRequest,
    PatienceExhausted,
    Unauthenticated,
    UnexpectedAnswer,
    UnknownAnalyzer,
    UnknownField,
)
from nlpbatch.spark import analyze
from tests.fakes.service import analysis, reply

QUICK = RetryPolicy(patience_s=0.5, connect_timeout_s=0.5)


@pytest.fixture
def df(spark):
    schema = StructType(
        [StructField("id", IntegerType()), StructField("review", StringType()), StructField("rating", IntegerType())]
    )
    return spark.createDataFrame([(1, "글", 5)], schema)


@pytest.fixture
def service(scripted):
    return scripted(analysis())


@pytest.fixture
def refused(df, service):
    """Return what calls with a mistake and gives the error; nothing has been sent for analysis then."""

    def call(kind, **mistake):
        given = {"text": "review", "service": service.url, "retry": QUICK} | mistake
        with pytest.raises(kind) as caught:
            analyze(df, **given)
        assert [exchange.method for exchange in service.exchanges] in ([], ["GET"])
        return caught.value.message

    return call


def test_a_missing_column_is_answered_with_the_nearest(refused, service):
    assert refused(InvalidRequest, text="reveiw") == "there is no column 'reveiw': did you mean review?"
    assert service.exchanges == []


def test_a_missing_column_unlike_any_is_answered_with_all(refused):
    assert refused(InvalidRequest, text="본문") == "there is no column '본문': choose from id, review, rating"


def test_a_column_of_another_type_is_answered_with_the_cast(refused):
    message = refused(InvalidRequest, text="rating")
    assert message.startswith("column 'rating' is int, not string")
    assert "df.withColumn('rating', df['rating'].cast('string'))" in message


def test_a_column_name_that_occurs_twice_is_ambiguous(df, service):
    with pytest.raises(InvalidRequest, match="there are several columns 'review': rename them, or drop all but one"):
        analyze(df.select("review", "review"), text="review", service=service.url)


@pytest.mark.parametrize(("option", "name"), [("tokens", "rating"), ("error", "id"), ("tokens", "RATING")])
def test_a_name_that_is_taken_is_answered_with_the_option(refused, option, name):
    message = refused(InvalidRequest, **{option: name})
    assert message == f"there is a column {name!r} already: rename it, or choose another name with {option}='…'"


def test_two_added_columns_need_two_names(refused):
    assert "give them different names" in refused(InvalidRequest, tokens="result", error="result")


def test_an_unknown_analyzer_is_answered_with_the_known(refused):
    assert refused(UnknownAnalyzer, analyzer="defualt").endswith("has no analyzer 'defualt': choose from default")


@pytest.mark.parametrize("fields", [["form", "pos"], [], ["form", "form"]])
def test_fields_that_cannot_be_had_are_refused_without_asking_anyone(refused, service, fields):
    refused(UnknownField, fields=fields)
    assert service.exchanges == []


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ({"in_flight": 0}, "in_flight is 0, must be 1 to 256: choose a value in that range"),
        ({"in_flight": 257}, "in_flight is 257, must be 1 to 256"),
        ({"in_flight": 2.5}, "in_flight is 2.5: give a whole number from 1 to 256"),
        ({"in_flight": "4"}, "in_flight is '4': give a whole number"),
        ({"request_bytes": 1023}, "request_bytes is 1,023, must be 1,024 to 8,388,608"),
        ({"request_bytes": True}, "request_bytes is True: give a whole number"),
        ({"request_bytes": 0, "in_flight": 0}, "8,388,608: choose a value in that range; in_flight is 0"),
    ],
)
def test_a_number_out_of_range_is_answered_with_the_range(refused, service, mistake, said):
    assert said in refused(InvalidRequest, **mistake)
    assert service.exchanges == []


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ({"service": "proxy:8700"}, "doesn't begin with http:// or https://"),
        ({"service": "http://user:pass@proxy:8700"}, "use api_key instead"),
        ({"api_key": "쇠"}, "api_key can't be sent in an HTTP header"),
    ],
)
def test_an_address_or_key_that_cannot_be_used_is_refused(refused, service, mistake, said):
    assert said in refused(ConfigError, **mistake)
    assert service.exchanges == []


@pytest.mark.parametrize("key", [None, "nlpb_0123456789ab_" + "x" * 43])
def test_a_wrong_or_missing_key_is_refused_by_the_real_proxy(df, stack, key):
    with pytest.raises(Unauthenticated) as caught:
        analyze(df, text="review", service=stack.service, api_key=key)
    assert key is None or key not in str(caught.value)


def test_a_service_that_is_not_there_is_named_when_the_patience_ends(refused, unused_port):
    service = f"http://127.0.0.1:{unused_port}"
    message = refused(PatienceExhausted, service=service)
    assert f"gave up on {service}" in message
    assert "with a patience of 0.5 s" in message
    assert "Connection refused" in message


def test_a_stranger_at_the_address_is_named(df, scripted):
    stranger = scripted(reply(200, b"<html>It works!</html>", "text/html"), offers=False)
    with pytest.raises(UnexpectedAnswer, match=f"{stranger.url} was answered with text/html.*is an nlpbatch service"):
        analyze(df, text="review", service=stranger.url)


def test_a_driver_without_pandas_gets_an_error_that_names_the_package(refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    message = refused(ConfigError)
    assert "Pandas >= " in message
    assert "pip install 'nlpbatch[spark]' there; executors need pyspark and pyarrow only" in message


def test_nothing_is_sent_until_rows_are_wanted(df, service):
    analyze(df, text="review", service=service.url)
    assert [exchange.method for exchange in service.exchanges] == ["GET"]
