from nlpbatch.recipe.records import StageRecord, changes, key_of, state_of


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
