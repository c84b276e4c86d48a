"""What a plan refuses without Spark, and the run file that it leaves."""

from importlib.metadata import PackageNotFoundError

import pytest
from pyspark.sql.types import StringType, StructField, StructType

from nlpbatch.errors import ConfigError
from nlpbatch.spark import run_plan
from nlpbatch.spark.options import JobOptions
from nlpbatch.spark.pinning import Pinned
from nlpbatch.spark.run_plan import RunPlan, nlpbatch_version
from nlpbatch.spark.runs.columns import RunAnalysis, text_columns
from nlpbatch.spark.runs.identity import RunFile, RunIdentity
from nlpbatch.spark.runs.inputs import Input
from nlpbatch.spark.runs.layout import RUN
from nlpbatch.wire.analyzer import AnalyzerInfo
from nlpbatch.wire.limits import SizeLimits
from tests.fakes.local_storage import LocalStorage

PINNED = Pinned(AnalyzerInfo("default", "f" * 32, "", "", {}, ()), SizeLimits())
IDENTITY = RunIdentity("file:/in", "parquet", {}, ("review",), {"analyzer": "default"}, "struct<…>", "f" * 32)


def options(**changes):
    given = {"input": "/in", "text": ("review",), "output": "/out", "service": "http://proxy:8700"}
    return JobOptions(**given | changes)


def source(*columns):
    schema = StructType([StructField(name, StringType()) for name in columns])
    return Input("/in", "parquet", {}, schema, {"file:/in/a.parquet": 5}, is_file=False)


def analysis(of, **changes):
    call = options(**changes).call("out-1")
    return RunAnalysis(text_columns(of.schema, options(**changes).text, call.asked), call, PINNED)


@pytest.fixture
def output(tmp_path):
    return LocalStorage(None, str(tmp_path / "out"))


def plan(output, existing=None):
    of = source("id", "review")
    return RunPlan(output, of, analysis(of), IDENTITY, existing, options().deciding())


def test_a_new_run_writes_its_identity_under_the_name_that_the_proxy_counts(output):
    plan(output).begin()
    written = RunFile.read(output)
    assert (written.run, written.identity, written.nlpbatch) == ("out-1", IDENTITY, nlpbatch_version())
    assert (written.given["input"], written.given["text"]) == ("/in", ["review"])
    assert plan(output).files == {"file:/in/a.parquet": 5}


def test_a_run_that_is_resumed_keeps_its_run_file(output):
    first = plan(output).begin()
    written = output.read_text(RUN)
    assert plan(output, existing=first).begin() is first
    assert output.read_text(RUN) == written


def test_an_output_that_another_driver_created_since_the_plan_is_refused_and_stays_as_it_is(output):
    late = plan(output)
    plan(output).begin()
    written = output.read_text(RUN)
    with pytest.raises(ConfigError, match=r"out was created by another driver in the meantime: start again to resume"):
        late.begin()
    assert output.read_text(RUN) == written


def test_the_key_is_not_in_the_run_file(output):
    of = source("review")
    RunPlan(output, of, analysis(of, api_key="nlpb_secret"), IDENTITY, None, options().deciding()).begin()
    assert "nlpb_secret" not in output.read_text(RUN)


@pytest.mark.parametrize("name", ["out", "out/deeper", ""])
def test_an_output_that_overlaps_the_input_is_refused(output, tmp_path, name):
    given = LocalStorage(None, str(tmp_path / name))
    with pytest.raises(ConfigError, match=r"overlap: choose another output"):
        run_plan._check_place(output, given, options(overwrite=True))


def test_a_directory_of_something_else_is_refused_unless_it_is_to_be_overwritten(output, tmp_path):
    given = LocalStorage(None, str(tmp_path / "in"))
    run_plan._check_place(output, given, options())
    output.make_directory("")
    run_plan._check_place(output, given, options())
    output.write_text("notes.txt", "mine")
    with pytest.raises(ConfigError, match=r"was not made by this job: choose another path, or replace it with --overw"):
        run_plan._check_place(output, given, options())
    run_plan._check_place(output, given, options(overwrite=True))
    output.write_text(RUN, "{}")
    run_plan._check_place(output, given, options())


@pytest.mark.parametrize(
    ("columns", "changes", "taken"),
    [
        (("review", "tokens"), {}, "tokens"),
        (("review", "Error"), {}, "Error"),
        (("review", "spaced"), {"operation": "space"}, "spaced"),
        (("title", "body", "body_tokens"), {"text": ("title", "body")}, "body_tokens"),
    ],
)
def test_an_input_column_that_the_output_adds_is_refused_in_any_case(columns, changes, taken):
    of = source(*columns)
    with pytest.raises(ConfigError, match=rf"a column '{taken}', which the output adds: rename it in the input"):
        run_plan._check_added(analysis(of, **changes), of)


def test_columns_that_only_a_single_text_column_would_add_are_free_for_several():
    of = source("title", "body", "tokens", "error")
    run_plan._check_added(analysis(of, text=("title", "body")), of)


def test_a_driver_that_has_only_the_bundle_does_not_know_its_version(monkeypatch):
    def absent(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(run_plan, "version", absent)
    assert nlpbatch_version() == "unknown"
