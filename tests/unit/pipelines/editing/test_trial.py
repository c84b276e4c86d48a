"""What a trial's own lines say of its stages, and what is refused before a process is started."""

import asyncio
import tempfile

import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.pipelines.editing.trial import Trial
from nlpbatch.pipelines.editing.trials import Trials
from nlpbatch.recipe.recipe_file import Recipe

TEXT = """\
[source]
files = "in.jsonl"

[sample]

[clean]

[analyze]
columns = ["text"]

[sink]
path = "out"
"""


@pytest.fixture
def trial():
    recipe, faults = Recipe.draft(
        {"source": {"files": "a"}, "sample": {}, "clean": {}, "analyze": {"columns": ["text"]}, "sink": {"path": "out"}}
    )
    assert faults == []
    return Trial(recipe, "a.toml", TEXT, [], overwrite=False)


def states(trial):
    return tuple(trial.describe()["stages"].items())


def test_stages_follow_the_lines_that_the_command_prints(trial):
    assert states(trial) == (("sample", "to do"), ("clean", "to do"), ("analyze", "to do"))
    trial._note("recipe: sample: started")
    assert states(trial)[0] == ("sample", "running")
    trial._note("recipe: sample: done in 1.2 s: rows 50")
    assert states(trial)[:2] == (("sample", "done"), ("clean", "running"))
    trial._note("recipe: clean: done already")
    assert states(trial)[1:] == (("clean", "done"), ("analyze", "running"))  # it shows its own progress
    trial._note("analyze: 50 of 50 rows")
    trial.state = "failed"
    assert states(trial)[2] == ("analyze", "failed")
    assert trial.describe()["lines"][-1] == "analyze: 50 of 50 rows"


def test_what_stopped_it_before_it_could_write_an_outcome_is_its_last_line(trial):
    trial._note("WARNING: something of Java's")
    trial._note("nlpbatch: [sink] path is missing: name the directory that everything goes to")
    trial.state = "failed"
    (fault,) = trial.describe()["faults"]
    assert (fault["section"], fault["key"]) == ("sink", "path")
    assert fault["text"] == "[sink] path is missing: name the directory that everything goes to"


def test_the_lines_of_its_outcome_are_shown_where_they_belong(trial):
    message = "[analyze] columns: the source has no column 'text'\n[clean] first_by: the source has no column 'day'"
    trial._outcome = {"stages": [], "error": {"code": "config_invalid", "message": message}}
    trial.state = "failed"
    faults = [(fault["section"], fault["key"]) for fault in trial.describe()["faults"]]
    assert (faults, trial.describe()["code"]) == ([("analyze", "columns"), ("clean", "first_by")], "config_invalid")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (TEXT.replace("[sample]\n", ""), r"^--on sample needs to know which: add \[sample\] to the recipe$"),
        (TEXT.replace("out", "out/{{ ds }}"), r"which isn't set: give --set ds="),
        (TEXT.replace("[sink]", "[snk]"), r"^unknown section \[snk\]: did you mean sink\?$"),
        ("[", "^not TOML: "),
    ],
)
async def test_a_recipe_that_cannot_be_tried_is_refused_before_anything_is_started(text, says):
    with pytest.raises(ConfigError, match=says):
        await Trials().start("a.toml", text, {}, overwrite=False)


async def test_one_trial_of_a_recipe_and_two_of_all_run_at_a_time(trial):
    trials = Trials()
    trials._trials = {"a.toml": trial, "b.toml": trial}
    with pytest.raises(ConfigError, match=r"^a trial of a\.toml is under way: wait for it, or stop it$"):
        await trials.start("a.toml", TEXT, {}, overwrite=False)
    with pytest.raises(ConfigError, match=r"^2 trials are under way"):
        await trials.start("c.toml", TEXT, {}, overwrite=False)


SAMPLED = '[source]\nfiles = "in.jsonl"\n\n[sample]\n\n[analyze]\ncolumns = ["text"]\n\n[sink]\npath = "out"\n'


def test_a_browser_that_hangs_up_while_a_trial_starts_leaves_it_followed(monkeypatch):
    async def play():
        begun, gone, trials = asyncio.Event(), asyncio.Event(), Trials()
        began = []

        async def start(trial):
            began.append(trial)
            begun.set()
            await gone.wait()
            trial.state = "done"

        monkeypatch.setattr(Trial, "start", start)
        asking = asyncio.create_task(trials.start("a.toml", SAMPLED, {}, overwrite=False))
        await begun.wait()
        asking.cancel()
        await asyncio.wait([asking])
        gone.set()
        await trials.stop_all()
        assert trials.get("a.toml") is began[0]
        assert began[0].is_over

    asyncio.run(play())


@pytest.mark.parametrize(("error", "raised"), [(OSError(12, "no memory"), ConfigError), (ValueError("x"), ValueError)])
def test_a_trial_that_cannot_be_started_is_not_under_way(monkeypatch, tmp_path, error, raised):
    async def start(_trial, _directory):
        raise error

    monkeypatch.setattr(Trial, "_start", start)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    trials = Trials()
    with pytest.raises(raised):
        asyncio.run(trials.start("a.toml", SAMPLED, {}, overwrite=False))
    assert trials.get("a.toml") is None
    assert list(tmp_path.iterdir()) == []
