"""A date makes a partition of its own; two runs never write one at the same time; what a run did is reported."""

import dataclasses
import json

import pyarrow.dataset as ds
import pytest

from nlpbatch.errors import OutputInUse
from nlpbatch.recipe.recipe_file import Recipe
from nlpbatch.recipe.records import LEASE
from nlpbatch.recipe.run import RecipeRun
from nlpbatch.recipe.run_options import RunOptions
from nlpbatch.spark.runs import lease as leases
from nlpbatch.spark.runs.lease import OutputLease
from nlpbatch.spark.storage import Storage

DAYS = ("2018-05-01", "2018-05-02")


@pytest.fixture
def dated(spark, tmp_path):
    """Return what makes the recipe of a day, of a table of two days."""
    rows = [(day, f"{day}-{number}", "영화가 재밌다") for day in DAYS for number in range(20)]
    spark.createDataFrame(rows, ["day", "id", "review"]).createOrReplaceTempView("days")

    def make(day):
        members = {
            "source": {"sql": "SELECT id, review FROM days WHERE day = '{{ ds }}'"},
            "analyze": {"columns": ["review"]},
            "sink": {"path": f"{tmp_path}/out/date={{{{ ds }}}}"},
        }
        return Recipe.check(members, variables={"ds": day})

    return make


@pytest.fixture
def outcomes(spark, stack, view):
    """Return what runs a recipe, and returns what became of its stages."""

    def call(recipe, **options):
        run = RecipeRun(
            spark, recipe, RunOptions(service=stack.service, api_key=stack.api_key, **options), lambda _line: None
        )
        run.run()
        return {one.stage: (one.state, one.reason) for one in run.outcomes}

    return call


def test_each_date_has_its_own_partition_and_is_done_once(outcomes, dated, tmp_path):
    for day in DAYS:
        assert outcomes(dated(day)) == {"dump": ("done", "not done yet"), "analyze": ("done", "not done yet")}
        out = tmp_path / "out" / f"date={day}"
        ids = ds.dataset(out / "analyzed", format="parquet").to_table()["id"].to_pylist()
        assert sorted(ids) == sorted(f"{day}-{number}" for number in range(20))
        assert json.loads((out / "_recipe" / "dump.json").read_text())["variables"] == {"ds": day}
    again = outcomes(dated(DAYS[0]))
    assert {state for state, _ in again.values()} == {"skipped"}
    assert all("and nothing has changed" in reason for _, reason in again.values())


def test_files_without_new_ones_are_skipped_with_the_reason(outcomes, short, tmp_path):
    recipe = dataclasses.replace(short(), features=None)
    assert outcomes(recipe)["analyze"] == ("done", "not done yet")
    state, reason = outcomes(recipe)["analyze"]
    assert (state, reason[:17]) == ("skipped", "nothing new since")
    assert outcomes(recipe, overwrite=True)["analyze"] == ("done", "--overwrite")


def test_a_second_run_of_one_date_is_refused_and_one_of_another_date_is_not(
    spark, outcomes, dated, tmp_path, monkeypatch
):
    monkeypatch.setattr(leases, "RENEW_S", 0.05)
    output = Storage(spark, f"{tmp_path}/out/date={DAYS[0]}")
    with OutputLease(output, LEASE, "app-other", say=lambda _line: None):
        with pytest.raises(OutputInUse, match=r"is being written by app-other .*: wait for it, stop it"):
            outcomes(dated(DAYS[0]))
        assert not (tmp_path / "out" / f"date={DAYS[0]}" / "dump").exists()
        assert outcomes(dated(DAYS[1]))["dump"][0] == "done"
    assert outcomes(dated(DAYS[0]))["dump"][0] == "done"


def test_a_run_whose_output_was_taken_over_replaces_nothing(spark, outcomes, dated, tmp_path, monkeypatch):
    monkeypatch.setattr(leases, "RENEW_S", 3600)
    output = Storage(spark, f"{tmp_path}/out/date={DAYS[0]}")
    outcomes(dated(DAYS[0]))
    before = (tmp_path / "out" / f"date={DAYS[0]}" / "dump" / "_manifest.json").read_text()
    make_directory = Storage.size_bytes  # called when a new dump is written, and not yet in place

    def taken_over(self, name=""):
        # as after a machine slept: another driver has taken the lease over meanwhile
        output.create(f"{LEASE}/000099.json")
        return make_directory(self, name)

    monkeypatch.setattr(Storage, "size_bytes", taken_over)
    with pytest.raises(OutputInUse, match="was taken over"):
        outcomes(dated(DAYS[0]), overwrite=True, stage="dump")
    assert (tmp_path / "out" / f"date={DAYS[0]}" / "dump" / "_manifest.json").read_text() == before
