"""One micro-batch is analysed and written aside: what its record says, and what is where."""

import json
from dataclasses import replace

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from nlpbatch.errors import InternalError, Unauthenticated
from nlpbatch.spark.failure import failure
from nlpbatch.spark.run_plan import plan_run
from nlpbatch.spark.runs.batch_files import BatchFiles
from nlpbatch.spark.runs.batch_writer import BatchWriter
from nlpbatch.spark.runs.sizes import Sizes
from nlpbatch.spark.runs.tracker import Tracker

POISON = "가" * 400_000
"""Over the service's limit for one text."""


@pytest.fixture
def prepared(spark, options):
    """Return a function that prepares a writer, and all files of the input as one micro-batch."""

    def prepare():
        session = spark.newSession()
        plan = plan_run(session, options())
        writer = BatchWriter(session, plan.analysis, plan.output, Sizes.choose(plan.source, 2, None))
        tracker = Tracker(sum(plan.files.values()), writer.totals.total, lanes=8)
        return writer, BatchFiles.of(session, plan.source, plan.files), tracker

    return prepare


@pytest.fixture
def writing(prepared):
    """Return a function that writes the micro-batch; it returns its record, its directory and the tracker."""

    def write():
        writer, files, tracker = prepared()
        record, staged = writer.write(files, 3, tracker, "group")
        return record, writer.output.within(staged).removeprefix("file:"), tracker

    return write


def read(directory):
    return ds.dataset(directory, format="parquet").to_table().sort_by("id").to_pylist()


def test_the_record_counts_rows_texts_tokens_and_failures(writing, source):
    source("a.parquet", id=[1, 2], text=["하나 둘", None])
    source("b.parquet", id=[3, 4], text=[POISON, ""])
    record, staged, _ = writing()
    assert (record.number, record.rows, record.dead, record.nulls) == (3, 4, 1, 1)
    assert record.errors == {"text_too_large": 1}
    assert record.text_bytes == len("하나 둘".encode()) + len(POISON.encode())
    rows, dead = (read(f"{staged}/_nlpbatch_outcome={outcome}") for outcome in ("ok", "dead"))
    assert [row["id"] for row in rows] == [1, 2, 4]
    assert record.tokens == sum(len(row["tokens"] or ()) for row in rows) > 0
    assert [(row["id"], row["error"]["code"]) for row in dead] == [(3, "text_too_large")]
    assert record.files == {f"file:{path}": path.stat().st_size for path in sorted(source.folder.iterdir())}
    assert record.set_aside == {}
    assert record.client["requests"] >= 1


def test_nothing_is_part_of_the_output_yet_and_the_micro_batch_counts_as_under_way(writing, source, tmp_path):
    source("a.parquet", id=[1], text=["하나"])
    _, staged, tracker = writing()
    assert staged.startswith(f"{tmp_path}/out/_nlpbatch/staging/run_batch=000003-")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["_nlpbatch"]
    assert tracker.done_bytes == 0
    tracker.end(1)
    assert tracker.done_bytes == sum(path.stat().st_size for path in source.folder.iterdir())


def test_a_micro_batch_of_failed_rows_alone_still_has_the_columns_of_the_output(writing, source):
    source("a.parquet", id=[1], text=[POISON])
    record, staged, _ = writing()
    assert (record.rows, record.dead, record.tokens) == (1, 1, 0)
    empty = ds.dataset(f"{staged}/_nlpbatch_outcome=ok", format="parquet")
    assert (empty.count_rows(), empty.schema.names) == (0, ["id", "text", "tokens", "error"])


def test_files_name_the_analyzer_that_made_them(writing, source, stack):
    source("a.parquet", id=[1], text=["하나"])
    record, staged, _ = writing()
    (file, *_) = ds.dataset(f"{staged}/_nlpbatch_outcome=ok", format="parquet").files
    spark_schema = json.loads(pq.read_schema(file).metadata[b"org.apache.spark.sql.parquet.row.metadata"])
    (tokens,) = (field for field in spark_schema["fields"] if field["name"] == "tokens")
    assert tokens["metadata"] == {"nlpbatch.analyzer": "default", "nlpbatch.fingerprint": record.fingerprint}


def test_damaged_files_are_in_the_record_with_their_reason_and_give_no_rows(prepared, source):
    source("a.parquet", id=[1], text=["하나"])
    source("b.parquet", id=[2], text=["둘"])
    damaged = source.folder / "b.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-50])
    writer, files, tracker = prepared()
    with pytest.raises((PySparkException, Py4JJavaError)) as caught:
        writer.write(files, 3, tracker, "group")
    assert files.sets_aside(caught.value)
    record, staged = writer.write(files, 3, tracker, "group")
    assert record.set_aside == {f"file:{damaged}": "it is damaged, or not of this format"}
    where = writer.output.within(staged).removeprefix("file:")
    assert [row["id"] for row in read(f"{where}/_nlpbatch_outcome=ok")] == [1]
    assert len(record.files) == 2


def test_rows_that_files_do_not_have_are_no_micro_batch(writing, source, monkeypatch):
    source("a.parquet", id=[1], text=["하나"])
    monkeypatch.setattr(BatchFiles, "count", lambda _: 2)  # as if the reader had missed a row
    with pytest.raises(InternalError, match="1 rows were read of files that have 2"):
        writing()


def test_a_key_that_is_refused_fails_the_micro_batch_with_the_service_s_error(prepared, source, tmp_path):
    source("a.parquet", id=[1], text=["하나"])
    writer, files, tracker = prepared()
    refused = replace(writer.analysis.call, api_key="nlpb_0123456789ab_" + "x" * 43)
    writer.analysis = replace(writer.analysis, call=refused)
    with pytest.raises(PySparkException) as caught:
        writer.write(files, 3, tracker, "group")
    assert isinstance(failure(caught.value), Unauthenticated)
    assert not list((tmp_path / "out").glob("run_batch=*"))
