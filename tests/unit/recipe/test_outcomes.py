import json

from nlpbatch.errors import OutputInUse
from nlpbatch.recipe.outcomes import StageOutcome, write_outcomes


def test_what_a_run_did_is_written_whole_with_what_stopped_it(tmp_path):
    file = tmp_path / "outcome.json"
    outcomes = [
        StageOutcome("dump", "skipped", "done at …", 0.0, {"rows": 3}),
        StageOutcome("analyze", "done", "new", 2.0),
    ]
    write_outcomes(file, outcomes, {"ds": "2026-11-01"}, OutputInUse("held by another"))
    written = json.loads(file.read_text())
    assert [(one["stage"], one["state"], one["result"]) for one in written["stages"]] == [
        ("dump", "skipped", {"rows": 3}),
        ("analyze", "done", {}),
    ]
    assert written["variables"] == {"ds": "2026-11-01"}
    assert written["error"] == {"code": "output_in_use", "message": "held by another"}
    assert [path.name for path in tmp_path.iterdir()] == ["outcome.json"]
