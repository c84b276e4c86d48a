import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.recipe.records import StageRecord, changes, key_of, state_of
from tests.fakes.local_storage import LocalStorage


def record(settings):
    return StageRecord("features", key_of(settings), settings, "2026-11-24T00:00:00+00:00", 1.0)


def test_a_stage_is_done_as_long_as_nothing_differs():
    settings = {"unit": "lemmas", "ngrams": 2}
    assert state_of(None, settings) == "to do"
    assert state_of(record(settings), {"ngrams": 2, "unit": "lemmas"}) == "done"
    assert state_of(record(settings), {"unit": "lemmas", "ngrams": 3}) == "stale"


def test_changes_are_described_in_words():
    before = {"unit": "lemmas", "columns": ["a"], "dump": "x"}
    now = {"unit": "nouns", "columns": ("a",), "dump": "y", "ngrams": 2}
    assert changes(record(before), now) == [
        'unit was "lemmas", is "nouns"',
        "dump was run again",
        "ngrams was null, is 2",
    ]


def test_a_record_is_read_as_it_was_written(tmp_path):
    sink = LocalStorage(None, str(tmp_path))
    assert StageRecord.read(sink, "features") is None
    written = record({"unit": "lemmas"})
    sink.make_directory("_recipe")
    written.write(sink)
    assert StageRecord.read(sink, "features") == written


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"stage": "feat',
        "[]",
        "3",
        '{"stage": "features"}',
        '{"stage": "features", "key": "k", "settings": {}, "ended_at": "", "seconds": 1, "of": "another version"}',
        '{"stage": "features", "key": "k", "settings": 3, "ended_at": "", "seconds": 1}',
    ],
)
def test_a_record_that_is_damaged_or_of_another_version_is_named_with_the_remedy(tmp_path, text):
    (tmp_path / "_recipe").mkdir()
    (tmp_path / "_recipe" / "features.json").write_text(text)
    with pytest.raises(ConfigError, match=r"_recipe/features.json is damaged, or of another version: delete it, and"):
        StageRecord.read(LocalStorage(None, str(tmp_path)), "features")
