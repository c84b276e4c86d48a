"""MeCab's tokens as columns of Spark, straight from an API that has it."""

import pytest
from mecab import MeCab

from nlpbatch.errors import InvalidOption, UnknownField, UnknownOperation
from nlpbatch.spark import analyze, space
from nlpbatch.wire.fields import MECAB_FIELDS
from tests.fakes.running_api import running_api

TEXT = "갔다가 아버지가 서울에 들어가신다. 쀍쀍"
CONFIG = """
[pool]
workers = 1
[analyzers.fast]
engine = "mecab"
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with running_api("kiwi", tmp_path_factory.mktemp("mecab"), CONFIG) as running:
        yield running.url


@pytest.fixture
def asked(service):
    return {"text": "review", "service": service, "analyzer": "fast"}


def test_its_fields_have_the_types_of_the_table_and_null_where_it_has_none(spark, asked):
    df = analyze(spark.createDataFrame([(TEXT,), (None,)], ["review"]), fields=MECAB_FIELDS, **asked)
    types = dict(df.dtypes)["tokens"]
    assert "has_jongseong:boolean" in types
    assert "reading:string" in types
    first, null = df.collect()
    assert null.tokens is None
    expected = [
        {
            "form": one.surface,
            "tag": one.pos,
            "start": one.span.start,
            "end": one.span.end,
            "len": one.span.end - one.span.start,
            "oov": one.pos == "UNKNOWN",
            **{name: value for name, value in one.feature._asdict().items() if name != "pos"},
        }
        for one in MeCab().parse(TEXT)
    ]
    assert [row.asDict() for row in first.tokens] == expected


@pytest.mark.parametrize(
    ("options", "error", "wanted"),
    [
        ({"fields": ["lemma"]}, UnknownField, "lemma"),
        ({"tags": ["VV-R"]}, InvalidOption, "tags has 'VV-R'"),
        ({"typos": "basic"}, InvalidOption, "typos is Kiwi's"),
    ],
)
def test_what_it_has_not_is_refused_before_a_task_runs(spark, asked, options, error, wanted):
    df = spark.createDataFrame([(TEXT,)], ["review"])
    with pytest.raises(error, match=wanted):
        analyze(df, **asked, **options)


def test_an_operation_that_it_lacks_is_refused_before_a_task_runs(spark, asked):
    with pytest.raises(UnknownOperation, match="analyzer 'fast' doesn't offer space"):
        space(spark.createDataFrame([(TEXT,)], ["review"]), **asked)
