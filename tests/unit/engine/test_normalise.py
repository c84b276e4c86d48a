import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.engine.normalise import normalise

FAMILY = "👨\u200d👩\u200d👧"
HANGUL = ("안", "녕", "각", "ㄱ", "\u1100", "\u1161", "\u11a8", "\u119e", "\uac00")
OTHERS = ("e", "\u0301", "\u0323", "\u0958", "\u212b", "\uf900", " ", "\n", "a")
HIDDEN = ("\u200b", "\u200d", "\ufeff", "\u00ad", "\u202e")
EMOJI = (FAMILY, "🏴", "👍🏽", "♀\ufe0f", "\U0001f1f0")
PIECES = st.sampled_from([*HANGUL, *OTHERS, *HIDDEN, *EMOJI])
TEXTS = st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=20)


@pytest.mark.parametrize(
    "text", ["", "plain", "안녕하세요", FAMILY, "ㅋㅋㅋ", "가\n나 다", "👍🏽", "한국\u3000어", "盧미오", "\u212b"]
)
def test_what_needs_nothing_is_not_touched(text):
    assert (normalise(text).text, normalise(text).starts) == (text, None)


def test_decomposed_hangul_is_composed_and_found_again():
    sent = unicodedata.normalize("NFD", "안녕 하세요")
    whole = normalise(sent)
    assert whole.text == "안녕 하세요"
    assert sent[slice(*whole.span(0, 2))] == unicodedata.normalize("NFD", "안녕")
    assert sent[slice(*whole.span(3, 6))] == unicodedata.normalize("NFD", "하세요")


@pytest.mark.parametrize("hidden", ["\u200b", "\ufeff", "\u00ad", "\u2060", "\u200e", "\u200d"])
def test_what_cannot_be_seen_is_left_out(hidden):
    whole = normalise(f"가나{hidden}다{hidden}")
    assert whole.text == "가나다"
    assert whole.span(0, 2) == (0, 2)
    assert whole.span(1, 3) == (1, 4)
    assert whole.span(3, 3) == (5, 5)


def test_the_joiner_inside_an_emoji_stays():
    assert normalise(f"가\u200b {FAMILY}").text == f"가 {FAMILY}"


@given(TEXTS)
def test_the_text_is_composed_and_holds_nothing_hidden(sent):
    whole = normalise(sent)
    composed = unicodedata.normalize("NFC", whole.text)
    assert len(composed) == len(whole.text) or "\u0958" in whole.text  # which NFC takes apart
    assert not set(whole.text) & set("\u200b\ufeff\u00ad\u202e")
    assert normalise(whole.text).text == whole.text


@given(TEXTS)
def test_each_run_maps_to_the_text_that_was_sent_there(sent):
    whole = normalise(sent)
    at = 0
    for position in range(len(whole.text)):
        start, end = whole.span(position, position + 1)
        assert 0 <= start < end <= len(sent)
        assert start >= at or whole.span(position - 1, position)[0] == start  # runs follow one another
        at = start
        assert whole.text[position] in {sent[start], *normalise(sent[start:end]).text}
