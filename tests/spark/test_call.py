"""Operations of one's own on a real Spark: a column, and a job that writes one."""

import json

import pyarrow.dataset as ds
import pytest

from nlpbatch import Client
from nlpbatch.cli.stack import Stack, StackOptions
from nlpbatch.errors import UnknownOperation
from nlpbatch.spark import analyze, call
from nlpbatch.spark.job import run
from nlpbatch.spark.options import JobOptions
from tests.fakes.own_service import TEXTS, write_config


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    with Stack(StackOptions(server_config=write_config(tmp_path_factory.mktemp("own")))) as running:
        yield running


@pytest.fixture
def asked(own):
    return {"text": "review", "service": own.service, "api_key": own.api_key, "analyzer": "own"}


@pytest.fixture
def df(spark):
    return spark.createDataFrame(list(enumerate(TEXTS)), "id int, review string").coalesce(1)


def results_of(own, operation):
    with Client(own.service, api_key=own.api_key) as client:
        return [outcome.result for outcome in client.call(TEXTS, analyzer="own", operation=operation)]


@pytest.mark.parametrize(
    ("operation", "type_"),
    [
        ("size", "struct<label:string,code_points:int,share:double>"),
        ("words", "array<struct<word:string,at:bigint,capital:boolean>>"),
    ],
)
def test_a_column_has_the_declared_type_and_what_clients_get(own, df, asked, operation, type_):
    found = call(df, **asked, operation=operation, into="measured")
    assert found.columns == ["id", "review", "measured", "error"]
    assert found.schema["measured"].dataType.simpleString() == type_
    rows = found.orderBy("id").collect()
    as_dicts = [row.asDict(recursive=True) for row in rows]
    assert [row["measured"] for row in as_dicts] == results_of(own, operation)
    failed = {"raise", "lie"} if operation == "size" else set()
    assert {row.review for row in rows if row.error is not None} == failed


def test_what_the_service_does_not_have_is_said_before_a_row_is_read(df, asked):
    with pytest.raises(UnknownOperation, match="has no operation 'judge': choose from size, words"):
        call(df, **asked, operation="judge")
    with pytest.raises(UnknownOperation, match="doesn't offer analyze"):
        analyze(df, **asked)


def test_a_job_writes_results_once_and_resumes(spark, own, df, tmp_path):
    source, output = tmp_path / "in", tmp_path / "out"
    df.write.parquet(str(source))
    options = JobOptions(
        input=str(source),
        text=("review",),
        output=str(output),
        service=own.service,
        api_key=own.api_key,
        analyzer="own",
        operation="call",
        options={"operation": "size"},
    )
    report = run(spark, options)
    assert (report.rows, report.dead) == (len(TEXTS), 2)
    written = ds.dataset(output, format="parquet", partitioning="hive").to_table().sort_by("id").to_pylist()
    expected = dict(enumerate(results_of(own, "size")))
    assert {row["id"]: row["result"] for row in written} == {
        number: result for number, result in expected.items() if TEXTS[number] not in {"raise", "lie"}
    }
    dead = ds.dataset(output / "_nlpbatch" / "dead", format="parquet").to_table().to_pylist()
    assert {row["review"] for row in dead} == {"raise", "lie"}
    assert json.loads((output / "_nlpbatch" / "run.json").read_text())["identity"]["asked"] == {
        "analyzer": "own",
        "called": "size",
        "operation": "call",
    }
    assert run(spark, options).rows == len(TEXTS)
