"""The engine against `MeCab().parse` itself: on documents, reviews, and generated and mutated texts."""

import json
import os
import unicodedata

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mecab import MeCab

from nlpbatch.demo.source import DOCUMENTS
from nlpbatch.engine.contents import Text
from nlpbatch.engine.dictionary import MECAB_ENTRIES, parse
from nlpbatch.engine.mecab import MecabEngine
from nlpbatch.engine.normalise import normalise
from nlpbatch.engine.packing import InvalidDocument
from nlpbatch.engine.protocol import EngineSpec
from nlpbatch.engine.split import LIMIT
from nlpbatch.errors import ConfigError
from nlpbatch.wire.fields import MECAB_FIELDS
from nlpbatch.wire.options import Options
from nlpbatch.wire.tags import MECAB_KO, TAGSETS, single_tags

CASES = 10_000 if os.environ.get("CI") else 500
WORDS = st.sampled_from(
    ["안녕하세요", "갔다", "먹었어욥", "ㅋㅋㅋ", "2026년", "뷁", "漢字", "English", "https://a.kr/?q=가", "(가)", "..."]
)
ODD = st.sampled_from(
    ["\u200b", "\u200d", "\ufeff", "\0", "\x01", "\x7f", "\ufffd", "\U0010ffff", "👨\u200d👩\u200d👧", "👍🏽", "🇰🇷"]
)
MARKS = st.sampled_from(
    ["e\u0301", "\u1112\u119e\u11ab", "\u1100", "\u1161", "\u212b", "㈜", "\uff71", "\u302e", "\t가", "EOS"]
)
BLANKS = st.sampled_from([" ", "  ", "\n", "\r\n", "\t", "\v", "\f", "\u3000", "\u00a0", "\u2028", ""])
PIECES = st.one_of(WORDS, WORDS, ODD, MARKS, st.text(max_size=3), st.characters(codec="utf-8"))
PLAIN = st.lists(st.tuples(PIECES, BLANKS), max_size=8).map(lambda pairs: "".join(a + b for a, b in pairs))
TEXTS = st.one_of(PLAIN, PLAIN.map(lambda text: unicodedata.normalize("NFD", text)))


@pytest.fixture(scope="module")
def engine():
    return MecabEngine(EngineSpec("fast", "mecab"))


@pytest.fixture(scope="module")
def mecab():
    return MeCab()


def analyser(engine, **options):
    perform = engine.performer(Options(**options))
    return lambda text: perform(Text(text)).tokens


def read(tokens):
    return [(token.form, token.tag, token.start, token.end) for token in tokens]


def bare(mecab, text):
    """Return MeCab's own tokens; it counts from the first token on, where blanks precede that."""
    first = len(text) - len(text.lstrip(" \t\n\v\r"))
    return [(one.surface, one.pos, one.span.start + first, one.span.end + first) for one in mecab.parse(text)]


def own_words(*lines, name="words.tsv"):
    return tuple(parse("".join(f"{line}\n" for line in lines).encode(), name, MECAB_ENTRIES))


def test_documents_have_mecabs_own_tokens(engine, mecab):
    analyse = analyser(engine)
    texts = [json.loads(line)["text"] or "" for line in DOCUMENTS.read_text(encoding="utf-8").splitlines()]
    assert len(texts) > 50
    for text in texts:
        assert read(analyse(text)) == bare(mecab, text)


def test_reviews_have_mecabs_own_tokens_and_only_tags_of_the_legend(engine, mecab, reviews):
    analyse, tags = analyser(engine), set()
    texts = pq.read_table(reviews, columns=["review"]).column("review").to_pylist()
    for text in filter(None, texts):
        found = read(analyse(text))
        if normalise(text).text == text:
            assert found == bare(mecab, text)
        tags |= {tag for _, tag, _, _ in found}
    assert {part for tag in tags for part in single_tags(tag)} <= set(TAGSETS[MECAB_KO])


def test_all_fields_are_mecabs_own_features(engine, mecab):
    text = "갔다가 아버지가 서울에 들어가신다. 쀍쀍 하늘빛, 漢字 English 12"
    analyse = analyser(engine, fields=MECAB_FIELDS)
    for token, one in zip(analyse(text), mecab.parse(text), strict=True):
        names = [name for name in MECAB_FIELDS if hasattr(one.feature, name)]
        assert {name: getattr(token, name) for name in names} == {name: getattr(one.feature, name) for name in names}
        assert (token.form, token.tag, (token.start, token.end)) == (one.surface, one.pos, one.span)
        assert token.len == len(one.surface)
        assert token.oov == (one.pos == "UNKNOWN" or one.surface in {"English", "12", "漢", "字"})


@settings(max_examples=CASES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sent=TEXTS)
def test_a_token_covers_what_mecab_made_it_of(engine, mecab, sent):
    whole = normalise(sent)
    found = analyser(engine)(sent)
    if "\0" not in whole.text:
        expected = bare(mecab, whole.text)
        assert [(token.form, token.tag) for token in found] == [one[:2] for one in expected]
        if whole.starts is None:
            assert read(found) == expected
    end = 0
    for token in found:
        assert end <= token.start < token.end <= len(sent)
        covered = sent[token.start : token.end]
        # Within a composed character, all of it counts; a joiner by itself is no part of an emoji any more.
        assert token.form in normalise(covered).text or token.form in covered
        end = token.start
    blanks = " \t\n\v\r"
    assert "".join(token.form for token in found) == whole.text.translate(dict.fromkeys(map(ord, blanks)))


@settings(max_examples=max(5, CASES // 500), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pieces=st.lists(TEXTS.filter(str.strip), min_size=1, max_size=20), before=st.integers(1, 50))
def test_in_a_long_text_too(engine, pieces, before):
    unit = "가나다 " * before + " ".join(pieces) + "\n"
    sent = unit * (2 * LIMIT // len(unit) + 2)
    found = analyser(engine, fields=MECAB_FIELDS)(sent)
    assert len(normalise(sent).text) > LIMIT
    for token in found:
        assert 0 <= token.start < token.end <= len(sent)
        assert token.len == token.end - token.start
        if token.form.isalpha() and token.form.isascii():
            assert token.form in normalise(sent[token.start : token.end]).text


@pytest.mark.parametrize("size", [LIMIT, 100_000])
@pytest.mark.parametrize("unit", ["가", "a", "\0", "ㅋ", "1", "가\n", " ", "\u3000", "👍🏽", "漢"])
def test_long_runs_are_analysed_whole(engine, unit, size):
    sent = unit * (size // len(unit))
    found = analyser(engine)(sent)
    assert sum(len(token.form) for token in found) == len(sent.translate({ord(" "): None, ord("\n"): None}))


def test_words_of_ones_own_count_with_the_score_that_they_have(engine):
    text = '쀍쀍이가 밀크티라떼와 AB-1234를 샀다 밀크 티 "가" 사겼다'
    lines = [
        "쀍쀍이\tNNP",
        "밀크티라떼\tNNG",
        "AB-1234\tNNP",
        "밀크 티\tNNG",
        '"가"\tNNG\t5',
        "사겼다\t사귀/VV + 었/EP + 다/EF\t10",
    ]
    own = MecabEngine(EngineSpec("own", "mecab", dictionary=own_words(*lines)))
    found = {(token.form, token.tag) for token in analyser(own)(text)}
    wanted = {
        ("쀍쀍이", "NNP"),
        ("밀크티라떼", "NNG"),
        ("AB-1234", "NNP"),
        ("밀크 티", "NNG"),
        ('"가"', "NNG"),
        ("사겼다", "VV+EP+EF"),
    }
    assert wanted <= found
    assert not wanted & {(token.form, token.tag) for token in analyser(engine)(text)}
    (last,) = [token for token in analyser(own, fields=MECAB_FIELDS)(text) if token.form == "사겼다"]
    assert (last.type, last.start_pos, last.end_pos) == ("Inflect", "VV", "EF")
    assert last.expression == "사귀/VV/*+었/EP/*+다/EF/*"
    rare = MecabEngine(EngineSpec("own", "mecab", dictionary=own_words("밀크티라떼\tNNG\t-20")))
    assert ("밀크티라떼", "NNG") not in {(token.form, token.tag) for token in analyser(rare)(text)}
    assert len({one.info.fingerprint for one in (engine, own, rare)}) == 3


def test_decomposed_words_are_found_in_composed_texts():
    words = own_words(unicodedata.normalize("NFD", "쀍쀍이\tNNP"))
    own = MecabEngine(EngineSpec("own", "mecab", dictionary=words))
    assert [token.form for token in analyser(own)("쀍쀍이")] == ["쀍쀍이"]


@pytest.mark.parametrize("tag", MECAB_ENTRIES.tags)
def test_a_tag_is_taken_or_refused_with_the_line(tag):
    words = own_words("# one", f"쀍쀍이\t{tag}", "뷁뷁이\tNNG")
    if tag in {"JKS", "JKC", "JKG", "JKO", "JKB", "JKV", "JKQ", "JX", "JC", "VCP", "ETM", "XSN", "NNB", "NNBC"}:
        with pytest.raises(ConfigError, match=r"^words.tsv:2: MeCab doesn't take it: cannot find"):
            MecabEngine(EngineSpec("own", "mecab", dictionary=words))
    else:
        own = MecabEngine(EngineSpec("own", "mecab", dictionary=words))
        assert own.info.options["dictionary_entries"] == 2


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("쀍쀍이\tJX", "words.tsv:2: MeCab doesn't take it: cannot find LEFT-ID"),
        ("가나\tNNP\t31", "words.tsv:2: the score is 31.0: write one from -30.0 to 30.0"),
        ("가\t" + " + ".join(["나/NNG"] * 200), "words.tsv:2: the analysis has 1,599 code points, 1,000 at most"),
        ("\u200b\tNNP", "words.tsv:2: the form has invisible characters only"),
        ("가나\t가,/NNG + 나/NNG", "words.tsv:2: MeCab takes no comma"),
    ],
)
def test_what_mecab_does_not_take_is_named_with_its_line(line, wanted):
    with pytest.raises(ConfigError) as caught:
        MecabEngine(EngineSpec("own", "mecab", dictionary=own_words("밀크티\tNNG", line, "밀크티라떼\tNNG")))
    assert caught.value.message.startswith(wanted)
    assert len(caught.value.message.splitlines()) == 1


def test_its_fingerprint_is_that_of_its_files_and_words(engine):
    same = MecabEngine(EngineSpec("other name", "mecab"))
    assert same.info.fingerprint == engine.info.fingerprint
    assert same.info == engine.info


def test_options_of_kiwi_are_refused_by_name(engine):
    with pytest.raises(ValueError, match="typos: MeCab has no such options"):
        engine.performer(Options(kiwi={"typos": "basic"}))


def test_spans_are_refused(engine):
    perform = engine.performer(Options())
    with pytest.raises(InvalidDocument, match="takes no pretokenized spans"):
        perform(Text("가나다", [[0, 2]]))
