"""Drivers that end, commits that fail and writers that meet: no row is lost, none is there twice."""

import json
import signal
import subprocess
import sys
import threading
from dataclasses import asdict

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import DataFrameWriterV2

from nlpbatch.cli.stack import Stack, StackOptions
from nlpbatch.errors import CatalogAway, ConfigError
from nlpbatch.spark.job import run
from nlpbatch.spark.replay import ReplayOptions, replay
from nlpbatch.spark.tables.direct import DIRECT
from nlpbatch.spark.tables.sink import TableSink
from tests.tables.environment import ROOT
from tests.tables.killed_driver import POINTS, ending_at

POISON = "가" * 400_000
KILLED_TIMEOUT_S = 300


class Ended(Exception):
    """A driver ends here."""


@pytest.fixture
def made(options, table, table_format):
    """Return the options of a run with a file in each micro-batch."""

    def make(**changes):
        given = {"output_table": table, "table_format": table_format, "batch_bytes": 1024}
        return options(**given | changes)

    return make


@pytest.fixture
def files(source):
    """Files with two rows, one of them dead."""

    def write(count):
        for number in range(count):
            source(f"{number}.parquet", id=[2 * number, 2 * number + 1], text=[f"글 {number}", POISON])

    return write


@pytest.fixture
def ids(spark, table):
    """Return the ids of a table's rows, and of the dead letters."""

    def read():
        found = []
        for name in (table, f"{table[:-1]}_dead`"):
            spark.sql(f"REFRESH TABLE {name}")
            found.append([row["id"] for row in spark.table(name).orderBy("id").collect()])
        return tuple(found)

    return read


def test_a_start_that_ends_anywhere_on_the_way_to_the_table_is_resumed(
    spark, made, files, ids, commits, monkeypatch, tmp_path
):
    files(2)
    for point in POINTS:

        def end():
            raise Ended

        with monkeypatch.context() as patched:
            patched.setattr(*ending_at(point, end))
            with pytest.raises(Ended):
                run(spark, made())
    report = run(spark, made())
    assert ids() == ([0, 2], [1, 3])
    assert commits() == 2
    assert (report.batches, report.rows, report.dead, report.complete) == (2, 4, 2, True)
    assert list((tmp_path / "out/_nlpbatch/prepared").glob("*")) == []
    # The first start had not recorded its answers: the proxy gave them to the second again. No other asked for them.
    (first, _) = [json.loads(path.read_text()) for path in sorted((tmp_path / "out").glob("run_batch=*/_batch.json"))]
    assert first["client"]["replayed"] == first["client"]["answered"]
    assert report.work.repeated_bytes == 0


def test_a_driver_that_is_killed_before_it_records_a_commit_is_resumed_by_another(
    spark, made, files, ids, commits, warehouse, tmp_path
):
    files(2)
    given = {"options": asdict(made()), "point": "rows", "warehouse": str(warehouse)}
    command = [sys.executable, "-m", "tests.tables.killed_driver", json.dumps(given)]
    with (tmp_path / "log").open("wb") as log:
        done = subprocess.run(
            command, cwd=ROOT, start_new_session=True, stdout=log, stderr=log, timeout=KILLED_TIMEOUT_S, check=False
        )
    assert done.returncode == -signal.SIGKILL, (tmp_path / "log").read_text()[-3000:]
    assert len(list((tmp_path / "out/_nlpbatch/prepared").glob("*.json"))) == 1
    report = run(spark, made())
    assert ids() == ([0, 2], [1, 3])
    assert commits() == 2
    assert (report.rows, report.dead, report.work.repeated_bytes) == (4, 2, 0)


@pytest.mark.parametrize("by_spark", [False, True])
def test_a_commit_whose_answer_is_lost_is_not_made_again(
    spark, made, files, source, ids, commits, monkeypatch, by_spark
):
    lost = []

    def losing(method):
        def call(*args):
            method(*args)
            if not lost or lost[-1] is not method:
                lost.append(method)
                raise PySparkException("the connection was reset")

        return call

    monkeypatch.setattr(DataFrameWriterV2, "append", losing(DataFrameWriterV2.append))
    for cls in DIRECT.values():
        monkeypatch.setattr(cls, "add", losing(cls.add))
    if by_spark:
        monkeypatch.setattr(TableSink, "direct", lambda *_: None)
        source("0.parquet", id=[0], text=["글"])
    else:
        files(1)
    run(spark, made())
    assert ids() == ([0], [] if by_spark else [1])
    assert (commits(), len(lost)) == (1, 1 if by_spark else 2)


@pytest.mark.parametrize("table_format", ["iceberg"])
def test_a_commit_that_may_be_among_expired_snapshots_is_not_guessed_at(spark, made, files, table, monkeypatch):
    def end():
        raise Ended

    files(1)
    with monkeypatch.context() as patched:
        patched.setattr(*ending_at("rows", end))
        with pytest.raises(Ended):
            run(spark, made())
    spark.sql(f"REFRESH TABLE {table}")
    spark.table(table).limit(1).writeTo(table).append()
    short = table.partition(".")[2].replace("`", "")
    spark.sql(f"CALL lake.system.expire_snapshots('{short}', TIMESTAMP '2100-01-01 00:00:00', 1)")
    with pytest.raises(ConfigError, match=r"no longer has its snapshots since \d+, so that it can't be known whether"):
        run(spark, made())


def test_a_catalog_that_is_away_leaves_the_micro_batch_for_the_next_start(
    spark, made, files, ids, monkeypatch, tmp_path
):
    def refuse(writer):
        raise PySparkException("java.net.ConnectException: Connection refused")

    files(2)
    with monkeypatch.context() as patched:
        patched.setattr(DataFrameWriterV2, "append", refuse)
        with pytest.raises(CatalogAway, match=r"doesn't answer: java\.net\.ConnectException"):
            run(spark, made())
    assert [path.name for path in (tmp_path / "out/_nlpbatch/prepared").glob("*.json")] == ["000000.json"]
    report = run(spark, made())
    assert ids() == ([0, 2], [1, 3])
    assert report.work.repeated_bytes == 0


def test_two_runs_that_write_at_once_lose_nothing(spark, made, files, ids, commits, tmp_path):
    files(2)
    run(spark, made(output=str(tmp_path / "first"), max_bytes=1))  # the tables are there
    failures = []

    def start(name):
        try:
            run(spark, made(output=str(tmp_path / name)))
        except Exception as error:  # noqa: BLE001  (of a thread)
            failures.append(error)

    threads = [threading.Thread(target=start, args=(name,)) for name in ("first", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert ids() == ([0, 0, 2, 2], [1, 1, 3, 3])
    assert commits() == 4


def test_a_replay_moves_what_is_answered_now_to_the_table_wherever_it_ends(
    spark, made, source, ids, tmp_path, monkeypatch, records
):
    small = tmp_path / "small.toml"
    small.write_text("[limits]\ntext_bytes = 100\n")
    for number in range(2):
        source(f"{number}.parquet", id=[3 * number, 3 * number + 1, 3 * number + 2], text=["글", "긴 글 " * 20, POISON])
    with Stack(StackOptions(workers=1, server_config=small)) as strict:
        given = {"service": strict.service, "api_key": strict.api_key}
        assert run(spark, made(**given)).dead == 4
    with Stack(StackOptions(workers=1)) as generous:
        asked = ReplayOptions(str(tmp_path / "out"), generous.service, generous.api_key)
        for name in ("add_rows", "replace_dead"):
            done = getattr(TableSink, name)

            def do_and_end(*args, done=done):
                done(*args)
                raise Ended

            with monkeypatch.context() as patched:
                patched.setattr(TableSink, name, do_and_end)
                with pytest.raises(Ended):
                    replay(spark, asked)
        done = replay(spark, asked)
    assert ids() == ([0, 1, 3, 4], [2, 5])
    assert (done.report.rows, done.report.dead, done.report.errors) == (6, 2, {"text_too_large": 2})
    assert [(record["rows"], record["dead"]) for record in records()] == [(3, 1), (3, 1)]
