"""The operations and their options on a real Spark against the real service."""

import pytest
from pyspark.sql import Row

from nlpbatch.errors import InvalidRequest
from nlpbatch.spark import analyze, sentences, space

TEXT = "아버지가 방에 들어가신다. 어머니는 집에 계신다."


@pytest.fixture
def df(spark):
    return spark.createDataFrame([(1, TEXT), (2, None), (3, TEXT)], "id int, review string").coalesce(1)


@pytest.fixture
def asked(stack):
    return {"text": "review", "service": stack.service, "api_key": stack.api_key}


def test_tags_and_sentences_come_with_the_tokens(df, asked):
    first, null, third = analyze(df, **asked, tags=["NNG"], sentences=True).orderBy("id").collect()
    assert [token.form for token in first.tokens] == ["아버지", "방", "어머니", "집"]
    assert [TEXT[one.start : one.end] for one in first.sentences] == [
        "아버지가 방에 들어가신다.",
        "어머니는 집에 계신다.",
    ]
    assert (null.tokens, null.sentences, null.error) == (None, None, None)
    assert third.tokens == first.tokens


def test_candidates_come_instead_of_tokens(df, asked):
    result = analyze(df, **asked, top_n=2, fields=("form",))
    assert result.columns == ["id", "review", "candidates", "error"]
    first = result.orderBy("id").first()
    assert len(first.candidates) == 2
    assert first.candidates[0].score >= first.candidates[1].score
    assert first.candidates[0].tokens[0] == Row(form="아버지")


def test_sentences_have_their_texts(df, asked):
    first, null, _ = sentences(df, **asked).orderBy("id").collect()
    assert first.sentences[0] == Row(start=0, end=14, text="아버지가 방에 들어가신다.")
    assert (null.sentences, null.error) == (None, None)


def test_blanks_are_corrected(spark, asked):
    df = spark.createDataFrame([("아버지가방에들어가신다.",), (None,)], "review string")
    rows = space(df, **asked, into="better").collect()
    assert [row.better for row in rows] == ["아버지가 방에 들어가신다.", None]


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (lambda df, asked: analyze(df, **asked, tags=["NOUN"]), "choose from NNG"),
        (lambda df, asked: analyze(df, **asked, tag=["NNG"]), "unknown member 'tag'"),
        (lambda df, asked: analyze(df, **asked, sentences=True, tokens="sentences"), "different names"),
        (lambda df, asked: space(df, **asked, into="review"), "already"),
    ],
)
def test_what_can_t_be_asked_is_told_before_the_first_row(df, asked, call, wanted):
    with pytest.raises(InvalidRequest, match=wanted):
        call(df, asked)
