"""The job's library code on a real Spark: what it writes, what it refuses, and what it leaves when it fails."""

import json
import threading

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from pyspark.errors import PySparkException

from nlpbatch import errors
from nlpbatch.cli.stack import Stack, StackOptions
from nlpbatch.errors import ConfigError, FingerprintMismatch, InternalError, PatienceExhausted, UnexpectedAnswer
from nlpbatch.spark import job
from nlpbatch.spark.failure import failure
from nlpbatch.spark.job import run
from nlpbatch.spark.options import JobOptions
from nlpbatch.spark.progress import RowCounter
from nlpbatch.spark.runs import layout
from nlpbatch.wire.arrow import answer_schema, encode_batch_message, join_answer
from nlpbatch.wire.fields import DEFAULT_FIELDS
from nlpbatch.wire.media import ARROW_STREAM
from nlpbatch.wire.options import Options
from tests.fakes.service import FINGERPRINT, problem, reply

TEXTS = ["아버지가 방에 들어가신다", None, "", "가" * 400_000, "또 하나", "또 하나"]
PATIENCE_S = 90


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"id": list(range(len(TEXTS))), "review": TEXTS}), path)
    return path


@pytest.fixture
def output(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def options(source, output, stack):
    """Return what makes options for the real service, with changes."""

    def make(**changes):
        values = {
            "input": str(source),
            "text": ("review",),
            "output": str(output),
            "service": stack.service,
            "api_key": stack.api_key,
            "patience_s": 30.0,
        }
        return JobOptions(**values | changes)

    return make


@pytest.fixture
def at(options):
    """Return options for a scripted service, which wants no key."""
    return lambda service, **changes: options(service=service.url, api_key=None, **changes)


def answering(rows, fields=DEFAULT_FIELDS, fingerprint=FINGERPRINT):
    """A step that answers these rows, whatever was asked."""
    batch = pa.RecordBatch.from_pylist(rows, schema=answer_schema(Options(fields=fields)))
    body = join_answer(
        [encode_batch_message(batch)], options=Options(fields=fields), analyzer="default", fingerprint=fingerprint
    )
    return reply(200, body, ARROW_STREAM)


def looks_complete(output):
    """Whether a reader would take what stands there for an output: _SUCCESS, or any row."""
    if not output.exists():
        return False
    return (output / "_SUCCESS").exists() or ds.dataset(output, format="parquet").count_rows() > 0


def test_the_output_has_all_columns_and_the_report_counts_its_rows(spark, options, output, stack):
    report = run(spark, options())
    rows = ds.dataset(output, format="parquet").to_table().sort_by("id").to_pylist()
    assert [row["review"] for row in rows] == [text for text in TEXTS if text is None or len(text) < 400_000]
    assert [row["error"] for row in rows] == [None] * 5
    dead = (
        ds.dataset(output / "_nlpbatch" / "dead", format="parquet", exclude_invalid_files=False).to_table().to_pylist()
    )
    assert [(row["id"], row["error"]["code"], row["tokens"]) for row in dead] == [(3, "text_too_large", None)]
    assert (report.rows, report.dead, report.nulls, report.errors) == (6, 1, 1, {"text_too_large": 1})
    assert report.tokens == sum(len(row["tokens"] or ()) for row in rows)
    assert report.text_bytes == sum(len((text or "").encode()) for text in TEXTS)
    assert report.client["requests"] >= 1
    assert report.client["sent_bytes"] > 0
    assert report.client["received_bytes"] > 0
    assert (report.service, report.output) == (stack.service, f"file:{output}")
    summary = json.loads((output / "_nlpbatch" / "summary.json").read_text())
    assert summary == json.loads(report.to_json())
    assert (output / "_SUCCESS").exists()


def test_the_summary_beside_the_rows_is_no_row(spark, options, output):
    run(spark, options())
    assert spark.read.parquet(str(output)).count() == len(TEXTS) - 1


def test_an_input_without_rows_gives_an_output_without_rows(spark, options, output, tmp_path):
    pq.write_table(pa.table({"review": pa.array([], pa.string())}), tmp_path / "empty.parquet")
    report = run(spark, options(input=str(tmp_path / "empty.parquet")))
    assert (report.rows, report.tokens, report.client["requests"]) == (0, 0, 0)
    assert spark.read.parquet(str(output)).columns == ["review", "tokens", "error", "run_batch"]


def test_a_column_with_a_dot_in_its_name_is_analysed_and_counted(spark, options, tmp_path):
    pq.write_table(pa.table({"리뷰.본문": ["글", None]}), tmp_path / "dotted.parquet")
    report = run(spark, options(input=str(tmp_path / "dotted.parquet"), text=("리뷰.본문",)))
    assert (report.rows, report.nulls, report.text_bytes) == (2, 1, 3)


def test_something_else_in_its_place_is_named_as_that_and_stays(spark, options, output):
    output.mkdir()
    (output / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="exists already and was not made by this job: choose another path"):
        run(spark, options())
    assert (output / "notes.txt").read_text() == "mine"


def test_overwrite_replaces_rows_and_summary(spark, options, output, source):
    run(spark, options())
    pq.write_table(pa.table({"id": [7], "review": ["새 글"]}), source)
    assert run(spark, options(overwrite=True)).rows == 1
    assert ds.dataset(output, format="parquet").to_table()["id"].to_pylist() == [7]
    assert json.loads((output / "_nlpbatch" / "summary.json").read_text())["rows"] == 1


@pytest.mark.parametrize("place", ["{source}", "{folder}", "file://{folder}", "{source}/out", "{folder}/x/../"])
def test_an_output_around_or_inside_the_input_is_refused_and_the_input_stays(spark, options, source, tmp_path, place):
    target = place.format(source=source, folder=tmp_path)
    with pytest.raises(ConfigError, match="overlap: choose another output"):
        run(spark, options(output=target, overwrite=True))
    assert pq.read_table(source).num_rows == len(TEXTS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"input": "/nowhere"}, "input '/nowhere' can't be listed.*PATH_NOT_FOUND.*--input"),
        ({"input": "nofs://x"}, "path 'nofs://x' can't be used: No FileSystem for scheme \"nofs\""),
        ({"output": "nofs://x"}, "path 'nofs://x' can't be used"),
        ({"input": "s3://bucket/x"}, "path 's3://bucket/x' can't be used: .*: write it as s3a://"),
        ({"output": "s3a://bucket/x"}, "S3AFileSystem not found: give spark-submit --packages .*hadoop-aws"),
        ({"input": "file://host/x"}, "path 'file://host/x' can't be used: Wrong FS"),
        ({"output": ""}, "path '' can't be used: Can not create a Path from an empty string"),
        ({"output": "a:b"}, "path 'a:b' can't be used"),
        ({"output": "hdfs://127.0.0.1:1/out"}, "path 'hdfs://127.0.0.1:1/out' can't be used.*Connection refused"),
    ],
)
def test_a_path_that_cannot_be_used_is_named_with_the_reason(spark, options, change, said):
    with pytest.raises(ConfigError, match=said) as caught:
        run(spark, options(**change))
    assert "\n" not in caught.value.message


def test_a_file_that_is_not_parquet_is_named(spark, options, tmp_path):
    (tmp_path / "text.parquet").write_text("not Parquet")
    with pytest.raises(ConfigError, match=r"text\.parquet.*can't be read as parquet: no file is whole"):
        run(spark, options(input=str(tmp_path / "text.parquet")))


UNEXPECTED = {
    "fewer outcomes": (answering([{"tokens": [], "error": None}]), "the answer has 1 outcomes for 2 documents"),
    "more outcomes": (answering([{"tokens": [], "error": None}] * 9), "the answer has 9 outcomes for 2 documents"),
    "other fields": (
        answering([{"tokens": [], "error": None}] * 4, fields=("form",)),
        "the answer's columns are .*asked for tokens",
    ),
    "not Arrow": (reply(200, b"tokens, tokens", ARROW_STREAM), "14 bytes is not a complete Arrow stream"),
    "cut short": (reply(200, b"", ARROW_STREAM), "0 bytes is not a complete Arrow stream"),
    "a login page": (reply(200, b"<html>", "text/html"), "answered with text/html, asked for application/vnd"),
    "a redirect": (reply(302, b"", None, {"Location": "http://login"}), "redirect to 'http://login'"),
}


@pytest.mark.parametrize("name", UNEXPECTED)
def test_an_answer_that_is_not_what_was_asked_fails_the_job_by_its_name(spark, at, output, scripted, name):
    step, said = UNEXPECTED[name]
    with pytest.raises(UnexpectedAnswer, match=said):
        run(spark, at(scripted(step)))
    assert not looks_complete(output)


def test_an_analyzer_that_changes_in_mid_run_fails_the_job(spark, at, output, scripted):
    other = answering([{"tokens": [], "error": None}] * 2, fingerprint="0" * 32)
    with pytest.raises(FingerprintMismatch, match=f"has fingerprint {'0' * 32}, asked for {FINGERPRINT}"):
        run(spark, at(scripted(other)))
    assert not looks_complete(output)


def test_a_refusal_in_mid_run_fails_the_job_by_its_name(spark, at, output, scripted):
    with pytest.raises(errors.Unauthenticated, match="the key was taken back"):
        run(spark, at(scripted(problem(errors.Unauthenticated("the key was taken back")))))
    assert not looks_complete(output)


def test_a_failing_overwrite_leaves_nothing_that_looks_complete(spark, options, at, output, scripted):
    run(spark, options())
    with pytest.raises(UnexpectedAnswer):
        run(spark, at(scripted(reply(200, b"", ARROW_STREAM)), overwrite=True))
    assert not looks_complete(output)


def test_an_overwrite_that_fails_before_the_first_row_keeps_the_old_output(spark, options, output, unused_port):
    run(spark, options())
    with pytest.raises(PatienceExhausted):
        run(spark, options(service=f"http://127.0.0.1:{unused_port}", patience_s=0.2, overwrite=True))
    assert looks_complete(output)
    assert (output / "_nlpbatch" / "summary.json").exists()


def test_a_summary_that_cannot_be_written_is_said_not_to_be_the_rows_fault(spark, options, output, monkeypatch):
    write = job.Storage.write_text

    def full(storage, name, text):
        if name == layout.SUMMARY:
            raise ConfigError("path 'x' can't be used: No space left on device")
        write(storage, name, text)

    monkeypatch.setattr(job.Storage, "write_text", full)
    with pytest.raises(InternalError, match=r"the rows are written, but not their summary: .*No space left"):
        run(spark, options())
    assert ds.dataset(output, format="parquet").count_rows() == len(TEXTS) - 1


def test_a_service_that_goes_away_in_mid_job_is_named_and_leaves_no_rows(spark, options, output, reviews):
    counter = RowCounter(spark)
    ended = threading.Event()
    with Stack(StackOptions(workers=1)) as doomed:

        def kill_once_rows_are_done():
            while counter.rows() == 0 and not ended.wait(0.1):
                pass
            seen.append(counter.rows())
            for name in ("proxy", "api"):
                doomed._children[name].kill()

        seen: list[int] = []
        killer = threading.Thread(target=kill_once_rows_are_done)
        killer.start()
        # More patience than a slow answer of one worker takes, because the service is there at first.
        lost = options(input=str(reviews), service=doomed.service, api_key=doomed.api_key, patience_s=20.0)
        try:
            with pytest.raises(PatienceExhausted, match=f"gave up on {doomed.service} after .* a patience of 20 s"):
                run(spark, lost)
        finally:
            ended.set()
            killer.join()
    assert 0 < seen[0] < 20_072
    assert not looks_complete(output)
    assert not looks_complete(output)


def test_the_counter_sees_rows_while_they_are_written_and_all_of_them_in_the_end(spark, options, reviews):
    counter = RowCounter(spark)
    seen: list[int] = []
    done = threading.Event()

    def watch():
        while not done.wait(0.1):
            seen.append(counter.rows())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        run(spark, options(input=str(reviews), patience_s=PATIENCE_S))
    finally:
        done.set()
        watcher.join()
    assert counter.rows() == 20_072
    assert any(0 < rows < 20_072 for rows in seen)
    assert seen == sorted(seen)


def test_a_value_that_spark_quotes_is_not_in_the_error(spark):
    df = spark.createDataFrame([("비밀's",)], "review string").selectExpr("cast(review AS int)")
    with pytest.raises(PySparkException) as caught:
        df.collect()
    error = failure(caught.value)
    assert "CAST_INVALID_INPUT" in error.message
    assert "비밀" not in error.message
