"""What others read of an output is what Spark reads."""

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from nlpbatch.spark.job import run
from nlpbatch.spark.options import JobOptions

POISON = "가" * 400_000


@pytest.fixture(scope="module")
def output(spark, stack, sample, tmp_path_factory):
    """Return an output with several micro-batches, dead letters, null texts and a partition column of its own."""
    folder = tmp_path_factory.mktemp("readers")
    for number, path in enumerate(sorted(sample.iterdir())):
        target = folder / "in" / f"part={number % 2}" / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        extra = {"review_id": [f"null-{number}", f"poison-{number}"], "review": [None, POISON]}
        table = pq.read_table(path, columns=list(extra))
        pq.write_table(pa.concat_tables([table, pa.table(extra, schema=table.schema)]), target)
    out = folder / "out"
    options = JobOptions(
        input=str(folder / "in"),
        text=("review",),
        output=str(out),
        service=stack.service,
        api_key=stack.api_key,
        batch_bytes=1_024,
    )
    report = run(spark, options)
    assert (report.batches, report.dead, report.nulls) == (4, 4, 4)
    return out


@pytest.fixture(scope="module")
def expected(spark, output):
    return rows(spark.read.parquet(str(output)).toArrow())


def rows(table):
    """Return the rows as plain Python, by id; numbers are as wide as they are."""
    found = {row.pop("review_id"): dict(sorted(row.items())) for row in table.to_pylist()}
    assert len(found) == table.num_rows
    return found


def with_polars(output):
    return pl.read_parquet(f"{output}/run_batch=*/*.parquet", hive_partitioning=True).to_arrow()


def with_duckdb(output):
    # DuckDB reads numbers with leading zeros as text, unless it is given the type.
    files = f"'{output}/run_batch=*/*.parquet', hive_types={{'run_batch': BIGINT}}"
    return duckdb.sql(f"SELECT * FROM read_parquet({files})").to_arrow_table()


READERS = {
    "pyarrow": lambda output: ds.dataset(output, format="parquet", partitioning="hive").to_table(),
    "pandas": lambda output: pa.Table.from_pandas(pd.read_parquet(output, dtype_backend="pyarrow")),
    "polars": with_polars,
    "duckdb": with_duckdb,
}


@pytest.mark.parametrize("name", READERS)
def test_another_reader_reads_what_spark_reads(name, output, expected):
    found = rows(READERS[name](output))
    assert found == expected
    assert {row["run_batch"] for row in found.values()} == {0, 1, 2, 3}


def test_dead_letters_are_read_alike(spark, output):
    dead = output / "_nlpbatch" / "dead"
    letters = rows(spark.read.parquet(str(dead)).toArrow())
    assert letters == rows(with_duckdb(dead))
    assert {row["error"]["code"] for row in letters.values()} == {"text_too_large"}
