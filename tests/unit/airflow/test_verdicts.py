import json

import pytest

from nlpbatch.airflow.verdicts import command_line, judge, read_outcome, recipe_change
from nlpbatch.errors import ConfigError, OutputInUse, ServiceUnreachable
from nlpbatch.program import exit_code
from nlpbatch.recipe.outcomes import StageOutcome, write_outcomes


@pytest.fixture
def outcome(tmp_path):
    """What a command writes, read back."""

    def make(*stages, error=None):
        write_outcomes(tmp_path / "outcome.json", stages, {}, error)
        return read_outcome(tmp_path / "outcome.json")

    return make


def test_a_stage_that_ran_gives_its_figures(outcome):
    found = judge("analyze", 0, outcome(StageOutcome("analyze", "done", "new files", 2.5, {"rows": 3, "is": [1]})))
    assert (found.kind, found.reason, found.figures) == ("done", "new files", {"rows": 3, "seconds": 2.5})


def test_one_that_had_nothing_to_do_is_skipped_with_the_reason(outcome):
    found = judge("dump", 0, outcome(StageOutcome("dump", "skipped", "done at …, and nothing has changed")))
    assert (found.kind, found.reason) == ("skipped", "done at …, and nothing has changed")


@pytest.mark.parametrize(
    ("error", "kind"),
    [(ConfigError("bad"), "wrong"), (OutputInUse("busy"), "failed"), (ServiceUnreachable("away"), "failed")],
)
def test_only_what_may_pass_is_tried_again(outcome, error, kind):
    found = judge("dump", exit_code(error), outcome(error=error))
    assert (found.kind, found.reason) == (kind, f"dump: {error.code}: {error.message}")


@pytest.mark.parametrize(("code", "kind"), [(2, "wrong"), (1, "failed"), (137, "failed"), (-9, "failed")])
def test_a_command_that_left_no_outcome_is_judged_by_its_exit_code(code, kind, tmp_path):
    found = judge("dump", code, read_outcome(tmp_path / "none.json"))
    assert (found.kind, found.reason) == (kind, f"dump: exit code {code}: its log says why")


def test_a_driver_on_another_machine_is_refused():
    found = judge("dump", 0, None)
    assert found.kind == "wrong"
    assert "spark-submit with --deploy-mode client" in found.reason


def test_a_recipe_that_changed_between_two_stages_is_named_with_the_stages_before():
    assert recipe_change("r.toml", "b", {"dump": None, "sample": "b"}) is None
    said = recipe_change("r.toml", "b", {"dump": "a", "sample": "b", "profile": None})
    assert said.startswith("r.toml was changed while this run was under way (dump ran with it as it was before)")
    assert "clear all tasks of the run" in said


def test_the_command_runs_one_stage_with_the_variables():
    line = command_line(("nlpbatch", "run"), "r.toml", "dump", {"ds": "2026-11-01", "region": "kr"})
    assert line == [
        *("nlpbatch", "run", "r.toml", "--stage", "dump"),
        *("--set", "ds=2026-11-01", "--set", "region=kr"),
    ]


def test_an_outcome_is_json(tmp_path):
    write_outcomes(tmp_path / "outcome.json", [], {}, None)
    assert json.loads((tmp_path / "outcome.json").read_text())["error"] is None
