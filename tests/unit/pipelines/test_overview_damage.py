"""Records that are damaged, or deleted while they are looked at."""

import json
from datetime import timedelta

import pytest

from nlpbatch.pipelines.overview import faults, overview, without_batches
from nlpbatch.pipelines.records import Records
from tests.fakes.overview import shown
from tests.fakes.run_records import NOW, job, stage


@pytest.mark.parametrize("text", ["", "{", "[]", '{"state": 5}', '{"of": "another version"}', "\x00"])
@pytest.mark.parametrize(
    "file", ["run.json", "attempts/000001.json", "lease/000001.json", "../run_batch=000000/_batch.json"]
)
def test_records_that_are_damaged_or_of_another_version_spoil_nothing_else(tmp_path, file, text):
    job(tmp_path / "good")
    path = job(tmp_path / "bad") / "_nlpbatch" / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    found = shown(tmp_path)
    assert found["good"]["state"] == "done"
    is_needed = not file.startswith("lease") and (not text.startswith('{"') or file.startswith("attempts"))
    assert found["bad"]["state"] == ("unreadable" if is_needed else "done")


@pytest.mark.parametrize("time", [5, "yesterday", "2026-11-20T12:00:00"])
def test_times_that_are_none_make_a_run_unreadable_and_no_other(tmp_path, time):
    job(tmp_path / "good")
    record = job(tmp_path / "bad") / "_nlpbatch" / "attempts" / "000001.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"ended_at": time}))
    found = overview(Records(str(tmp_path)), NOW)
    assert {run["path"]: run["state"] for run in found["runs"]} == {"good": "done", "bad": "unreadable"}
    assert len(faults(found, late=timedelta(hours=1), now=NOW + timedelta(days=999))) == 2


def test_what_no_reader_of_json_takes_is_left_out(tmp_path):
    stage(tmp_path / "out", "sample", share=float("nan"))
    record = tmp_path / "out" / "_recipe" / "sample.json"
    record.write_text(record.read_text().replace("NaN", 'NaN, "said": "\\ud800 half"'))
    found = overview(Records(str(tmp_path)), NOW)
    assert found["runs"][0]["stages"][0]["result"] == {"share": None, "said": "? half"}
    json.dumps(found, allow_nan=False).encode()


def test_a_thousand_runs_are_sent_without_their_micro_batches_but_that_which_is_looked_at(tmp_path):
    job(tmp_path / "a", rows=(1, 2))
    job(tmp_path / "b", rows=(3,))
    found = without_batches(overview(Records(str(tmp_path)), NOW), "a")
    assert {run["path"]: (len(run["job"]["batches"]), run["job"]["batches_total"]) for run in found["runs"]} == {
        "a": (2, 2),
        "b": (0, 1),
    }


def test_a_run_that_is_deleted_while_it_is_looked_at_is_not_there(tmp_path):
    job(tmp_path / "out")
    records = Records(str(tmp_path))
    (found,) = records.find()
    for path in sorted((tmp_path / "out").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert records.read(f"{found.path}/_nlpbatch/run.json") is None
    assert overview(records, NOW)["runs"] == []
