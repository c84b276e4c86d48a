"""`nlpbatch analyze FILE` writes what a job writes: the same rows, columns, types, dead letters and counts."""

import json

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from nlpbatch.spark.job import run as run_job
from nlpbatch.spark.runs.layout import PARTITION
from tests.fakes.commands import run

COUNTS = ("rows", "dead", "nulls", "tokens", "errors", "text_bytes", "out", "fingerprint", "files", "file_bytes")
LINES = {
    "csv": 'id,text,more\n1,좋은 영화,a\n2,"여러\n줄",\n3\n4,,\n5,많다,b,c\n',
    "json": '{"id": 1, "text": "좋은 영화", "more": {"b": [1, 2.5], "a": null}}\n{"id"\n'
    '{"text": null, "id": 2.5}\n[]\n',
    "txt": "좋은 영화\r\n\n또 보고 싶다",
}


def in_order(rows, name):
    return sorted(
        ({key: value for key, value in row.items() if key != PARTITION} for row in rows), key=lambda row: str(row[name])
    )


def compare(tmp_path, spark, made, stack, text, by):
    report = run_job(spark, made)
    output = tmp_path / "tokens.parquet"
    columns = [part for name in text for part in ("--text", name)]
    given = ("analyze", made.input, "-o", output, *columns, "--json")
    code, out, err = run(*given, NLPBATCH_SERVICE=stack.service, NLPBATCH_API_KEY=stack.api_key)
    assert code == 0, err
    job = ds.dataset(made.output, format="parquet", partitioning="hive").to_table().drop([PARTITION])
    file = pq.read_table(output)
    assert spark.read.parquet(str(output)).schema == spark.read.parquet(f"{made.output}/run_batch=*").schema
    assert [(one.name, plain(one.type)) for one in file.schema] == [(one.name, plain(one.type)) for one in job.schema]
    assert in_order(file.to_pylist(), by) == in_order(job.to_pylist(), by)
    summary, expected = json.loads(out), json.loads(report.to_json())
    assert {name: summary[name] for name in COUNTS} == {name: expected[name] for name in COUNTS}
    folder = tmp_path / "out" / "_nlpbatch" / "dead"
    dead = [row for path in folder.rglob("*.parquet") for row in pq.ParquetFile(path).read().to_pylist()]
    beside = tmp_path / "tokens.dead.parquet"
    assert in_order(pq.read_table(beside).to_pylist() if beside.exists() else [], "error") == in_order(dead, "error")
    return file


def plain(kind):
    """Return a type in words, without the names of what is in lists."""
    if pa.types.is_list(kind):
        return f"list<{plain(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return {one.name: plain(one.type) for one in kind}
    return str(kind)


def test_reviews_have_the_same_rows(spark, stack, options, sample, tmp_path):
    file = compare(tmp_path, spark, options(input=str(sample), text=("review",)), stack, ("review",), "review_id")
    assert file.num_rows > 900


@pytest.mark.parametrize("suffix", LINES)
def test_lines_have_the_same_rows_and_dead_letters(spark, stack, options, tmp_path, suffix):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / f"a.{suffix}").write_text(LINES[suffix], encoding="utf-8", newline="")
    text = "value" if suffix == "txt" else "text"
    compare(tmp_path, spark, options(text=(text,)), stack, (text,), text)


def test_several_columns_lists_and_nulls_have_the_same_rows(spark, stack, options, source, tmp_path):
    source(
        "a.parquet",
        id=[1, 2, 3],
        title=["좋은 영화", None, "많다 " * 3],
        parts=pa.array([["하나", None, ""], None, []], pa.list_(pa.string())),
    )
    compare(tmp_path, spark, options(text=("title", "parts")), stack, ("title", "parts"), "id")
