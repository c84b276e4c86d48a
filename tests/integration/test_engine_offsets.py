"""`text[start:end]` is what a token covers, whatever is sent: real Kiwi on generated and mutated texts."""

import os
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nlpbatch.engine.kiwi import KiwiEngine
from nlpbatch.engine.normalise import normalise
from nlpbatch.engine.operations import text_performer
from nlpbatch.engine.split import LIMIT
from nlpbatch.server.config import KiwiSettings
from nlpbatch.wire.options import Options

CASES = 10_000 if os.environ.get("CI") else 500
HANGUL = ("안녕하세요", "갔다", "먹었어욥", "밥을", "ㅋㅋㅋ", "재밌어요ㅎㅎ", "2026년", "가나다라", "뷁", "盧미오")
OTHERS = ("漢字", "English", "https://a.kr/?q=가", "@user", "#태그", "1,234.5%", "(가)", "“인용”", "...", "!?")
HIDDEN = ("\u200b", "\u200d", "\ufeff", "\u00ad", "\u202e", "\u2060", "\0", "\x7f", "\ufffd", "\uffff", "\u3164")
EMOJI = ("👨\u200d👩\u200d👧", "👍🏽", "🇰🇷", "🏴", "♀\ufe0f")
MARKS = ("e\u0301", "a\u0323\u0301", "\u1112\u119e\u11ab", "\u1100", "\u1161", "\u0e01\u0e33", "\u0644\u0627", "\u302e")
SIGNS = ("\U00020000", "\U0001d49c", "\u212b", "\ufb01", "①", "㈜", "\uff71")
WORDS = st.sampled_from([*HANGUL, *OTHERS])
ODD = st.sampled_from([*HIDDEN, *EMOJI, *MARKS, *SIGNS])
BLANKS = st.sampled_from([" ", "  ", "\n", "\r\n", "\t", "\u3000", "\u00a0", ""])
PIECES = st.one_of(WORDS, WORDS, ODD, st.text(max_size=3), st.characters(codec="utf-8"))
PLAIN = st.lists(st.tuples(PIECES, BLANKS), max_size=8).map(lambda pairs: "".join(a + b for a, b in pairs))
TEXTS = st.one_of(PLAIN, PLAIN.map(lambda text: unicodedata.normalize("NFD", text)))


@pytest.fixture(scope="module")
def engine():
    return KiwiEngine(KiwiSettings().to_spec("default"))


@pytest.fixture(scope="module")
def analyse(engine):
    return text_performer(engine, Options(sentences=True))


@settings(max_examples=CASES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sent=TEXTS)
def test_a_token_covers_what_kiwi_made_it_of(engine, analyse, sent):
    whole = normalise(sent)
    expected = engine.tokenizer({})(whole.text)
    found = analyse(sent)
    assert [(token.form, token.tag) for token in found.tokens] == [(token.form, token.tag) for token in expected]
    for token, inner in zip(found.tokens, expected, strict=True):
        assert 0 <= token.start <= token.end <= len(sent)
        assert token.len == token.end - token.start
        covered = normalise(sent[token.start : token.end]).text
        wanted = whole.text[inner.start : inner.end]
        # A boundary within a composed character has no position in the original: the whole character counts.
        assert wanted == covered or wanted in covered
        if whole.starts is None:
            assert (token.start, token.end) == (inner.start, inner.end)
    for sentence in found.sentences:
        assert 0 <= sentence.start <= sentence.end <= len(sent)


@settings(max_examples=max(5, CASES // 500), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pieces=st.lists(TEXTS.filter(str.strip), min_size=1, max_size=20), before=st.integers(1, 50))
def test_in_a_long_text_too(analyse, pieces, before):
    unit = "가나다 " * before + " ".join(pieces) + "\n"
    sent = unit * (2 * LIMIT // len(unit) + 2)
    found = analyse(sent)
    composed = normalise(sent).text
    assert len(composed) > LIMIT
    for token in found.tokens:
        assert 0 <= token.start <= token.end <= len(sent)
        if token.form.isalpha() and token.form.isascii():
            assert token.form in normalise(sent[token.start : token.end]).text
    assert found.tokens[-1].line_number <= sum(sent.count(end) for end in "\n\v\f\r\x85\u2028\u2029")


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\u200b", "\ufeff \u200b"])
def test_what_has_nothing_in_it_has_no_tokens(analyse, text):
    assert list(analyse(text).tokens) == []
