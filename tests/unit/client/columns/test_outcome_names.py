"""What the columns are called that a run adds."""

import pytest

from nlpbatch.client.columns.outcome_names import outcome_names
from nlpbatch.wire.options import Options


def test_the_outcome_of_one_column_has_plain_names_and_those_of_several_its_column_s():
    assert outcome_names(["text"], Options()) == [{"tokens": "tokens", "error": "error"}]
    assert outcome_names(["title", "body"], Options(sentences=True)) == [
        {"tokens": "title_tokens", "sentences": "title_sentences", "error": "title_error"},
        {"tokens": "body_tokens", "sentences": "body_sentences", "error": "body_error"},
    ]


@pytest.mark.parametrize(("operation", "name"), [("space", "spaced"), ("join", "joined"), ("glue", "glued")])
def test_a_text_that_is_answered_is_not_called_text(operation, name):
    assert outcome_names(["text"], Options(operation)) == [{"text": name, "error": "error"}]
