"""A job gives the same output whether its tasks write the files or Spark does."""

import json

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from nlpbatch.spark.job import run
from nlpbatch.spark.runs import batch_writer

POISON = "가" * 400_000
FORCED = "a test wants it"
COUNTED = ("rows", "dead", "nulls", "tokens", "text_bytes", "errors")


@pytest.fixture
def both(spark, options, tmp_path, monkeypatch):
    """Return a function that runs a job both ways, and returns of each: output, dead letters, counts, the reason."""

    def run_job(name, changes):
        out = tmp_path / name
        run(spark, options(output=str(out), **changes))
        record = json.loads((out / "run_batch=000000" / "_batch.json").read_text())
        tables = [spark.read.parquet(str(place)) for place in (out, *(out / "_nlpbatch").glob("dead"))]
        found = [(table.schema.json(), sorted(map(str, table.collect()))) for table in tables]
        return found, {name: record[name] for name in COUNTED}, record["spark_writer"]

    def run_both(**changes):
        packed = run_job("packed", changes)
        monkeypatch.setattr(batch_writer, "parquet_layout", lambda *_: FORCED)
        return packed, run_job("spark", changes)

    return run_both


def check(packed, by_spark, **counts):
    assert (packed[2], by_spark[2]) == ("", FORCED)
    assert packed[1] == by_spark[1]
    assert packed[0] == by_spark[0]
    assert {name: packed[1][name] for name in counts} == counts


def test_several_columns_with_arrays_nulls_and_errors(both, source):
    source(
        "a.parquet",
        id=[1, 2, 3, 4],
        text=["하나 둘", None, POISON, ""],
        tags=[["셋", None], None, [], [POISON, "넷"]],
    )
    check(*both(text=("text", "tags")), rows=4, dead=2, nulls=1, errors={"text_too_large": 2})


def test_lines_that_can_t_be_parsed_and_a_condition(both, source):
    lines = [{"id": 1, "text": "하나"}, {"id": 2, "text": "둘"}, {"id": 3, "text": None}]
    text = "\n".join([*(json.dumps(line) for line in lines), "{oops"])
    (source.folder / "a.json").write_text(text + "\n")
    check(*both(where="id <> 2"), rows=3, dead=1, nulls=2, errors={"malformed_record": 1})


@pytest.mark.parametrize("asked", [{"top_n": 2}, {"sentences": True}, {"operation": "space"}])
def test_other_answers(both, source, asked):
    source("a.parquet", text=["첫째 문장이다. 둘째 문장이다.", None, "아버지가방에들어가신다"])
    check(*both(**asked), rows=3, nulls=1)


def test_documents_that_are_lists(both, source):
    source("a.parquet", chunks=[["그 봉", "지"], None, []])
    check(*both(text=("chunks",), operation="glue"), rows=3, nulls=1, text_bytes=10, tokens=0)


def test_tokens_that_are_joined(both, source):
    source("a.parquet", id=[1, 2], morphemes=[[{"form": "먹", "tag": "VV"}, {"form": "었", "tag": "EP"}], None])
    check(*both(text=("morphemes",), operation="join"), rows=2, nulls=1, text_bytes=6)


def test_the_files_of_tasks_have_the_names_of_spark_s_and_no_other_is_left(spark, options, source, tmp_path):
    source("a.parquet", text=["하나", POISON])
    run(spark, options())
    out = tmp_path / "out"
    names = [path.name for folder in (out, out / "_nlpbatch" / "dead") for path in folder.glob("run_batch=*/[!._]*")]
    assert len(names) == 2
    assert all(name.startswith("part-") and name.endswith(".c000.snappy.parquet") for name in names)
    assert not list(out.rglob("*.txt"))
    assert ds.dataset(out, format="parquet").count_rows() == 1
    (file,) = out.glob("run_batch=*/*.parquet")
    assert pq.ParquetFile(file).metadata.created_by.startswith("parquet-cpp-arrow")
