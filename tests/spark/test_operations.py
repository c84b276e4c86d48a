"""The operations and their options on a real Spark against the real service."""

import pytest
from pyspark.sql import Row

from nlpbatch.errors import RequestError
from nlpbatch.spark import analyze, glue, join, sentences, space

TEXT = "아버지가 방에 들어가신다. 어머니는 집에 계신다."


def prepared_join(df, asked):
    return join(df, morphemes=asked["text"], service=asked["service"], api_key=asked["api_key"])


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


def test_the_tokens_of_a_job_are_joined_and_chunks_are_glued(spark, df, asked):
    service = {name: value for name, value in asked.items() if name != "text"}
    tokens = analyze(df, **asked).drop("error")
    rows = join(tokens, morphemes="tokens", **service).orderBy("id").collect()
    assert [(row.joined, row.error) for row in rows] == [(TEXT, None), (None, None), (TEXT, None)]
    chunks = spark.createDataFrame([(["그 봉", "지 안에"],), (None,), ([],)], "chunks array<string>").coalesce(1)
    assert [row.glued for row in glue(chunks, chunks="chunks", **service).collect()] == ["그 봉지 안에", None, ""]


def test_sentences_come_with_their_tokens(df, asked):
    result = sentences(df, **asked, options={"return_tokens": True, "fields": ["form"], "tags": ["NNG"]})
    first = result.orderBy("id").first()
    assert [[token.form for token in one.tokens] for one in first.sentences] == [["아버지", "방"], ["어머니", "집"]]


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (lambda df, asked: analyze(df, **asked, blocklist=["1/2"]), "there is no tag '2'"),
        (lambda df, asked: analyze(df, **asked, allowed_dialects=["jeju"]), "was loaded with standard"),
        (prepared_join, "is string, but join takes array<struct<form: string, tag: string>>"),
        (lambda df, asked: analyze(df, **asked, tags=["NOUN"]), "choose from NNG"),
        (lambda df, asked: analyze(df, **asked, tag=["NNG"]), "unknown member 'tag'"),
        (lambda df, asked: analyze(df, **asked, sentences=True, tokens="sentences"), "different names"),
        (lambda df, asked: space(df, **asked, into="review"), "already"),
    ],
)
def test_options_that_cannot_be_used_are_refused_before_the_first_row(df, asked, call, wanted):
    with pytest.raises(RequestError, match=wanted):
        call(df, asked)
