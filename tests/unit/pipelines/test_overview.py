import json
import time
from datetime import timedelta

import pytest

from nlpbatch.alerts.alert import Fault
from nlpbatch.errors import ConfigError
from nlpbatch.pipelines.overview import faults, overview, without_batches
from nlpbatch.pipelines.records import Records
from tests.fakes.run_records import NOW, holder, job, stage


def shown(directory):
    return {run["path"]: run for run in overview(Records(str(directory)), NOW)["runs"]}


def test_a_job_has_the_sums_of_its_micro_batches(tmp_path):
    job(tmp_path / "a" / "out", rows=(100, 50), errors={"text_too_large": 2})
    (run,) = shown(tmp_path).values()
    assert (run["kind"], run["path"], run["state"]) == ("job", "a/out", "done")
    found = run["job"]
    assert found["counts"] == {
        "rows": 150,
        "dead": 0,
        "nulls": 0,
        "tokens": 450,
        "text_bytes": 1500,
        "seconds": 4.0,
        "requests": 2,
        "retries": 0,
        "throttled_s": 0,
        "answered_bytes": 0,
    }
    assert found["errors"] == {"text_too_large": 4}
    assert found["analysed_bytes"] == 2_000  # the last count of the ledger, which counts the whole run
    assert (found["rows_per_s"], found["share"], found["attempts"]) == (37.5, 1.0, 1)
    assert [one["rows"] for one in found["batches"]] == [100, 50]


@pytest.mark.parametrize(
    ("state", "renewed_before_s", "expected", "why"),
    [
        ("complete", None, "done", ""),
        ("stopped", None, "stopped", "budget reached"),
        ("failed", None, "failed", "budget reached"),
        (None, 5, "running", ""),
        (None, 60, "lost", "start it again"),
        (None, None, "lost", "start it again"),
    ],
)
def test_its_state_is_that_of_its_last_start_and_of_the_lease(tmp_path, state, renewed_before_s, expected, why):
    job(tmp_path / "out", state, reason="budget reached" if why == "budget reached" else None)
    if renewed_before_s is not None:
        holder(tmp_path / "out", "_nlpbatch", NOW - timedelta(seconds=renewed_before_s))
    run = shown(tmp_path)["out"]
    assert run["state"] == expected
    assert why in run["why"]
    assert bool(run["holder"]) is (expected == "running")


def test_while_it_runs_the_progress_says_what_is_left(tmp_path):
    job(tmp_path / "out", None)
    holder(tmp_path / "out", "_nlpbatch", NOW)
    (tmp_path / "out" / "_nlpbatch" / "progress.json").write_text('{"at": "2999", "share": 0.25, "left_s": 90.0}')
    found = shown(tmp_path)["out"]["job"]
    assert (found["share"], found["left_s"]) == (0.25, 90.0)
    (tmp_path / "out" / "_nlpbatch" / "progress.json").write_text('{"at": "1999", "share": 0.25, "left_s": 90.0}')
    assert shown(tmp_path)["out"]["job"]["share"] is None  # an earlier start's


def test_a_recipe_has_its_stages_in_order_and_its_job_is_not_shown_again(tmp_path):
    stage(tmp_path / "out", "features", ("analyze",), rows={"train": 25})
    stage(tmp_path / "out", "sample", rows=20)
    stage(tmp_path / "out", "analyze", ("dump",))
    stage(tmp_path / "out", "dump")
    job(tmp_path / "out" / "analyzed")
    (run,) = shown(tmp_path).values()
    assert [(one["name"], one["needs"], one["state"]) for one in run["stages"]] == [
        ("dump", [], "done"),
        ("sample", [], "done"),
        ("analyze", ["dump"], "done"),
        ("features", ["analyze"], "done"),
    ]
    assert run["job"]["counts"]["rows"] == 100
    assert run["stages"][3]["result"] == {"rows": {"train": 25}}


def test_a_run_of_a_recipe_that_is_under_way_says_which_stage_it_is_at(tmp_path):
    stage(tmp_path / "out", "dump")
    graph = [
        {"name": "dump", "needs": []},
        {"name": "analyze", "needs": ["dump"]},
        {"name": "features", "needs": ["analyze"]},
    ]
    record = {
        "recipe": "reviews.toml",
        "stages": graph,
        "stage": "analyze",
        "state": "running",
        "started_at": NOW.isoformat(),
    }
    (tmp_path / "out" / "_recipe" / "run.json").write_text(json.dumps(record))
    holder(tmp_path / "out", "_recipe", NOW)
    run = shown(tmp_path)["out"]
    assert (run["name"], run["state"]) == ("reviews.toml", "running")
    assert [(one["name"], one["state"], one["why"]) for one in run["stages"]] == [
        ("dump", "done", ""),
        ("analyze", "running", ""),
        ("features", "to do", "waits for analyze"),
    ]
    record |= {"state": "failed", "reason": "the key was taken back"}
    (tmp_path / "out" / "_recipe" / "run.json").write_text(json.dumps(record))
    (tmp_path / "out" / "_recipe" / "lease" / "000001.json").unlink()
    run = shown(tmp_path)["out"]
    assert (run["state"], run["why"]) == ("failed", "the key was taken back")
    assert run["stages"][1]["state"] == "failed"


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


def test_a_thousand_runs_are_read_soon(tmp_path):
    for number in range(1_000):
        job(tmp_path / f"{number:04d}")
    began_s = time.monotonic()
    assert len(shown(tmp_path)) == 1_000
    assert time.monotonic() - began_s < 10  # nlpbatch runs --html over as many took 0.4 s, the page 0.8 s to be ready


def test_what_has_failed_and_what_is_late_is_said(tmp_path):
    job(tmp_path / "a")
    job(tmp_path / "b", "failed", reason="the key was taken back")
    found = overview(Records(str(tmp_path)), NOW)
    assert faults(found, late=None, now=NOW) == [Fault("b", "b", "job", "failed", "the key was taken back")]
    then = NOW + timedelta(days=400)
    late = faults(found, late=timedelta(hours=26), now=then)
    assert sorted((one.path, one.state) for one in late) == [("a", "late"), ("b", "failed")]


def test_nothing_at_all_is_a_fault(tmp_path):
    assert "no job or recipe" in faults(overview(Records(str(tmp_path))), late=None)[0].why


def test_what_is_no_directory_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="is no directory"):
        Records(str(tmp_path / "gone"))
    with pytest.raises(ConfigError, match="nowhere://"):
        Records("nowhere://a/b")
