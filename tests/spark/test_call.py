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
from tests.fakes.own_operations import SIZE
from tests.fakes.own_service import TEXTS, size_of, write_config, write_next_version
from tests.fakes.proxy_process import KEY, ProxyProcess
from tests.fakes.running_api import running_api


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


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    """Two APIs: the version that a run begins with, and the next, in which a result has another type."""
    older, newer = tmp_path_factory.mktemp("older"), tmp_path_factory.mktemp("newer")
    configs = [write_config(older).read_text(), write_next_version(newer).read_text()]
    with running_api("kiwi", older, configs[0]) as first, running_api("kiwi", newer, configs[1]) as second:
        yield first, second


@pytest.fixture
def before_both(versions, tmp_path):
    """A proxy before both."""
    directory = tmp_path / "proxy"
    directory.mkdir()
    proxy = ProxyProcess(directory, *(api.url for api in versions))
    proxy.start()
    yield proxy
    proxy.terminate()


def calling(source, output, service, **given):
    return JobOptions(
        **{"input": str(source), "text": ("review",), "output": str(output), "service": service, "analyzer": "own"}
        | {"operation": "call", "options": {"operation": "size"}}
        | given
    )


def written_to(output):
    return ds.dataset(output, format="parquet", partitioning="hive").to_table()


def test_a_run_that_is_resumed_keeps_the_types_of_its_version(spark, versions, before_both, df, tmp_path, monkeypatch):
    source, output = tmp_path / "in", tmp_path / "out"
    df.write.parquet(str(source))
    options = calling(source, output, before_both.url, api_key=KEY)
    assert run(spark, replace(options, service=versions[0].url)).rows == len(TEXTS)
    df.selectExpr("id + 100 AS id", "review").write.mode("append").parquet(str(source))
    # The catalogue of a fleet is that of any of its backends: here, of the newer one.
    newest = versions[1].client().analyzers()
    monkeypatch.setattr(Client, "analyzers", lambda _: newest)
    report = run(spark, options)
    assert (report.rows, report.dead) == (2 * len(TEXTS), 4)
    table = written_to(output).sort_by("id")
    assert table.schema.field("result").type == SIZE
    rows = table.to_pylist()
    assert [row["result"] for row in rows[: len(rows) // 2]] == [row["result"] for row in rows[len(rows) // 2 :]]
    fresh = run(spark, replace(options, output=str(tmp_path / "fresh"), service=versions[1].url))
    assert fresh.fingerprint != report.fingerprint
    assert written_to(tmp_path / "fresh").schema.field("result").type != SIZE
    # Here, too: the newest version no longer has `words`, but the run's has.
    words = calling(source, tmp_path / "words", before_both.url, api_key=KEY, options={"operation": "words"})
    monkeypatch.undo()
    run(spark, replace(words, service=versions[0].url))
    df.selectExpr("id + 200 AS id", "review").write.mode("append").parquet(str(source))
    monkeypatch.setattr(Client, "analyzers", lambda _: newest)
    assert run(spark, words).rows == 3 * len(TEXTS)


def test_a_replay_recovers_a_dead_letter_of_a_call(spark, tmp_path):
    source, output = tmp_path / "in", tmp_path / "out"
    strict, generous = tmp_path / "strict", tmp_path / "generous"
    for directory in (strict, generous):
        directory.mkdir()
        write_config(directory)
    texts = ["하나", "slow", "lie", "둘"]
    spark.createDataFrame(list(enumerate(texts)), "id int, review string").coalesce(1).write.parquet(str(source))
    config = (strict / "server.toml").read_text()
    with running_api("kiwi", strict, f"{config}[limits]\ndocument_s = 0.4\n") as api:
        report = run(spark, calling(source, output, api.url))
        assert (report.rows, report.errors) == (4, {"deadline_exceeded": 1, "analysis_failed": 1})
    with running_api("kiwi", generous, config) as api:
        done = replay(spark, ReplayOptions(str(output), api.url))
    assert (done.sent, done.recovered, done.report.errors) == (2, 1, {"analysis_failed": 1})
    rows = written_to(output).sort_by("id").to_pylist()
    assert [(row["id"], row["result"]) for row in rows] == [(one, size_of(texts[one])) for one in (0, 1, 3)]


def test_a_replay_by_a_version_with_another_type_is_refused(spark, versions, df, tmp_path):
    source, output = tmp_path / "in", tmp_path / "out"
    df.write.parquet(str(source))
    assert run(spark, calling(source, output, versions[0].url)).dead == 2
    asked = ReplayOptions(str(output), versions[1].url)
    with pytest.raises(ConfigError, match="to mix rows of both versions in one output, give --accept-new-version"):
        replay(spark, asked)
    with pytest.raises(ConfigError, match=r"column 'result' of the output is .*share:double.* now .*share:float>"):
        replay(spark, replace(asked, accept_new_version=True))
    assert written_to(output).num_rows == len(TEXTS) - 2
