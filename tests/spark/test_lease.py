"""Two drivers on one output: one writes it, the other says so; a dead one blocks nobody."""

import dataclasses
import json
import os
import subprocess
import sys
import time

import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.spark.job import run
from nlpbatch.spark.runs import lease as leases
from nlpbatch.spark.runs.batch_writer import BatchWriter
from nlpbatch.spark.runs.holder import Holder, process_start
from nlpbatch.spark.runs.lease import OutputLease
from nlpbatch.spark.storage import Storage

DIRECTORY = "_nlpbatch/lease"


@pytest.fixture
def output(spark, tmp_path):
    return Storage(spark, str(tmp_path / "out"))


@pytest.fixture
def lease(output, monkeypatch):
    """Return what makes leases of the output whose heartbeat is quick."""
    monkeypatch.setattr(leases, "RENEW_S", 0.05)
    said = []

    def make(name, expire_s=0.6):
        return OutputLease(output, DIRECTORY, name, say=said.append, expire_s=expire_s)

    make.said = said
    return make


def write(tmp_path, number=1, **changes):
    """Leave the lease of a driver that is no more, as one that was killed does."""
    holder = dataclasses.replace(Holder.here("app-0"), **changes)
    path = tmp_path / "out" / DIRECTORY / f"{number:06d}.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(dataclasses.asdict(holder)))


def names(tmp_path):
    return sorted(path.name for path in (tmp_path / "out" / DIRECTORY).glob("*.json"))


def test_a_driver_that_lives_keeps_the_other_out_and_is_named(lease, tmp_path):
    with lease("app-1", expire_s=5.0) as held:
        with pytest.raises(ConfigError, match=r"is being written by app-1 on .* \(process \d+, since 2") as caught:
            lease("app-2", expire_s=5.0).__enter__()
        assert "wait for it, stop it, or choose another output" in caught.value.message
        assert "is held by app-1 on" in lease.said[0]
        held.check()
    assert names(tmp_path) == []
    with lease("app-2") as after:
        after.check()


def test_a_driver_whose_process_is_gone_is_taken_over_at_once(lease, tmp_path):
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = process_start(process.pid)
    process.kill()
    process.communicate()
    write(tmp_path, process=(process.pid, started))
    began_s = time.monotonic()
    with lease("app-1", expire_s=60.0):
        assert time.monotonic() - began_s < 30.0
        assert names(tmp_path) == ["000002.json"]
    assert lease.said == []


def test_a_process_id_that_is_used_again_does_not_count_as_the_driver(lease, tmp_path):
    write(tmp_path, process=(os.getpid(), "7"))
    with lease("app-1", expire_s=60.0):
        assert names(tmp_path) == ["000002.json"]


def test_a_driver_of_another_machine_is_taken_over_once_its_lease_has_expired(lease, tmp_path):
    write(tmp_path, machine="elsewhere")
    with lease("app-1", expire_s=0.6):
        assert names(tmp_path) == ["000002.json"]
    assert "waiting up to 0.6 s" in lease.said[0]


def test_a_record_that_was_never_written_blocks_nobody(lease, tmp_path):
    folder = tmp_path / "out" / DIRECTORY
    folder.mkdir(parents=True)
    (folder / "000003.json").touch()
    with lease("app-1"):
        assert names(tmp_path) == ["000004.json"]


def test_a_driver_that_was_taken_over_finds_out(lease, tmp_path, monkeypatch):
    monkeypatch.setattr(leases, "RENEW_S", 60.0)  # one whose machine sleeps
    with lease("app-1") as first:
        with lease("app-2", expire_s=0.2) as second:
            second.check()
            with pytest.raises(ConfigError, match="was taken over by app-2"):
                first.check()
        with pytest.raises(ConfigError, match="was taken over and released"):
            first.check()


def test_of_many_that_try_at_once_one_creates_a_file(output):
    made = [output.create("_nlpbatch/lease/000001.json") for _ in range(5)]
    assert made == [True, False, False, False, False]


def test_an_output_is_deleted_without_being_given_up(lease, tmp_path):
    write(tmp_path, process=(os.getpid(), "7"))
    (tmp_path / "out" / "old.parquet").touch()
    with lease("app-1") as held:
        held.delete_output()
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["_nlpbatch"]
        held.check()
        assert names(tmp_path) == ["000001.json"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_second_job_on_one_output_is_refused_and_the_first_ends_well(
    spark, source, options, rows, monkeypatch, overwrite
):
    monkeypatch.setattr(leases, "RENEW_S", 0.05)
    source("a.parquet", id=[1, 2], text=["하나", "둘"])
    refused = []
    write_batch = BatchWriter.write

    def meanwhile(batches, *given):
        with pytest.raises(ConfigError, match="is being written by") as caught:
            run(spark, options(overwrite=overwrite))
        refused.append(caught.value)
        return write_batch(batches, *given)

    monkeypatch.setattr(BatchWriter, "write", meanwhile)
    report = run(spark, options())
    assert (report.rows, report.attempts, len(refused)) == (2, 1, 1)
    assert [row["id"] for row in rows()] == [1, 2]


def test_a_job_whose_output_was_taken_over_commits_nothing_more(spark, source, options, tmp_path, monkeypatch):
    source("a.parquet", id=[1], text=["하나"])
    write_batch = BatchWriter.write

    def taken_over(batches, *given):
        number = int(names(tmp_path)[-1].removesuffix(".json"))
        other = dataclasses.asdict(Holder.here("app-2"))
        (tmp_path / "out" / DIRECTORY / f"{number + 1:06d}.json").write_text(json.dumps(other))
        return write_batch(batches, *given)

    monkeypatch.setattr(BatchWriter, "write", taken_over)
    with pytest.raises(ConfigError, match="was taken over by app-2"):
        run(spark, options())
    assert not list((tmp_path / "out").glob("run_batch=*"))
