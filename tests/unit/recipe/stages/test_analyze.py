"""An analysis is resumed with the same settings, and deleted before one with different settings starts."""

import pytest

from nlpbatch.recipe.records import StageRecord, key_of
from nlpbatch.recipe.run_options import RunOptions
from nlpbatch.recipe.stages.analyze import AnalyzeStage


def make_room(context):
    stage = AnalyzeStage(context)
    stage._make_room()
    return stage


@pytest.fixture
def interrupted(context):
    """An analysis that was started and interrupted, with some rows written."""
    stage = make_room(context())
    stage.storage.write_text("analyzed/run_batch=000000/part-0.parquet", "rows")
    return stage


def test_an_interrupted_analysis_is_resumed(context, interrupted):
    assert make_room(context()).storage.exists("analyzed/run_batch=000000")


@pytest.mark.parametrize(
    "changes",
    [{"analyze": {"tags": ["NNG"]}}, {"analyze": {"columns": ["title"]}}, {"source": {"files": "/in"}}],
    ids=["tags", "columns", "source"],
)
def test_an_interrupted_analysis_with_different_settings_is_deleted_once(context, interrupted, changes):
    stage = make_room(context(**changes))
    assert not stage.storage.exists("analyzed")
    stage.storage.write_text("analyzed/run_batch=000000/part-0.parquet", "new rows")
    assert make_room(context(**changes)).storage.exists("analyzed/run_batch=000000")


def test_overwrite_deletes_an_analysis_with_the_same_settings_and_its_record(context, interrupted):
    settings = interrupted.settings()
    StageRecord("analyze", key_of(settings), settings, "2026-11-24", 1.0).write(interrupted.storage)
    stage = make_room(context(RunOptions(overwrite=True)))
    assert not stage.storage.exists("analyzed")
    assert stage.record() is None


def test_a_finished_analysis_without_a_note_of_its_start_is_known_by_its_record(context, interrupted):
    settings = interrupted.settings()
    StageRecord("analyze", key_of(settings), settings, "2026-11-24", 1.0).write(interrupted.storage)
    interrupted.storage.delete("_recipe/analyze.begun")
    assert make_room(context()).storage.exists("analyzed")
    interrupted.storage.delete("_recipe/analyze.begun")
    assert not make_room(context(analyze={"tags": ["NNG"]})).storage.exists("analyzed")


def test_the_sample_s_analysis_and_everything_s_do_not_disturb_each_other(context, interrupted):
    make_room(context(RunOptions(on_sample=True)))
    assert make_room(context()).storage.exists("analyzed/run_batch=000000")
