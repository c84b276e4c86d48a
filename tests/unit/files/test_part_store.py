import json

import pyarrow as pa
import pytest

from nlpbatch.client.columns.task_stats import TaskStats
from nlpbatch.errors import ConfigError
from nlpbatch.files.counts import Counts
from nlpbatch.files.part_store import AnalysisFile, AnalysisIdentity, PartStore, StoredPart

IDENTITY = AnalysisIdentity([["/a", 1, 2]], {"format": None}, ["review"], {"analyzer": "default"})


@pytest.fixture
def store(tmp_path):
    with PartStore(tmp_path / "t.parquet").locked() as found:
        found.begin(AnalysisFile("run-1", IDENTITY, "f" * 32, "0.1.0"))
        yield found


def add(store, number, *values):
    batch = pa.record_batch({"a": list(values)})
    store.add(number, StoredPart(Counts(rows=len(values)), 1.0, TaskStats(answered=1)), [batch])


def parts_of(store):
    again = PartStore(store.output)
    return [
        (part.counts.rows, [row["a"] for batch in rows for row in batch.to_pylist()])
        for part, rows in again.whole_parts()
    ]


def test_parts_come_back_in_order_with_their_records(store):
    add(store, 1, 1, 2)
    add(store, 2, 3)
    assert parts_of(store) == [(2, [1, 2]), (1, [3])]
    assert store.next_number() == 3
    assert store.begun() == AnalysisFile("run-1", IDENTITY, "f" * 32, "0.1.0")


def test_a_part_that_is_added_again_takes_its_own_place(store):
    add(store, 1, 1)
    add(store, 1, 1, 2)
    assert parts_of(store) == [(2, [1, 2])]


def test_rows_without_a_record_are_no_part_and_are_deleted(store):
    add(store, 1, 1)
    add(store, 2, 2)
    (store.directory / "000002.json").unlink()
    (store.directory / "000003.arrow-").write_bytes(b"half")
    assert parts_of(store) == [(1, [1])]
    assert sorted(path.name for path in store.directory.glob("0*")) == ["000001.arrow", "000001.json"]


def test_another_run_is_refused_with_all_that_differs(store):
    other = AnalysisIdentity([["/a", 1, 3]], {"format": None}, ["body"], {"analyzer": "default"})
    with pytest.raises(ConfigError) as refused:
        store.check(store.begun(), other)
    said = refused.value.message
    assert 'the input files have changed; other columns (was ["review"], is ["body"])' in said
    assert "--overwrite" in said
    store.check(store.begun(), IDENTITY)


def test_a_record_that_cannot_be_read_is_refused(store):
    (store.directory / "run.json").write_text(json.dumps({"run": "x"}))
    with pytest.raises(ConfigError, match="give --overwrite to start again"):
        store.begun()


def test_only_one_may_write_and_nothing_is_left_where_nothing_was_begun(tmp_path):
    first, second = PartStore(tmp_path / "t.parquet"), PartStore(tmp_path / "t.parquet")
    with (
        first.locked(),
        pytest.raises(ConfigError, match="another process is writing"),
        second.locked(),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_output_appears_with_its_dead_rows_and_without_older_ones(store, tmp_path):
    rows, dead = store.directory / "rows.parquet", store.directory / "dead.parquet"
    rows.write_bytes(b"rows")
    dead.write_bytes(b"dead")
    store.finish(rows, dead)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.dead.parquet", "t.parquet"]
    store.directory.mkdir()
    rows.write_bytes(b"new")
    store.finish(rows, None)
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]
    assert (tmp_path / "t.parquet").read_bytes() == b"new"
