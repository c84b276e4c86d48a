"""`nlpbatch.kiwi.Kiwi` over a real API, against `kiwipiepy.Kiwi`: same tokens, same types, same defaults."""

import itertools
import warnings

import kiwipiepy
import kiwipiepy.utils
import pytest

from nlpbatch.kiwi import (
    Match,
    MorphemeSet,
    PretokenizedToken,
    Stopwords,
    basic_typos,
)
from tests.fakes.drop_in import TEXT, read

QUOTED = (
    "회사의 정보 서비스를 책임지고 있는 로웬버그John Loewenberg는"
    "<서비스 산업에 있어 종이는 혈관내의 콜레스트롤과 같다. 나쁜 종이는 동맥을 막는 내부의 물질이다.>"
    "라고 말한다."
)
TEXTS = [
    TEXT,
    QUOTED,
    "",
    "  ",
    "우리집에성 먹었어욥",
    "시곗바늘",
    "여러 문장으로 구성된 텍스트네 이걸 분리해줘",
    "했다",
]
OPTIONS = [
    {},
    {"normalize_coda": True},
    {"z_coda": False},
    {"split_complex": True},
    {"compatible_jamo": True},
    {"saisiot": True},
    {"saisiot": False},
    {"open_ending": True},
    {"split_sents": True},
    {"echo": True},
    {"split_sents": True, "echo": True},
    {"blocklist": ["고마움/NNG", "방"]},
    {"blocklist": [("고마움", "NNG")]},
    {"blocklist": []},
    *({"oov_handling": name} for name in ("rule", "chr", "chr_freq", "chr_freq_branch", "chr_freq_consistency")),
    {"oov_handling": Match.OOV_RULE_ONLY},
    {"match_options": 0},
    {"match_options": Match.ALL | Match.JOIN_AFFIX},
    {"match_options": Match.URL | Match.SPLIT_COMPLEX | Match.NORMALIZING_CODA | Match.SPLIT_SAISIOT},
    {"match_options": Match.ALL | Match.JOIN_PARTICLE_YO, "z_coda": False},
    {"allowed_dialects": "standard", "dialect_cost": 3.0},
    {"pretokenized": lambda text: [(0, 2)] if len(text) > 2 else None},
    {"pretokenized": lambda text: [(0, 2, "NNG")] if len(text) > 2 else []},
    {"pretokenized": lambda text: [(1, 3, PretokenizedToken("페트", "NNB", 0, 2))] if len(text) > 3 else None},
]
TYPOS = ("basic", "continual", "basic_with_continual", "lengthening", "basic_with_continual_and_lengthening", "all")


@pytest.mark.parametrize("options", OPTIONS, ids=",".join)
def test_tokens_are_kiwi_s_with_every_option(served, kiwi, sample, options):
    texts = [*TEXTS, *sample[:60]]
    assert read(list(served.tokenize(texts, **options))) == read(list(kiwi.tokenize(texts, **options)))
    assert read(served.tokenize(TEXT, **options)) == read(kiwi.tokenize(TEXT, **options))


@pytest.mark.parametrize("typos", TYPOS)
def test_typos_are_corrected_as_kiwi_does_it(served, kiwi, sample, typos):
    texts = ["외않됀대?", "오늘사무시레서", "지인짜 조아요", *sample[:20]]
    for threshold in (1.0, 2.5):
        options = {"typos": typos, "typo_cost_threshold": threshold}
        assert read(list(served.tokenize(texts, **options))) == read(list(kiwi.tokenize(texts, **options)))
    assert read(served.tokenize("외않됀대?", typos=basic_typos)) == read(
        kiwi.tokenize("외않됀대?", typos=kiwipiepy.basic_typos)
    )


def test_spans_whose_analysis_is_given_are_kiwi_s(served, kiwi):
    text = "드디어패트와 매트가 2017년에 국내 개봉했다."
    for spans in (
        [(3, 9), (11, 16, "NNG")],
        [(3, 5, PretokenizedToken("페트", "NNB", 0, 2))],
        [(21, 24, [PretokenizedToken("개봉하", "VV", 0, 3), PretokenizedToken("었", "EP", 2, 3)])],
    ):
        assert read(served.tokenize(text, pretokenized=spans)) == read(kiwi.tokenize(text, pretokenized=spans))


MORPHEMES = [
    [("덥", "VA"), ("어", "EC")],
    [("길", "NNG"), ("을", "JKO"), ("묻", "VV"), ("어요", "EF")],
    [("흙", "NNG"), ("이", "JKS"), ("묻", "VV"), ("어요", "EF")],
    [("묻", "VV-R"), ("어요", "EF")],
    [("묻", "VV-I"), ("어요", "EF")],
    [("길", "NNG"), ("을", "JKO", True), ("묻", "VV"), ("어요", "EF")],
    [("길", "NNG"), ("을", "JKO"), ("묻", "VV", False), ("어요", "EF")],
    [],
]


@pytest.mark.parametrize("morphs", MORPHEMES, ids=len)
@pytest.mark.parametrize("lm_search", [True, False])
def test_morphemes_are_joined_as_kiwi_does_it(served, kiwi, morphs, lm_search):
    assert served.join(morphs, lm_search) == kiwi.join(morphs, lm_search)
    assert served.join(iter(morphs), lm_search, True) == kiwi.join(iter(morphs), lm_search, True)


def test_tokens_are_joined_as_kiwi_does_it(served, kiwi, sample):
    texts = [text for text in sample[:40] if text.strip()]
    ours, theirs = served.tokenize(texts), kiwi.tokenize(texts)
    assert [served.join(tokens) for tokens in ours] == [kiwi.join(tokens) for tokens in theirs]
    made = []
    for instance in (served, kiwi):
        tokens = instance.tokenize("분석된결과를 다시합칠수있다!")
        tokens[3] = ("내용", "NNG")
        without_past = (token for token in instance.tokenize("먼 길을 걸었다") if token.tagged_form != "었/EP")
        made.append((instance.join(tokens), instance.join(without_past)))
    assert made[0] == made[1]


CHUNKS = ["그러나  알고보니 그 봉", "지 안에 있던 것은 바로", "레몬이었던 것이다."]


@pytest.mark.parametrize("chunks", [CHUNKS, ["  가", "나 "], ["가"], [], ["abc", "나", "12", "다"], "가나"])
@pytest.mark.parametrize("new_lines", [False, True])
def test_chunks_are_glued_as_kiwi_does_it(served, kiwi, chunks, new_lines):
    flags = [True] * len(chunks) if new_lines else None
    assert served.glue(chunks, flags) == kiwi.glue(chunks, flags)
    assert served.glue(iter(chunks), flags, True) == kiwi.glue(iter(chunks), flags, True)


@pytest.mark.parametrize(
    ("format_str", "args", "kwargs"),
    [
        ("{}가 {}을 {}었다.", [("나", "NP"), ("공부", "NNG"), ("하", "VV")], {}),
        ("{}가 {}을 {}었다.", [("우리", "NP"), ("길", "NNG"), ("묻", "VV-I")], {}),
        ("{}가 {}을 {}었다.", [5, "str", {"dict": "dict"}], {}),
        ("{!s}가 {}을 {}었다.", [("나", "NP"), ("공부", "NNG"), ("하", "VV")], {}),
        ("{:.5f}가 {!r}을 {}었다.", [5, "str", {"dict": "dict"}], {}),
        (
            r"{0}가 {obj}를 {verb}\ㄴ다. {1}는 {obj}를 안 {verb}었다.",
            [[("우리", "NP"), ("들", "XSN")], [("너희", "NP"), ("들", "XSN")]],
            {"obj": ("길", "NNG"), "verb": ("묻", "VV-I")},
        ),
        ("{{중괄호}} {}이다", [("책", "NNG")], {}),
        ("필드가 없다.", [], {}),
    ],
)
def test_templates_are_filled_as_kiwi_does_it(served, kiwi, format_str, args, kwargs):
    assert served.template(format_str).format(*args, **kwargs) == kiwi.template(format_str).format(*args, **kwargs)


def test_tokens_of_hundreds_of_reviews_are_kiwi_s(served, kiwi, sample):
    assert read(list(served.tokenize(iter(sample)))) == read(list(kiwi.tokenize(iter(sample))))


@pytest.mark.parametrize("options", [{}, {"top_n": 3}, {"top_n": 10, "open_ending": True}], ids=str)
def test_candidates_and_their_scores_are_kiwi_s(served, kiwi, sample, options):
    texts = [*TEXTS, *sample[:40]]
    assert read(list(served.analyze(texts, **options))) == read(list(kiwi.analyze(texts, **options)))
    assert read(served.analyze(TEXT, **options)) == read(kiwi.analyze(TEXT, **options))


@pytest.mark.parametrize("options", [{}, {"return_tokens": True}, {"return_sub_sents": False}], ids=str)
def test_sentences_are_kiwi_s(served, kiwi, sample, options):
    texts = [*TEXTS, *sample[:60]]
    assert read(list(served.split_into_sents(texts, **options))) == read(list(kiwi.split_into_sents(texts, **options)))
    assert read(served.split_into_sents(QUOTED, **options)) == read(kiwi.split_into_sents(QUOTED, **options))


@pytest.mark.parametrize("options", [{}, {"echo": True}, {"split_complex": True}], ids=str)
def test_forms_are_kiwi_s(served, kiwi, sample, options):
    texts = [*TEXTS, *sample[:60]]
    assert read(list(served.split_into_forms(texts, **options))) == read(list(kiwi.split_into_forms(texts, **options)))
    assert read(served.split_into_forms(TEXT, **options)) == read(kiwi.split_into_forms(TEXT, **options))


@pytest.mark.parametrize("reset", [False, True])
def test_blanks_are_kiwi_s(served, kiwi, sample, reset):
    texts = [text for text in [*TEXTS, *sample[:60]] if text.strip()]
    assert list(served.space(texts, reset)) == list(kiwi.space(texts, reset))
    assert served.space(TEXT, reset_whitespace=reset) == kiwi.space(TEXT, reset_whitespace=reset)


def test_stop_words_are_kiwi_s(served, kiwi, sample):
    there, ours = kiwipiepy.utils.Stopwords(), Stopwords()
    assert (ours.stopwords, ours.stoptags) == (there.stopwords, there.stoptags)
    for stopwords in (there, ours):
        stopwords.add([("방", "NNG"), "골리"])
        stopwords.remove(("에", "JKB"))
    assert ours.stopwords == there.stopwords
    for method in ("tokenize", "split_into_sents"):
        options = {"return_tokens": True} if method == "split_into_sents" else {}
        found = getattr(served, method)(sample[:60], stopwords=ours, **options)
        assert read(list(found)) == read(list(getattr(kiwi, method)(sample[:60], stopwords=there, **options)))


def test_a_set_of_morphemes_may_be_given_as_a_blocklist(served, kiwi):
    ours = served.tokenize(TEXT, blocklist=MorphemeSet(served, ["고마움/NNG"]))
    assert read(ours) == read(kiwi.tokenize(TEXT, blocklist=kiwipiepy.MorphemeSet(kiwi, ["고마움/NNG"])))


def test_texts_are_taken_as_their_results_are_asked_for(served):
    texts = (TEXT for _ in itertools.count())
    found = served.tokenize(texts)
    assert [len(next(found)) for _ in range(3)] == [len(served.tokenize(TEXT))] * 3
    found.close()


def test_a_sentence_is_still_a_tuple_with_a_warning(served):
    (sentence,) = served.split_into_sents("했다")
    with pytest.warns(FutureWarning, match="as a tuple"):
        text, start, end, tokens, subs = sentence
    assert (text, start, end, tokens, subs) == ("했다", 0, 2, None, [])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sentence
        assert sentence == sentence  # noqa: PLR0124
