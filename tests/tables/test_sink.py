"""A run whose rows go to a table: what is in it, and what is refused."""

from pathlib import Path

import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.spark.job import run
from nlpbatch.spark.storage import Storage
from nlpbatch.spark.tables.lookup import find_table
from tests.tables.conftest import delta_log

POISON = "가" * 400_000
"""Over the service's limit for one text."""


@pytest.fixture
def start(spark, options, table, table_format):
    """Return what does one start of a run, a file in each micro-batch."""

    def begin(**changes):
        given = {"output_table": table, "table_format": table_format, "batch_bytes": 1024}
        return run(spark, options(**given | changes))

    return begin


@pytest.fixture
def read(spark, table):
    def rows(name=table):
        spark.sql(f"REFRESH TABLE {name}")  # a session keeps what it has seen of Iceberg's for a while
        return [row.asDict(recursive=True) for row in spark.table(str(name)).orderBy("id").collect()]

    return rows


@pytest.fixture
def dead(table):
    return f"{table[:-1]}_dead`"


def test_rows_go_to_the_table_by_one_commit_a_micro_batch_and_dead_ones_beside_it(
    start, source, read, commits, table, dead, records, tmp_path, spark
):
    for number in range(3):
        source(f"{number}.parquet", id=[number, number + 10], text=[f"글 {number}", POISON if number == 1 else "또"])
    report = start()
    assert (report.rows, report.dead, report.complete, report.table) == (6, 1, True, table)
    rows = read()
    assert [row["id"] for row in rows] == [0, 1, 2, 10, 12]
    assert [row["tokens"][0]["form"] for row in rows[:3]] == ["글", "글", "글"]
    assert commits() == 3
    (lost,) = read(dead)
    assert (lost["id"], lost["error"]["code"], lost["nlpbatch_batch"]) == (11, "text_too_large", 1)
    assert lost["nlpbatch_run"] == report.run
    assert [record["rows"] for record in records()] == [2, 2, 2]
    assert list((tmp_path / "out").rglob("*.parquet")) == []

    source("3.parquet", id=[20], text=["새 글"])
    assert start().new_rows == 1
    assert [row["id"] for row in read()] == [0, 1, 2, 10, 12, 20]
    assert commits() == 4
    assert start().new_rows == 0
    assert commits() == 4


def test_other_programs_read_what_spark_reads(start, source, read, table, table_format, spark):
    source("a.parquet", id=[1, 2, 3], text=["하나", "둘", "셋"])
    start()
    expected = read()
    location = Path(find_table(spark, table).location.removeprefix("file:"))
    if table_format == "delta":
        from deltalake import DeltaTable  # noqa: PLC0415  (one of the two)

        found = DeltaTable(str(location)).to_pyarrow_table()
    else:
        from pyiceberg.table import StaticTable  # noqa: PLC0415  (one of the two)

        newest = max(
            (location / "metadata").glob("v*.metadata.json"), key=lambda path: int(path.name[1:].split(".")[0])
        )
        found = StaticTable.from_metadata(str(newest)).scan().to_arrow()
    assert found.sort_by("id").to_pylist() == expected


def test_a_new_table_needs_a_format_and_one_that_is_there_has_one(start, source, table, table_format, spark):
    source("a.parquet", id=[1], text=["하나"])
    if table_format == "iceberg":
        with pytest.raises(ConfigError, match=r"there is no table lake\.db\..* yet: check the name, or say what it is"):
            start(table_format=None)
    start()
    other = {"delta": "iceberg", "iceberg": "delta"}[table_format]
    with pytest.raises(ConfigError, match=rf"is of {table_format}, not {other}: leave --table-format out"):
        start(table_format=other)
    assert start(table_format=None).new_rows == 0


def test_a_table_with_other_columns_is_refused_with_the_difference_or_accepted_by_a_word(
    start, source, read, table, table_format, spark
):
    spark.createDataFrame([(0, "알 수 없음")], "id bigint, origin string").writeTo(table).using(table_format).create()
    source("a.parquet", id=[1], text=["하나"])
    with pytest.raises(ConfigError) as refused:
        start()
    for said in ("the table lacks text string", "the table lacks tokens array<struct<", "the rows lack origin string"):
        assert said in refused.value.message
    assert start(evolve_schema=True).rows == 1
    before, added = read()
    assert (before["origin"], before["text"], before["tokens"]) == ("알 수 없음", None, None)
    assert (added["origin"], added["text"], added["tokens"][0]["form"]) == (None, "하나", "하나")


def test_a_table_with_other_types_is_refused_whatever_is_accepted(start, source, table, table_format, spark):
    spark.createDataFrame([], "id int, text string NOT NULL").writeTo(table).using(table_format).create()
    source("a.parquet", id=[1], text=["하나"])
    with pytest.raises(ConfigError, match=r"column 'id' is int in the table, bigint in the rows") as refused:
        start(evolve_schema=True)
    nullable = spark.table(table).schema["text"].nullable
    assert ("column 'text' may not be null in the table" in refused.value.message) == (not nullable)


def test_narrow_numbers_fit_wide_columns(start, source, read, table, table_format, spark):
    import pyarrow as pa  # noqa: PLC0415  (only here)

    spark.sql(
        f"CREATE TABLE {table} (id bigint, text string, tokens array<struct<form string, tag string, `start` int, "
        f"`end` int>>, error struct<code string, message string, attempts int, request_id string>) USING {table_format}"
    )
    source("a.parquet", id=pa.array([1], pa.int16()), text=["하나"])
    assert start().rows == 1
    assert read()[0]["id"] == 1


def test_what_goes_with_files_only_is_refused(start, source, tmp_path, table, table_format):
    source("a.parquet", id=[1], text=["하나"])
    with pytest.raises(ConfigError, match=r"--overwrite and --reprocess replace files, and a table's rows stay"):
        start(overwrite=True)
    start()
    with pytest.raises(ConfigError, match=r"table was .*, is null"):
        start(output_table=None, table_format=None)
    if table_format == "delta":
        with pytest.raises(ConfigError, match=r"output .* and table .* overlap: choose another output"):
            start(output=str(tmp_path / "tokens" / "out"))


def test_a_table_that_is_gone_with_rows_of_the_run_is_not_made_again(start, source, table, spark):
    source("a.parquet", id=[1], text=["하나"])
    start()
    if table.startswith("delta"):
        Storage(spark, find_table(spark, table).location).delete()
    else:
        spark.sql(f"DROP TABLE {table} PURGE")
    with pytest.raises(ConfigError, match=r"is gone, which had the rows of 1 micro-batches"):
        start()


def test_the_run_is_named_in_the_commit(start, source, table, table_format, spark):
    source("a.parquet", id=[1], text=["하나"])
    report = start()
    if table_format == "iceberg":
        spark.sql(f"REFRESH TABLE {table}")
        summaries = [row["summary"] for row in spark.table(f"{table}.snapshots").collect()]
        (summary,) = [found for found in summaries if "nlpbatch.run" in found]  # the other made the table
        assert (summary["nlpbatch.run"], summary["nlpbatch.batch"]) == (report.run, "0")
    else:
        (transaction,) = [action["txn"] for log in delta_log(spark, table) for action in log if "txn" in action]
        assert (transaction["appId"], transaction["version"]) == (report.run, 0)


@pytest.mark.parametrize("partitioned", [False, True])
def test_files_of_tasks_become_the_table_s_unless_it_would_store_them_otherwise(
    start, source, read, table, table_format, spark, partitioned
):
    spark.sql(
        f"CREATE TABLE {table} (id bigint, text string, tokens array<struct<form string, tag string, `start` int, "
        "`end` int>>, error struct<code string, message string, attempts int, request_id string>) "
        f"USING {table_format}{' PARTITIONED BY (id)' if partitioned else ''}"
    )
    source("a.parquet", id=[1, 2], text=["하나", "둘"])
    start()
    assert [row["tokens"][0]["form"] for row in read()] == ["하나", "둘"]
    file = "_file" if table_format == "iceberg" else "_metadata.file_path"
    names = {row[0].rpartition("/")[2] for row in spark.table(table).select(file).collect()}
    assert all(name.startswith("nlpbatch-000000-part-") for name in names) != partitioned
