import json
import re
import time
from datetime import timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nlpbatch.alerts.alert import Fault
from nlpbatch.errors import ConfigError
from nlpbatch.pipelines.overview import faults, overview, series_around
from nlpbatch.pipelines.preview import preview
from nlpbatch.pipelines.records import Records
from nlpbatch.pipelines.reports import read_report
from tests.fakes.overview import shown
from tests.fakes.run_records import NOW, holder, job, stage


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


def test_links_that_lead_elsewhere_are_not_followed(tmp_path):
    outputs, secret = tmp_path / "outputs", tmp_path / "secret"
    stage(outputs / "out", "profile", report="x.html")
    stage(outputs / "out", "dump")
    job(secret / "job")
    (secret / "x.html").write_text("secret")
    pq.write_table(pa.table({"text": ["secret"]}), secret / "part-0.parquet")
    (outputs / "loop").symlink_to(".")
    (outputs / "linked").symlink_to(secret / "job")
    (outputs / "out" / "profile").symlink_to(secret)
    (outputs / "out" / "dump").mkdir()
    (outputs / "out" / "dump" / "part-0.parquet").symlink_to(secret / "part-0.parquet")
    assert list(shown(outputs)) == ["out"]
    records = Records(str(outputs))
    with pytest.raises(ConfigError, match="has no report"):
        read_report(records, "out", "x.html")
    with pytest.raises(ConfigError, match="nothing is in out/dump yet"):
        preview(records, "out", "dump")
    with pytest.raises(ConfigError, match="can't be read"), records.open("out/dump/part-0.parquet"):
        pass
    (tmp_path / "page").symlink_to(outputs)  # the directory itself may be one
    assert list(shown(tmp_path / "page")) == ["out"]


@pytest.mark.parametrize(
    "member",
    [
        '"result": 3',
        '"result": {"rows": "many", "new_rows": [1], "dead": NaN}',
        f'"result": {{"rows": {"9" * 400}}}',
        f'"result": {{"a": {"[" * 900}{"]" * 900}}}',
        f'"result": {{"a": {"[" * 90_000}{"]" * 90_000}}}',
        '"seconds": "long"',
        f'"result": {{"rows": 1, "pad": "{"x" * 17_000_000}"}}',
    ],
)
def test_whatever_a_stage_has_recorded_spoils_no_other_run(tmp_path, member):
    for day in (1, 2, 3):
        stage(tmp_path / f"date=2026-11-0{day}", "analyze", rows=day)
    record = tmp_path / "date=2026-11-02" / "_recipe" / "analyze.json"
    text = record.read_text().rstrip()
    name = member.partition(":")[0]
    record.write_text(re.sub(name + r": (\{[^}]*\}|[^,\n]*)", lambda _: member, text, count=1))
    assert member in record.read_text()
    found = overview(Records(str(tmp_path)), NOW)
    assert [run["state"] for run in found["runs"] if run["path"] != "date=2026-11-02"] == ["done", "done"]
    json.dumps(found, allow_nan=False)
    around = series_around(Records(str(tmp_path)), found, "date=2026-11-01")
    assert {"date=2026-11-01", "date=2026-11-03"} <= {run["path"] for run in around["date=*"]}
    (bad,) = [run for run in found["runs"] if run["path"] == "date=2026-11-02"]
    assert all(isinstance(one["result"], dict) and not isinstance(one["seconds"], str) for one in bad["stages"])


def test_a_record_that_is_being_written_beside_the_others_is_none_of_them(tmp_path):
    job(tmp_path / "out")
    (tmp_path / "out" / "_nlpbatch" / "attempts" / "000002.json.part").write_text('{"num')
    run = shown(tmp_path)["out"]
    assert (run["state"], run["job"]["attempts"]) == ("done", 1)


def test_of_dates_and_versions_the_latest_is_late_and_of_other_parts_each(tmp_path):
    for path in ("daily/date=2026-11-01", "daily/date=2026-11-02", "by/region=kr", "by/region=us", "out", "out.v2"):
        job(tmp_path / path)
    for path in ("daily/date=2026-11-03", "sometimes/20261101"):
        job(tmp_path / path)
    found = overview(Records(str(tmp_path)), NOW)
    for run in found["runs"]:
        run["ended_at"] = NOW.isoformat()
        if run["path"] in {"daily/date=2026-11-01", "daily/date=2026-11-02", "by/region=us", "out"}:
            run["ended_at"] = (NOW - timedelta(days=2)).isoformat()
    assert [one.path for one in faults(found, late=timedelta(hours=26), now=NOW)] == ["by/region=us"]
    for run in found["runs"]:
        if run["path"].endswith("-01"):  # a backfill: the latest date is missing all the same
            run |= {"state": "running", "ended_at": None}
        if run["path"].endswith("-03"):
            run["ended_at"] = (NOW - timedelta(days=2)).isoformat()
    late = [one.path for one in faults(found, late=timedelta(hours=26), now=NOW)]
    assert sorted(late) == ["by/region=us", "daily/date=2026-11-03"]


@pytest.mark.parametrize(
    ("values", "rows"),
    [
        (pa.array([2**53 - 1, -(2**53), 2**63 - 1]), [[2**53 - 1], [str(-(2**53))], [str(2**63 - 1)]]),
        (pa.array([Decimal("1.50")]), [["1.50"]]),
    ],
)
def test_a_preview_shows_numbers_as_they_are(tmp_path, values, rows):
    job(tmp_path / "out", rows=(1,))
    pq.write_table(pa.table({"id": values}), tmp_path / "out" / "run_batch=000000" / "part-0.parquet")
    assert preview(Records(str(tmp_path)), "out", None)["rows"] == rows


def test_rows_that_python_has_no_values_for_are_said_to_be_so(tmp_path):
    job(tmp_path / "out", rows=(1,))
    table = pa.table({"day": pa.array([10**8], pa.date32())})
    pq.write_table(table, tmp_path / "out" / "run_batch=000000" / "part-0.parquet")
    with pytest.raises(ConfigError, match="can't be shown"):
        preview(Records(str(tmp_path)), "out", None)
