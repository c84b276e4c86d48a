"""When stages are run, what decides their results, and where those are."""

import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.recipe.records import StageRecord, key_of
from nlpbatch.recipe.run_options import RunOptions
from nlpbatch.recipe.stages import STAGES, check_directories, stages_of
from nlpbatch.recipe.stages.stage import predecessor

ON_SAMPLE = RunOptions(on_sample=True)
JOIN = {"table": "web.films", "on": "movie_id"}


def stages(context):
    return {stage.name: stage for stage in stages_of(context)}


def finish(stage, result="1"):
    """Leave what a stage leaves that was done now."""
    stage.storage.write_text(stage.makes, "")
    settings = stage.settings()
    StageRecord(stage.name, key_of(settings), settings, "2026-11-24", 1.0, {"is": result}).write(stage.storage)


def test_a_recipe_has_the_stages_whose_sections_it_has_in_order(context):
    assert set(stages(context())) == {"dump", "sample", "profile", "analyze", "features"}
    every = {"expect": {"rows": {"min": 1}, "error_ratio": 0.1}, "join": JOIN, "clean": {}}
    assert list(stages(context(**every))) == list(STAGES)
    assert "expect-errors" not in stages(context(expect={"rows": {"min": 1}}))
    assert "expect" not in stages(context(expect={"error_ratio": 0.1}))
    assert list(stages(context(sample=None, profile=None))) == ["dump", "analyze", "features"]
    assert list(stages(context(source={"files": "/in"}, features=None, profile=None))) == ["sample", "analyze"]


def test_stages_need_those_that_they_are_made_from(context):
    needs = {name: stage.needs for name, stage in stages(context()).items()}
    assert needs == {
        "dump": (),
        "sample": ("dump",),
        "profile": ("sample",),
        "analyze": ("dump",),
        "features": ("analyze",),
    }
    assert stages(context(ON_SAMPLE))["analyze"].needs == ("sample",)
    joined = stages(context(expect={"rows": {"min": 1}}, join=JOIN))
    assert joined["join"].needs == ("dump",)
    assert joined["expect"].needs == ("join",)
    assert joined["analyze"].needs == ("join", "expect")
    assert joined["sample"].needs == ("dump",)
    cleaned = stages(context(expect={"rows": {"min": 1}}, join=JOIN, clean={}))
    assert cleaned["clean"].needs == ("join",)
    assert cleaned["expect"].needs == ("clean",)
    assert cleaned["analyze"].needs == ("clean", "expect")
    assert stages(context(ON_SAMPLE, clean={}))["clean"].needs == ("sample",)
    checked = stages(context(expect={"rows": {"min": 1}, "error_ratio": 0.1}))
    assert checked["expect"].needs == ("dump",)
    assert checked["analyze"].needs == ("dump", "expect")
    assert checked["expect-errors"].needs == ("analyze",)
    assert checked["features"].needs == ("analyze", "expect-errors")


def test_what_is_made_of_the_sample_is_kept_apart(context, tmp_path):
    every = {"expect": {"rows": {"min": 1}, "error_ratio": 0.1}, "join": JOIN, "clean": {}}
    everything, sampled = stages(context(**every)), stages(context(ON_SAMPLE, **every))
    for name in ("join", "clean", "expect", "analyze", "expect-errors", "features"):
        assert everything[name].storage.root == tmp_path / "out"
        assert sampled[name].storage.root == tmp_path / "out" / "on-sample"
    for name in ("dump", "sample", "profile"):
        assert everything[name].storage.root == sampled[name].storage.root == tmp_path / "out"


def test_a_stage_is_done_until_its_settings_change_or_its_result_is_deleted(context):
    stage = stages(context())["dump"]
    assert stage.state() == "to do"
    finish(stage)
    assert stage.state() == "done"
    assert stages(context(source={"sql": "SELECT 2"}))["dump"].state() == "stale"
    stage.storage.delete(stage.makes)
    assert stage.state() == "to do"


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("sample", {"sample": {"rows": 11}}),
        ("sample", {"sample": {"stratify": "rating"}}),
        ("profile", {"profile": {"date": "date"}}),
        ("profile", {"analyze": {"analyzer": "legal"}}),
        ("analyze", {"analyze": {"tags": ["NNG"]}}),
        ("analyze", {"analyze": {"where": "rating > 5"}}),
        ("analyze", {"analyze": {"options": {"normalize_coda": True}}}),
        ("features", {"features": {"ngrams": 2}}),
        ("features", {"sink": {"format": "json"}}),
        ("features", {"sink": {"partition_by": ["rating"]}}),
    ],
)
def test_what_decides_a_result_makes_its_stage_stale_and_leaves_the_dump(context, name, changes):
    for stage in stages(context()).values():
        finish(stage)
    changed = stages(context(**changes))
    assert changed[name].state() == "stale"
    assert changed["dump"].state() == "done"


@pytest.mark.parametrize(
    "changes", [{"service": "http://another:8700"}, {"max_error_ratio": 0.5}], ids=lambda changes: next(iter(changes))
)
def test_what_does_not_decide_a_result_leaves_all_stages_done(context, changes):
    for stage in stages(context()).values():
        finish(stage)
    assert {stage.state() for stage in stages(context(analyze=changes)).values()} == {"done"}


def test_a_stage_that_was_run_again_makes_those_after_it_stale(context):
    before = stages(context())
    for stage in before.values():
        finish(stage)
    finish(before["dump"], result="2")
    assert {name: stage.state() for name, stage in before.items()} == {
        "dump": "done",
        "sample": "stale",
        "profile": "done",  # it depends on the sample's record, which is still the old one
        "analyze": "stale",
        "features": "done",
    }
    finish(before["sample"], result="2")
    assert before["profile"].state() == "stale"


def test_expectations_are_checked_again_when_they_or_the_rows_change_and_leave_the_analysis_done(context):
    given = {"rows": {"min": 1}, "error_ratio": 0.1}
    before = stages(context(expect=given))
    for stage in before.values():
        finish(stage)
    changed = stages(context(expect=given | {"on_breach": "warn"}))
    assert [name for name, stage in changed.items() if stage.state() == "stale"] == ["expect", "expect-errors"]
    finish(before["dump"], result="2")
    assert before["expect"].state() == before["analyze"].state() == "stale"
    assert before["expect-errors"].state() == "done"


def test_a_stage_that_was_never_done_decides_nothing(context):
    assert predecessor(context().base, "dump") == {}


def test_files_are_part_of_what_decides_with_how_they_are_read_if_not_by_default(context):
    plain = context(source={"files": "/in"})
    assert plain.source_settings() == {"files": "/in"}
    cp949 = context(source={"files": "/in", "format": "csv", "encoding": "cp949"})
    assert cp949.source_settings() == {"files": "/in", "format": "csv", "encoding": "cp949"}


@pytest.mark.parametrize(
    ("source", "options", "resumes"),
    [
        ({"files": "/in"}, RunOptions(), True),
        ({"files": "/in"}, ON_SAMPLE, False),
        ({"sql": "SELECT 1"}, RunOptions(), False),
    ],
)
def test_only_an_analysis_of_files_looks_for_new_ones(context, source, options, resumes):
    assert stages(context(options, source=source))["analyze"].resumes is resumes


def test_the_service_of_the_recipe_comes_before_that_of_the_options(context):
    options = RunOptions(service="http://environment:8700")
    assert context(options).service() == "http://environment:8700"
    assert context(options, analyze={"service": "http://recipe:8700"}).service() == "http://recipe:8700"
    with pytest.raises(ConfigError, match=r"set \[analyze\] service, or NLPBATCH_SERVICE"):
        context().service()


@pytest.mark.parametrize(
    "change", [{"on": "id"}, {"columns": ["title"]}, {"unmatched": "drop"}, {"table": "web.movies"}]
)
def test_what_decides_a_join_makes_it_stale_and_then_the_analysis(context, change):
    before = stages(context(join=JOIN))
    for stage in before.values():
        finish(stage)
    changed = stages(context(join=JOIN | change))
    assert [one for one, stage in changed.items() if stage.state() == "stale"] == ["join"]
    finish(changed["join"], result="2")
    assert [one for one, stage in changed.items() if stage.state() == "stale"] == ["analyze"]


@pytest.mark.parametrize(
    "change",
    [
        {"mask": []},
        {"length": {"min": 2}},
        {"duplicates": "near"},
        {"first_by": "review_id"},
        {"columns": ["review", "reply"]},
    ],
)
def test_what_decides_what_is_cleaned_makes_it_stale_and_then_the_analysis(context, change):
    before = stages(context(clean={}))
    for stage in before.values():
        finish(stage)
    changed = stages(context(clean=change))
    assert [one for one, stage in changed.items() if stage.state() == "stale"] == ["clean"]
    finish(changed["clean"], result="2")
    assert [one for one, stage in changed.items() if stage.state() == "stale"] == ["analyze"]


@pytest.mark.parametrize("name", ["dump", "joined", "cleaned", "features"])
def test_a_directory_that_no_stage_made_is_never_replaced(context, name):
    given = context(join=JOIN, clean={})
    check_directories(stages_of(given))
    given.base.write_text(f"{name}/somebody-elses.csv", "")
    with pytest.raises(ConfigError, match=rf"out/{name} is there and was not made by a recipe: choose another"):
        check_directories(stages_of(given))


@pytest.mark.parametrize("name", ["dump", "features"])
def test_a_directory_that_a_stage_made_may_be_replaced(context, name):
    given = context()
    stage = stages(given)[name]
    given.base.write_text(f"{name}/part-0.parquet", "")
    given.base.write_text(stage.makes, "")  # as after an interruption that came before the record
    check_directories(stages_of(given))
    finish(stage)
    given.base.delete(stage.makes)
    check_directories(stages_of(given))
