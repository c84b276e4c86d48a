"""The last runs of recipes that really run, as `nlpbatch runs` shows them side by side."""

import dataclasses
import json

import pytest

from nlpbatch.errors import NlpbatchError, OutputInUse
from nlpbatch.pipelines.overview import overview
from nlpbatch.pipelines.records import Records
from nlpbatch.recipe import run_history
from nlpbatch.recipe.records import LEASE
from nlpbatch.spark.runs import lease as leases
from nlpbatch.spark.runs.lease import OutputLease
from nlpbatch.spark.storage import Storage


def series(tmp_path):
    found = overview(Records(str(tmp_path)))
    (name,) = {run["series"] for run in found["runs"] if run["kind"] == "recipe"}
    return found["series"][name]


def write(file, text):
    """Write a record as if Hadoop had: with its checksum gone, it can't notice."""
    (file.parent / f".{file.name}.crc").unlink()
    file.write_text(text)


def test_each_run_is_kept_with_its_stages_and_the_figures_of_the_analysis(go, short, tmp_path):
    recipe = short()
    go(recipe, name="reviews.toml")
    with pytest.raises(NlpbatchError):
        go(short(analyze={"analyzer": "nobodys"}), name="reviews.toml", stage="analyze")
    go(recipe, name="reviews.toml")
    last, failed, first = series(tmp_path)
    summary = json.loads((tmp_path / "out" / "analyzed" / "_nlpbatch" / "summary.json").read_text())
    for run in (last, first):
        assert (run["state"], run["rows"], run["dead"], run["errors"]) == ("done", 50, 0, {})
        assert run["text_bytes"] == summary["text_bytes"] > 0
        assert set(run["stages"]) == {"analyze", "features"}
        assert run["seconds"] >= sum(run["stages"].values()) > 0
    assert last["analysed_bytes"] == summary["work"]["analysed_bytes"]  # 0 of answers that the proxy has kept
    assert (failed["state"], failed["only"], failed["rows"]) == ("failed", ["analyze"], None)
    assert "'nobodys'" in failed["why"]
    assert last["change"]["rows"] == 0.0


def test_a_run_that_was_killed_is_kept_by_the_next_one_and_there_are_never_more_than_fifty(go, short, tmp_path):
    recipe = dataclasses.replace(short(), features=None)
    go(recipe)
    record = tmp_path / "out" / "_recipe" / "run.json"
    write(record, json.dumps(json.loads(record.read_text()) | {"state": "running", "stage": "analyze"}))
    file = tmp_path / "out" / "_recipe" / "history.json"
    kept = json.loads(file.read_text())
    write(file, json.dumps(kept | {"runs": kept["runs"] * run_history.MAX_RUNS}))
    go(recipe)
    runs = json.loads(file.read_text())["runs"]
    assert [one["state"] for one in runs[-3:]] == ["complete", "lost", "complete"]
    assert len(runs) == run_history.MAX_RUNS
    assert [one["state"] for one in series(tmp_path)[:2]] == ["done", "lost"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 2, "runs": []}', '{"version": 1, "runs": {}}'])
def test_a_history_that_cannot_be_read_is_begun_again(go, short, tmp_path, text):
    recipe = dataclasses.replace(short(), features=None)
    go(recipe)
    file = tmp_path / "out" / "_recipe" / "history.json"
    write(file, text)
    go(recipe)
    assert len(json.loads(file.read_text())["runs"]) == 1


def test_a_run_that_is_refused_leaves_the_records_of_the_other_alone(spark, go, short, tmp_path, monkeypatch):
    monkeypatch.setattr(leases, "RENEW_S", 0.05)
    recipe = dataclasses.replace(short(), features=None)
    go(recipe)
    before = {file.name: file.read_text() for file in (tmp_path / "out" / "_recipe").glob("*.json")}
    with OutputLease(Storage(spark, str(tmp_path / "out")), LEASE, "app-other", say=lambda _line: None):
        with pytest.raises(OutputInUse):
            go(recipe)
        assert {file.name: file.read_text() for file in (tmp_path / "out" / "_recipe").glob("*.json")} == before
