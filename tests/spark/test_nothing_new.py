"""A run whose input is all done: it says so from names of files alone."""

import pytest

from nlpbatch.errors import ConfigError, PatienceExhausted, TooManyErrors
from nlpbatch.spark.job import run

POISON = "가" * 400_000


@pytest.fixture
def nowhere(unused_port):
    """A service that would be noticed if anybody asked it."""
    return {"service": f"http://127.0.0.1:{unused_port}", "patience_s": 0.2}


def jobs(spark):
    return len(spark.sparkContext.statusTracker().getJobIdsForGroup(None))


def test_it_opens_no_file_and_asks_no_service(spark, source, options, nowhere, tmp_path):
    source("a.parquet", id=[1, 2], text=["하나", None])
    first = run(spark, options())
    (source.folder / "a.parquet").write_bytes(b"gone bad since")
    before = jobs(spark)
    again = run(spark, options(**nowhere))
    assert jobs(spark) == before
    assert (again.new_rows, again.attempts, again.complete) == (0, 2, True)
    same = ("rows", "nulls", "tokens", "analyzer", "fingerprint", "run", "client", "files", "output")
    assert [getattr(again, name) for name in same] == [getattr(first, name) for name in same]
    assert (tmp_path / "out" / "_SUCCESS").exists()


def test_a_new_file_is_seen(spark, source, options, nowhere):
    source("a.parquet", id=[1], text=["하나"])
    run(spark, options())
    source("b.parquet", id=[2], text=["둘"])
    with pytest.raises(PatienceExhausted):
        run(spark, options(**nowhere))
    assert run(spark, options()).new_rows == 1


def test_other_options_are_seen(spark, source, options):
    source("a.parquet", id=[1], text=["하나"])
    run(spark, options())
    for change in ({"where": "id > 0"}, {"tags": ("NNG",)}, {"schema": "id int, text string"}):
        with pytest.raises(ConfigError, match="was created with different settings"):
            run(spark, options(**change))


def test_files_that_were_set_aside_and_rows_that_failed_are_reported_again(
    spark, source, options, nowhere, monkeypatch
):
    monkeypatch.setattr("nlpbatch.spark.runs.error_limit.MIN_ROWS", 1)
    source("a.parquet", id=[1, 2], text=["하나", POISON])
    (source.folder / "b.parquet").write_bytes(b"garbage" * 100)
    first = run(spark, options())
    again = run(spark, options(**nowhere))
    assert list(again.unread) == list(first.unread) == [f"file:{source.folder}/b.parquet"]
    assert again.dead == 1
    with pytest.raises(TooManyErrors):
        run(spark, options(max_error_ratio=0.1))


def test_an_unfinished_run_goes_on(spark, source, options):
    for number in range(2):
        source(f"{number}.parquet", id=[number], text=["글"])
    assert not run(spark, options(batch_bytes=1, max_bytes=1)).complete
    assert run(spark, options(batch_bytes=1)).new_rows == 1
