import copy
import pickle

import pytest

from nlpbatch.wire.outcome import Analysis, Outcome, Token, text_too_large

TOKEN = Token({"form": "가", "tag": "NNG", "len": 1})


def test_fields_are_attributes():
    assert (TOKEN.form, TOKEN.tag, TOKEN.len) == ("가", "NNG", 1)
    assert TOKEN.as_dict() == {"form": "가", "tag": "NNG", "len": 1}


def test_a_field_that_was_not_asked_for_says_how_to_ask():
    with pytest.raises(AttributeError, match="no field 'lemma', only form, tag, len: name it in fields"):
        _ = TOKEN.lemma


def test_a_token_cannot_be_changed_in_any_way():
    with pytest.raises(AttributeError, match="can't be changed"):
        TOKEN.form = "나"
    TOKEN.as_dict()["form"] = "나"
    assert TOKEN.form == "가"


def test_tokens_with_equal_fields_are_equal_wherever_they_were():
    for twin in (Token(TOKEN.as_dict()), copy.deepcopy(TOKEN), pickle.loads(pickle.dumps(TOKEN))):
        assert twin == TOKEN
        assert hash(twin) == hash(TOKEN)
    assert Token({"form": "나"}) != TOKEN
    assert TOKEN != "가"


def test_a_token_shows_its_fields():
    assert repr(TOKEN) == "Token(form='가', tag='NNG', len=1)"


def test_an_analysis_is_a_sequence_of_outcomes():
    outcomes = (Outcome((TOKEN,)), Outcome(None))
    analysis = Analysis("default", "f1", outcomes)
    assert (len(analysis), analysis[1], analysis[:1]) == (2, outcomes[1], outcomes[:1])
    assert outcomes[0] in analysis
    assert pickle.loads(pickle.dumps(analysis)) == analysis


def test_the_error_of_a_text_over_the_limit_gives_its_size_the_bound_and_the_remedy():
    error = text_too_large(2_100_000, 100_000)
    assert error.code == "text_too_large"
    assert error.message.startswith("the text has 2,100,000 bytes, the limit is 100,000: split it")
