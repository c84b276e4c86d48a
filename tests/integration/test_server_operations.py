"""Every operation with its options, in both encodings, compared with Kiwi's own."""

import functools
import operator
import unicodedata

import kiwipiepy
import pyarrow as pa
import pytest

from nlpbatch.engine.split import LIMIT
from nlpbatch.errors import InvalidRequest
from nlpbatch.wire.fields import KIWI_FIELDS
from nlpbatch.wire.options import MATCH_OPTIONS

LINES = 600
LONG = "오늘은 날씨가 참 좋았다. 그래서 친구와 산에 갔다.\n" * LINES
FORMS = ("form", "tag", "start", "end")


@pytest.fixture(scope="module")
def client(api):
    with api.client() as made:
        yield made


@pytest.fixture(scope="module")
def ask(client):
    """Ask in both encodings, which must say the same; return the JSON outcomes."""

    def both(operation, texts, **options):
        method = getattr(client, operation)
        outcomes = [_members(outcome, operation, options) for outcome in method(texts, **options)]
        table = client.ask_arrow(operation, pa.array(texts, pa.string()), **options)
        assert table.to_pylist() == outcomes
        return outcomes

    return both


def _members(outcome, operation, options):
    error = outcome.error and {"code": outcome.error.code, "message": outcome.error.message}
    if operation == "space":
        return {"text": outcome.text, "error": error}
    if operation == "sentences":
        found = outcome.sentences
        spans = None if found is None else [{"start": one.start, "end": one.end, "text": one.text} for one in found]
        return {"sentences": spans, "error": error}
    tokens = None if outcome.tokens is None else [token.as_dict() for token in outcome.tokens]
    if not options.get("sentences"):
        return {"tokens": tokens, "error": error}
    spans = None if tokens is None else [{"start": one.start, "end": one.end} for one in outcome.sentences]
    return {"tokens": tokens, "sentences": spans, "error": error}


def read(tokens, fields=FORMS):
    return [{name: getattr(token, name) for name in fields} for token in tokens]


OPTIONS = [
    {"normalize_coda": True},
    {"z_coda": False},
    {"split_complex": True},
    {"compatible_jamo": True},
    {"saisiot": True},
    {"saisiot": False},
    {"open_ending": True},
    {"oov_handling": "chr"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_kiwi_s_options_do_what_they_do_in_kiwi(ask, kiwi, sample, options):
    outcomes = ask("analyze", sample[:60], **options)
    assert [outcome["tokens"] for outcome in outcomes] == [read(kiwi.tokenize(text, **options)) for text in sample[:60]]


def test_tags_choose_the_tokens(ask, kiwi, sample):
    outcomes = ask("analyze", sample[:60], tags=["NNG", "VV"])
    wanted = {"NNG", "VV", "VV-R", "VV-I"}
    expected = [[token for token in read(kiwi.tokenize(text)) if token["tag"] in wanted] for text in sample[:60]]
    assert [outcome["tokens"] for outcome in outcomes] == expected


def test_stop_words_are_left_out_as_kiwi_does_it(ask, kiwi, sample):
    from kiwipiepy.utils import Stopwords  # noqa: PLC0415  (only here)

    outcomes = ask("analyze", sample[:60], stopwords=True)
    expected = [read(kiwi.tokenize(text, stopwords=Stopwords())) for text in sample[:60]]
    assert [outcome["tokens"] for outcome in outcomes] == expected


def test_what_is_blocked_is_no_candidate(ask):
    (one,) = ask("analyze", ["아버지가 방에 들어가신다"], blocklist=["방/NNG"])
    assert {"form": "방", "tag": "NNG", "start": 5, "end": 6} not in one["tokens"]


def test_the_best_candidates_are_kiwi_s(client, kiwi, sample):
    outcomes = client.analyze(sample[:20], top_n=3)
    table = client.analyze_arrow(pa.array(sample[:20]), top_n=3).to_pylist()
    for text, outcome, row in zip(sample[:20], outcomes, table, strict=True):
        expected = kiwi.analyze(text, top_n=3)
        assert outcome.tokens is None
        assert [read(candidate.tokens) for candidate in outcome.candidates] == [read(tokens) for tokens, _ in expected]
        assert [one["tokens"] for one in row["candidates"]] == [read(tokens) for tokens, _ in expected]
        assert [one["score"] for one in row["candidates"]] == pytest.approx([score for _, score in expected], rel=1e-5)


def test_one_candidate_comes_with_its_score_on_request(client, kiwi, sample):
    outcomes = client.analyze(sample[:20], candidates=True)
    table = client.analyze_arrow(pa.array(sample[:20]), candidates=True).to_pylist()
    for text, outcome, row in zip(sample[:20], outcomes, table, strict=True):
        ((tokens, score),) = kiwi.analyze(text)
        (candidate,) = outcome.candidates
        assert (read(candidate.tokens), candidate.score) == (read(tokens), score)
        assert row["candidates"] == [{"tokens": read(tokens), "score": pytest.approx(score, rel=1e-6)}]


@pytest.mark.parametrize("names", [[], ["url"], [*MATCH_OPTIONS]], ids=len)
def test_match_options_are_kiwi_s(ask, kiwi, names):
    texts = ["풋사과들이 사랑스럽고요 #영화 @me a@b.kr http://a.kr/b 02-123-4567 🙂"]
    flags = functools.reduce(operator.or_, (kiwipiepy.Match[name.upper()] for name in names), 0)
    (outcome,) = ask("analyze", texts, match_options=names)
    assert outcome["tokens"] == read(kiwi.tokenize(texts[0], match_options=flags))


def test_sentences_are_kiwi_s(ask, kiwi, sample):
    texts = [*sample[:60], "안녕. 잘 가? 응", "", "   "]
    expected = [
        [{"start": one.start, "end": one.end, "text": one.text} for one in kiwi.split_into_sents(text)]
        for text in texts
    ]
    assert [outcome["sentences"] for outcome in ask("sentences", texts)] == expected
    spans = [[{"start": one["start"], "end": one["end"]} for one in row] for row in expected]
    assert [outcome["sentences"] for outcome in ask("analyze", texts, sentences=True)] == spans


@pytest.mark.parametrize("reset", [False, True])
def test_blanks_are_corrected_as_kiwi_does_it(ask, kiwi, sample, reset):
    texts = [text for text in sample[:60] if text.strip()]
    expected = [kiwi.space(text, reset_whitespace=reset) for text in texts]
    assert [outcome["text"] for outcome in ask("space", texts, reset_whitespace=reset)] == expected


def test_null_is_null_in_every_operation(ask):
    assert ask("analyze", [None]) == [{"tokens": None, "error": None}]
    assert ask("sentences", [None]) == [{"sentences": None, "error": None}]
    assert ask("space", [None, ""]) == [{"text": None, "error": None}, {"text": "", "error": None}]


def test_decomposed_hangul_is_understood_and_found_where_it_was_sent(ask):
    sent = unicodedata.normalize("NFD", "아버지가 방에 들어가신다")
    (composed, decomposed) = ask("analyze", ["아버지가 방에 들어가신다", sent])
    assert [token["form"] for token in decomposed["tokens"]] == [token["form"] for token in composed["tokens"]]
    spans = [unicodedata.normalize("NFC", sent[token["start"] : token["end"]]) for token in decomposed["tokens"]]
    assert spans[0] == "아버지"
    assert spans[2] == "방"


def test_a_long_text_is_analysed_whole_and_its_tokens_are_where_they_are(ask):
    assert len(LONG) > 2 * LIMIT
    fields = (*FORMS, "line_number", "sent_position")
    (one,) = ask("analyze", [LONG], fields=fields)
    (short,) = ask("analyze", [LONG[: LONG.index("\n") + 1]], fields=fields)
    line = len("오늘은 날씨가 참 좋았다. 그래서 친구와 산에 갔다.\n")
    per_line = len(short["tokens"])
    assert len(one["tokens"]) == LINES * per_line
    for number in (0, 1, LINES // 2, LINES - 1):
        got = one["tokens"][number * per_line : (number + 1) * per_line]
        moved = [
            token | {"start": token["start"] - number * line, "end": token["end"] - number * line} for token in got
        ]
        assert [token | {"sent_position": token["sent_position"] - 2 * number} for token in moved] == [
            token | {"line_number": number} for token in short["tokens"]
        ]
    (sentences,) = ask("sentences", [LONG])
    assert len(sentences["sentences"]) == 2 * LINES


def test_every_field_of_a_long_text_is_there(ask):
    (one,) = ask("analyze", [LONG], fields=KIWI_FIELDS)
    assert set(one["tokens"][-1]) == set(KIWI_FIELDS)


@pytest.mark.parametrize(
    ("operation", "options", "wanted"),
    [
        ("analyze", {"top_n": 0}, "top_n is 0: send a number from 1 to 10"),
        ("analyze", {"top_n": 1000}, "top_n is 1000"),
        ("analyze", {"top_n": True}, "top_n is not a whole number"),
        ("analyze", {"top_n": 2, "sentences": True}, "ask for one"),
        ("analyze", {"candidates": True, "sentences": True}, "candidates and sentences: candidates may differ"),
        ("analyze", {"match_options": ["all"]}, "match_options has 'all': choose from url, email"),
        ("analyze", {"tags": ["NOUN"]}, "tags has 'NOUN': choose from NNG"),
        ("analyze", {"tags": []}, "tags is empty"),
        ("analyze", {"tags": [1]}, "tags is not an array of strings"),
        ("analyze", {"blocklist": ["x" * 101]}, "an entry of 101 code points"),
        ("analyze", {"blocklist": ["x"] * 1001}, "1,001 entries, the limit is 1,000"),
        ("analyze", {"z_coda": "yes"}, "z_coda is not true or false"),
        ("analyze", {"oov_handling": "guess"}, "choose from rule"),
        ("analyze", {"reset_whitespace": True}, "unknown member 'reset_whitespace'"),
        ("sentences", {"fields": ["form"]}, "fields without return_tokens"),
        ("sentences", {"stopwords": True}, "stopwords without return_tokens"),
        ("analyze", {"typos": "odd"}, "choose from none, basic"),
        ("analyze", {"typo_cost_threshold": 101}, "typo_cost_threshold is 101: send a number from 0 to 100"),
        ("sentences", {"top_n": 2}, "unknown member 'top_n'"),
        ("space", {"normalise": True}, "unknown member 'normalise'"),
    ],
)
def test_what_can_t_be_asked_is_refused_before_it_is_sent_and_by_the_service(api, client, operation, options, wanted):
    with pytest.raises(InvalidRequest) as caught:
        client.ask_arrow(operation, pa.array(["가"]), **options)
    assert wanted in caught.value.message
    answer = api.http.request("POST", f"{api.url}/v1/{operation}", json={"texts": ["가"]} | options)
    assert answer.status == 400
    assert wanted in answer.json()["detail"]
