"""Operations of one's own on a real Spark: a column, and a job that writes one."""

import json
from dataclasses import replace

import pyarrow.dataset as ds
import pytest

from nlpbatch import Client
from nlpbatch.cli.stack import Stack, StackOptions
from nlpbatch.errors import ConfigError, UnknownOperation
from nlpbatch.recipe import Recipe, RecipeRun, RunOptions
from nlpbatch.spark import analyze, call
from nlpbatch.spark.job import run
from nlpbatch.spark.options import JobOptions
from nlpbatch.spark.replay import ReplayOptions, replay
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


def test_nested_results_have_their_types_and_values_in_a_column_of_texts_and_of_arrays(spark, own, asked):
    asked |= {"analyzer": "single"}
    with Client(own.service, api_key=own.api_key) as client:
        expected = [outcome.result for outcome in client.call(TEXTS, analyzer="single")]
    arrays = [TEXTS, [], None, [None, TEXTS[0]]]
    df = spark.createDataFrame(list(enumerate(arrays)), "id int, review array<string>").coalesce(1)
    rows = [row.asDict(recursive=True) for row in call(df, **asked).orderBy("id").collect()]
    assert [row["result"] for row in rows] == [expected, [], None, [None, expected[0]]]
    assert [row["error"] and row["error"]["code"] for row in rows] == ["analysis_failed", None, None, None]
    df = spark.createDataFrame(list(enumerate(TEXTS)), "id int, review string").coalesce(1)
    found = call(df, **asked, operation="nest")
    assert found.schema["result"].dataType.simpleString() == (
        "struct<a b.c:boolean,parts:array<struct<form:string,점수:float>>,flags:array<boolean>,"
        "ids:array<array<bigint>>,of:struct<of:struct<tenth:float,big:bigint>>>"
    )
    rows = [row.asDict(recursive=True) for row in found.orderBy("id").collect()]
    assert [row["result"] for row in rows] == expected


def test_a_job_writes_nested_results_of_several_columns_and_replays_its_dead_letters(spark, own, tmp_path):
    source, output = tmp_path / "in", tmp_path / "out"
    rows = [(number, text, [text, "둘"]) for number, text in enumerate(TEXTS)]
    spark.createDataFrame(rows, "id int, title string, lines array<string>").write.parquet(str(source))
    options = JobOptions(
        input=str(source),
        text=("title", "lines"),
        output=str(output),
        service=own.service,
        api_key=own.api_key,
        analyzer="single",
        operation="call",
    )
    report = run(spark, options)
    assert (report.rows, report.dead) == (len(TEXTS), 1)
    with Client(own.service, api_key=own.api_key) as client:
        expected = [outcome.result for outcome in client.call([*TEXTS, "둘"], analyzer="single")]
    found = [row.asDict(recursive=True) for row in spark.read.parquet(str(output)).orderBy("id").collect()]
    assert [row["id"] for row in found] == [0, 1, 3, 4, 5]
    assert [row["title_result"] for row in found] == [expected[row["id"]] for row in found]
    assert [row["lines_result"] for row in found] == [[expected[row["id"]], expected[-1]] for row in found]
    # Named or left out, the only operation is the same; so the same run goes on.
    asked = json.loads((output / "_nlpbatch" / "run.json").read_text())["identity"]["asked"]
    assert asked == {"analyzer": "single", "called": "nest", "operation": "call"}
    assert run(spark, replace(options, options={"operation": "nest"})).rows == len(TEXTS)
    again = replay(spark, ReplayOptions(str(output), own.service, own.api_key))
    assert (again.sent, again.recovered) == (1, 0)
    assert spark.read.parquet(str(output)).count() == len(TEXTS) - 1


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"analyzer": "own"}, "doesn't offer analyze: choose from size"),
        ({"analyzer": "own", "operation": "call"}, "has 2 operations: choose from size, words"),
        ({"analyzer": "own", "operation": "call", "options": {"operation": "judge"}}, "has no operation 'judge'"),
    ],
)
def test_a_job_says_what_the_service_does_not_have_before_it_writes(spark, own, df, tmp_path, given, says):
    source, output = tmp_path / "in", tmp_path / "out"
    df.write.parquet(str(source))
    to = {"output": str(output), "service": own.service, "api_key": own.api_key}
    with pytest.raises(UnknownOperation, match=says):
        run(spark, JobOptions(input=str(source), text=("review",), **to, **given))
    assert not output.exists()


def test_a_recipe_calls_what_its_section_names(spark, own, df, tmp_path):
    source, output = tmp_path / "in", tmp_path / "out"
    df.write.parquet(str(source))
    sections = {
        "source": {"files": str(source)},
        "analyze": {"columns": ["review"], "analyzer": "own", "operation": "call", "options": {"operation": "size"}},
        "sink": {"path": str(output)},
    }
    there = RunOptions(service=own.service, api_key=own.api_key)
    wrong = sections | {"analyze": sections["analyze"] | {"options": {"operation": "judge"}}}
    with pytest.raises(ConfigError, match=r"\[analyze\] .* has no operation 'judge': choose from size, words"):
        RecipeRun(spark, Recipe.check(wrong), there, print).run()
    assert not output.exists()
    RecipeRun(spark, Recipe.check(sections), there, print).run()
    written = ds.dataset(output / "analyzed", format="parquet", partitioning="hive").to_table().to_pylist()
    expected = results_of(own, "size")
    assert [row["result"] for row in sorted(written, key=lambda row: row["id"])] == [
        result for text, result in zip(TEXTS, expected, strict=True) if text not in {"raise", "lie"}
    ]
