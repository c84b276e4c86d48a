"""Documents as a notebook shows them."""

from types import SimpleNamespace

import pytest

from nlpbatch.errors import InvalidRequest
from nlpbatch.notebook import show

TEXT = "아버지가  방에 할 수 있다."


def token(form, tag, start, end, **more):
    return {"form": form, "tag": tag, "start": start, "end": end, **more}


TOKENS = [
    token("아버지", "NNG", 0, 3, lemma="아버지"),
    token("가", "JKS", 3, 4),
    token("방", "NNG", 6, 7),
    token("에", "JKB", 7, 8),
    token("할 수 있", "VV", 9, 14),
    token("다", "EF", 14, 15),
    token(".", "SF", 15, 16),
]


def test_a_terminal_shows_forms_with_tags():
    assert str(show("가 나", [token("가", "NNG", 0, 1), token("나", "NP", 2, 3)])) == "가/NNG 나/NP"


def test_morphemes_are_under_their_words_even_if_they_reach_over_a_blank():
    shown = show(TEXT, TOKENS)._repr_html_()
    assert shown.count("<div>") == 3
    assert "<div>할 수 있다.<div class='m'>" in shown
    assert "title='아버지: 일반 명사, common noun'" in shown


def test_texts_are_escaped():
    assert "<b>" not in show("<b>", [token("<b>", "<b>", 0, 3)])._repr_html_()


def test_nothing_and_errors_are_shown_as_such():
    assert "<div>" not in show(None, None)._repr_html_()
    assert "too long" in show("가", None, {"code": "text_too_large", "message": "too long"})._repr_html_()
    assert "too long" in str(show("가", None, SimpleNamespace(message="too long")))


def test_tokens_without_positions_are_refused():
    with pytest.raises(InvalidRequest, match="no 'start'"):
        show("가", [{"form": "가", "tag": "NNG"}])
