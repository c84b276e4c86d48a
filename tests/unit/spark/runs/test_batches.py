"""Micro-batches become part of an output by one rename, with their record."""

from dataclasses import replace

import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.spark.runs.batches import FAILED, OK, OUTCOME, Batches, BatchRecord
from tests.fakes.local_storage import LocalStorage

RECORD = BatchRecord(
    number=7,
    fingerprint="f" * 32,
    files={"file:/in/날 1.parquet": 10},
    rows=2,
    dead=1,
    nulls=0,
    tokens=3,
    errors={"text_too_large": 1},
    text_bytes=6,
    started_at="2026-11-24T00:00:00.000+00:00",
    seconds=1.5,
    proxy=[],
    set_aside={"file:/in/b.parquet": "it is damaged"},
    replayed_by=[],
)
DEAD_OF_7 = "_nlpbatch/dead/run_batch=000007"


@pytest.fixture
def output(tmp_path):
    return LocalStorage(None, str(tmp_path / "out"))


@pytest.fixture
def batches(output):
    return Batches(output)


def stage(output, batches, number=7, *, dead=True, rows=True):
    """Write files as Spark leaves those of a micro-batch."""
    staged = batches.stage(number)
    for outcome, wanted in ((OK, rows), (FAILED, dead)):
        if wanted:
            output.write_text(f"{staged}/{OUTCOME}={outcome}/part-0.parquet", outcome)
    return staged


def test_a_committed_micro_batch_is_whole_and_its_record_is_read_as_it_was_written(output, batches):
    batches.commit(RECORD, stage(output, batches))
    assert batches.is_whole(7)
    assert list(batches.records()) == [RECORD]
    assert output.names("run_batch=000007") == ["_batch.json", "part-0.parquet"]
    assert output.read_text(f"{DEAD_OF_7}/part-0.parquet") == FAILED
    assert output.names("_nlpbatch/staging") == []


def test_a_micro_batch_without_failed_rows_has_no_dead_letters(output, batches):
    batches.commit(RECORD, stage(output, batches, dead=False))
    assert not output.exists(DEAD_OF_7)


def test_a_micro_batch_without_any_good_row_is_recorded_too(output, batches):
    batches.commit(RECORD, stage(output, batches, rows=False))
    assert output.names("run_batch=000007") == ["_batch.json"]
    assert batches.is_whole(7)


def test_what_is_staged_is_no_part_of_the_output_and_is_swept(output, batches):
    stage(output, batches)
    assert not batches.is_whole(7)
    assert list(batches.records()) == []
    batches.sweep()
    assert not output.exists("_nlpbatch/staging")


def test_two_starts_stage_the_same_micro_batch_under_different_names(batches):
    assert batches.stage(7) != batches.stage(7)


def test_a_micro_batch_is_never_replaced(output, batches):
    batches.commit(RECORD, stage(output, batches))
    with pytest.raises(ConfigError, match=r"run_batch=000007 exists already: does another job write this output\?"):
        batches.commit(replace(RECORD, rows=5), stage(output, batches))
    assert list(batches.records()) == [RECORD]
    assert output.read_text(f"{DEAD_OF_7}/part-0.parquet") == FAILED


def test_records_come_in_order_and_from_whole_micro_batches_only(output, batches):
    for number in (10, 2):
        batches.commit(replace(RECORD, number=number), stage(output, batches, number))
    output.write_text("run_batch=000003/part-0.parquet", "no record")
    output.write_text("run_batch=x/_batch.json", "{}")
    assert [record.number for record in batches.records()] == [2, 10]


@pytest.mark.parametrize("changes", range(5))
def test_a_driver_that_ends_while_it_commits_leaves_nothing_that_looks_whole_or_all_of_it(tmp_path, output, changes):
    staged = stage(output, Batches(output))
    with pytest.raises(ConfigError, match="is away"):
        Batches(LocalStorage(None, output.url, fail_at=changes)).commit(RECORD, staged)
    batches = Batches(output)
    if not batches.is_whole(7):
        assert not output.exists("run_batch=000007")
        batches.sweep()
        batches.commit(RECORD, stage(output, batches))
    assert list(batches.records()) == [RECORD]
    assert output.names("run_batch=000007") == ["_batch.json", "part-0.parquet"]
    assert output.names(DEAD_OF_7) == ["part-0.parquet"]
