"""What `nlpbatch runs` shows of recipes that really run: stage by stage, with the figures of the records."""

import json

import pytest

from nlpbatch.errors import NlpbatchError
from nlpbatch.pipelines.overview import overview
from nlpbatch.pipelines.preview import preview
from nlpbatch.pipelines.records import Records
from nlpbatch.pipelines.reports import read_report
from nlpbatch.recipe import RecipeRun, RunOptions


@pytest.fixture
def watched(spark, stack, view, tmp_path):
    """Return what runs a recipe, and returns the state of its stages whenever it said something."""

    def call(recipe, **options):
        seen = []

        def look(_line):
            (found,) = overview(Records(str(tmp_path)))["runs"] or (None,)
            if found is not None:
                seen.append((found["state"], {one["name"]: one["state"] for one in found["stages"]}))

        given = {"service": stack.service, "api_key": stack.api_key, "name": "reviews.toml"} | options
        RecipeRun(spark, recipe, RunOptions(**given), look).run()
        return seen

    return call


def test_stages_are_seen_running_and_done_with_the_figures_of_the_records(watched, recipe, tmp_path):
    seen = watched(recipe())
    assert (
        "running",
        {"dump": "running"} | dict.fromkeys(("sample", "profile", "analyze", "features"), "to do"),
    ) in seen
    assert any(states.get("features") == "running" and states["analyze"] == "done" for _, states in seen)
    (found,) = overview(Records(str(tmp_path)))["runs"]
    assert (found["name"], found["state"], found["why"]) == ("reviews.toml", "done", "")
    assert {one["name"]: (one["needs"], one["state"]) for one in found["stages"]} == {
        "dump": ([], "done"),
        "sample": (["dump"], "done"),
        "profile": (["sample"], "done"),
        "analyze": (["dump"], "done"),
        "features": (["analyze"], "done"),
    }
    summary = json.loads((tmp_path / "out" / "analyzed" / "_nlpbatch" / "summary.json").read_text())
    job = found["job"]
    assert {name: job["counts"][name] for name in ("rows", "dead", "nulls", "tokens", "text_bytes")} == {
        name: summary[name] for name in ("rows", "dead", "nulls", "tokens", "text_bytes")
    }
    assert job["analysed_bytes"] == summary["work"]["analysed_bytes"] > 0
    assert job["rows_per_s"] == pytest.approx(summary["documents_per_s"], abs=0.11)
    progress = json.loads((tmp_path / "out" / "analyzed" / "_nlpbatch" / "progress.json").read_text())
    assert (progress["rows"], progress["share"]) == (summary["rows"], 1.0)
    for stage in ("dump", "sample", "analyze", "features"):
        assert len(preview(Records(str(tmp_path)), "out", stage)["rows"]) > 0
    assert read_report(Records(str(tmp_path)), "out", "review.html").startswith(b"<!doctype html>")
    shown = preview(Records(str(tmp_path)), "out", "analyze")
    assert shown["rows"][0][shown["columns"].index("tokens")]["tokens"]


def test_what_failed_says_why_and_what_is_stale_says_what_changed(watched, recipe, tmp_path):
    watched(recipe())
    watched(recipe(sample={"rows": 100}), stage="sample")
    (found,) = overview(Records(str(tmp_path)))["runs"]
    stages = {one["name"]: one for one in found["stages"]}
    assert (stages["profile"]["state"], stages["profile"]["why"]) == ("stale", "sample was run again")
    assert found["state"] == "stale"
    with pytest.raises(NlpbatchError):
        watched(recipe(sample={"rows": 100}), api_key="nobody's", overwrite=True, stage="profile")
    (found,) = overview(Records(str(tmp_path)))["runs"]
    stages = {one["name"]: one for one in found["stages"]}
    assert (found["state"], stages["profile"]["state"]) == ("failed", "failed")
    assert "key" in stages["profile"]["why"]
