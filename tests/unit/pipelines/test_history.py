import json
from datetime import timedelta

import pytest

from nlpbatch.pipelines.history import MOST, PastRun, kept_runs, series_of, side_by_side, starts
from nlpbatch.pipelines.overview import overview, series_around, without_batches
from nlpbatch.pipelines.records import Records
from tests.fakes.run_records import NOW, history, holder, job, kept, stage


@pytest.mark.parametrize(
    ("path", "series"),
    [
        ("", ""),
        ("reviews", "reviews"),
        ("reviews/date=2026-11-01", "reviews/date=*"),
        ("reviews/date=2026-11-01/hour=3", "reviews/date=*/hour=*"),
        ("tokens.v12", "tokens"),
        ("a=b=c", "a=*"),
    ],
)
def test_dates_and_versions_of_one_output_are_one_series(path, series):
    assert series_of(path) == series


def run(path, day=0, **given):
    started_at = (NOW + timedelta(days=day)).isoformat()
    return PastRun(path, given.pop("state", "done"), started_at, **given)


def compared(runs):
    return side_by_side([runs])


def test_each_run_is_compared_with_the_one_before_it_the_latest_first():
    found = compared(
        [
            # A backfill: the later date was run first.
            run("date=2", 0, seconds=150.0, rows=90, dead=3, analysed_bytes=0),
            run("date=1", 9, seconds=100.0, rows=100, dead=0, analysed_bytes=10),
            run("date=10", 1, seconds=75.0, rows=90, dead=6, text_bytes=5),
        ]
    )
    assert [(one.path, one.change) for one in found] == [
        ("date=10", {"seconds": -0.5, "rows": 0.0, "dead": 1.0}),
        ("date=2", {"seconds": 0.5, "rows": -0.1, "analysed_bytes": -1.0}),
        ("date=1", {}),
    ]


def test_a_run_that_failed_and_one_of_the_sample_or_of_a_single_stage_is_no_measure_for_others():
    found = compared(
        [
            run("a", 0, rows=100),
            run("a", 1, rows=1, state="failed"),
            run("a", 2, rows=2, on_sample=True),
            run("a", 3, rows=3, only=["analyze"]),
            run("a", 4, rows=110),
            run("a", 5, rows=4, on_sample=True),
        ]
    )
    assert [one.change for one in found] == [{"rows": 1.0}, {"rows": 0.1}, {}, {}, {}, {}]


def test_of_a_thousand_runs_the_latest_are_shown():
    found = side_by_side([[run(f"a={day}", day, rows=day)] for day in range(1_000)])
    assert len(found) == MOST
    assert [found[0].rows, found[-1].rows] == [999, 940]
    assert found[-1].change == {"rows": round(940 / 939 - 1, 4)}  # against one that isn't shown any more
    assert len(side_by_side([[run("a", day) for day in range(1_000)]])) == MOST
    assert len(side_by_side([[run(f"a={date}", day) for day in range(50)] for date in range(2)])) == MOST


def test_the_runs_that_a_recipe_keeps_have_their_stages_and_figures(tmp_path):
    stage(tmp_path / "out", "dump")
    history(
        tmp_path / "out",
        kept(0, {"dump": (10.0, {"rows": 5}), "analyze": (20.0, {"rows": 5, "dead": 1, "text_bytes": 70})}, {"x": 1}),
        kept(1, {"dump": (0.0, {}, "skipped"), "analyze": (30.0, {"rows": 8, "new_rows": 3, "dead": 1})}),
        kept(2, {}, state="failed", reason="the key was taken back"),
    )
    found = overview(Records(str(tmp_path)), NOW)
    (series,) = {one["series"] for one in found["runs"]}
    last, second, first = found["series"][series]
    assert (first["rows"], first["errors"], first["stages"]) == (5, {"x": 1}, {"dump": 10.0, "analyze": 20.0})
    assert (second["new_rows"], second["stages"], second["change"]["rows"]) == (3, {"analyze": 30.0}, 0.6)
    assert (last["state"], last["why"], last["rows"], last["change"]) == ("failed", "the key was taken back", None, {})
    assert first["seconds"] == 60.0


def test_stages_that_an_engine_runs_one_by_one_are_one_run(tmp_path):
    stage(tmp_path / "out", "dump")
    history(
        tmp_path / "out",
        kept(0, {"dump": (1.0, {"rows": 5})}, only="dump"),
        kept(1, {"analyze": (2.0, {"rows": 5, "dead": 0})}, only="analyze"),
        kept(2, {"dump": (1.0, {"rows": 7})}, only="dump"),
        kept(3, {}, state="failed", only="analyze", reason="away"),
        kept(4, {"analyze": (3.0, {"rows": 7, "dead": 0})}, only="analyze"),
    )
    found = kept_runs(json.loads((tmp_path / "out" / "_recipe" / "history.json").read_text()), "out")
    assert [(one.state, list(one.stages), one.rows) for one in found] == [
        ("done", ["dump", "analyze"], 5),
        ("failed", ["dump"], 7),
        ("done", ["analyze"], 7),
    ]


def test_runs_of_two_dates_that_share_nothing_but_their_stages_are_two(tmp_path):
    runs = [kept(0, {"dump": (1.0, {})}, only="dump"), kept(1, {"analyze": (1.0, {})}, only="analyze")]
    runs[1]["variables"] = {"region": "kr"}
    assert len(kept_runs({"version": 1, "runs": runs}, "out")) == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"version": 2, "runs": []}',
        '{"version": 1}',
        '{"version": 1, "runs": 3}',
        '{"version": 1, "runs": [3, null, {}, {"state": "odd", "stages": {}}, {"state": "complete", "stages": 3}]}',
        '{"version": 1, "runs": [{"state": "complete", "stages": {}, "started_at": "yesterday"}]}',
    ],
)
def test_a_history_that_is_damaged_or_of_another_version_spoils_nothing(tmp_path, text):
    stage(tmp_path / "out", "dump", rows=3)
    (tmp_path / "out" / "_recipe" / "history.json").write_text(text)
    (one,) = overview(Records(str(tmp_path)), NOW)["runs"]
    assert (one["state"], [stage["name"] for stage in one["stages"]]) == ("done", ["dump"])


def test_records_without_a_history_have_their_last_run_and_that_which_is_under_way(tmp_path):
    stage(tmp_path / "old", "analyze", rows=100, dead=2)
    found = overview(Records(str(tmp_path)), NOW)
    assert [(one["state"], one["rows"], one["dead"]) for one in found["series"]["old"]] == [("done", 100, 2)]
    history(tmp_path / "old", kept(0, {"analyze": (1.0, {"rows": 90})}))
    record = {"recipe": "r", "stages": [], "stage": "analyze", "state": "running", "started_at": NOW.isoformat()}
    (tmp_path / "old" / "_recipe" / "run.json").write_text(json.dumps(record))
    holder(tmp_path / "old", "_recipe", NOW)
    found = overview(Records(str(tmp_path)), NOW)
    assert [(one["state"], one["ended_at"] is None) for one in found["series"]["old"]] == [
        ("running", True),
        ("done", False),
    ]


def test_the_starts_of_a_job_have_the_micro_batches_that_they_did(tmp_path):
    job(tmp_path / "out", rows=(100, 50), errors={"text_too_large": 2})
    (one,) = overview(Records(str(tmp_path)), NOW + timedelta(days=365))["series"]["out"]
    assert (one["state"], one["started_at"][:4] > "2025") == ("done", True)
    attempts = [
        {"started_at": "2026-11-01T00:00:00+00:00", "state": "running"},
        {"started_at": "2026-11-02T00:00:00+00:00", "ended_at": "2026-11-02T00:01:00+00:00", "state": "complete"},
    ]
    batches = [
        {"started_at": "2026-11-01T00:00:10+00:00", "rows": 10, "dead": 1, "text_bytes": 5, "errors": {"x": 1}},
        {"started_at": "2026-11-02T00:00:10+00:00", "rows": 20, "dead": 3, "text_bytes": 7, "errors": {"x": 3}},
    ]
    first, second = starts(attempts, batches, "out")
    assert (first.state, first.rows, first.new_rows, first.errors) == ("lost", 10, 10, {"x": 1})
    assert (second.state, second.rows, second.new_rows, second.errors) == ("done", 30, 20, {"x": 3})
    assert (second.seconds, second.text_bytes, second.dead) == (60.0, 7, 3)


def test_only_the_series_of_the_run_that_is_looked_at_is_sent_with_the_outputs_next_to_it(tmp_path):
    for number in range(50):
        stage(tmp_path / f"date={number}", "analyze", rows=number)
        history(tmp_path / f"date={number}", kept(number, {"analyze": (1.0, {"rows": number})}))
    job(tmp_path / "other")
    records = Records(str(tmp_path))
    found = overview(records, NOW, histories=False)
    assert set(found["series"]) == {"date=*", "other"}
    assert without_batches(found, None)["series"] == {}
    series = series_around(records, found, "date=20")
    assert [one["rows"] for one in series["date=*"]] == list(range(35, 4, -1))
    assert without_batches(found, "date=20", series)["series"] == series
    assert set(series_around(records, found, "other")) == {"other"}
    assert series_around(records, found, "gone") == {}
