"""What Kiwi's users use beside tokenize, in both encodings: each answer is Kiwi's own."""

import os
import unicodedata

import pyarrow as pa
import pytest
from kiwipiepy import PretokenizedToken
from kiwipiepy.utils import Stopwords

from nlpbatch.engine.split import LIMIT
from nlpbatch.errors import InvalidOption, InvalidRequest
from nlpbatch.wire.options import TYPOS
from tests.fakes.running_api import running_api

FORMS = ("form", "tag", "start", "end", "typo_cost")
TYPO_TEXTS = ["외않되나요 정말 그러치 않아요", "진짜 마싯서요ㅋㅋ", "아버지가 방에 들어가신다."]
MOVIE = "드디어패트와 매트가 2017년에 국내 개봉했다."
SPANS = [
    [(3, 9), (11, 16, "NNG")],
    [(3, 5, PretokenizedToken("페트", "NNB", 0, 2))],
    [(21, 24, [PretokenizedToken("개봉하", "VV", 0, 3), PretokenizedToken("었", "EP", 2, 3)])],
    [(11, 16), (3, 9)],
    [(0, len(MOVIE))],
    [],
]
CHUNKS = [
    ["그러나  알고보니 그 봉", "지 안에 있던 것은 바로", "레몬이었던 것이다."],
    ["A4", "용지", " 한 장 ", ""],
    ["하나"],
    [],
]
MORPHEMES = [
    [("덥", "VA"), ("어", "EC")],
    [("길", "NNG"), ("을", "JKO"), ("묻", "VV"), ("어요", "EF")],
    [("길", "NNG"), ("을", "JKO", True), ("묻", "VV", False), ("어요", "EF")],
    [("묻", "VV-I"), ("어요", "EF"), ("👍🏽", "SW"), ("가", "NNG")],
    [],
]


@pytest.fixture(scope="module")
def client(api):
    with api.client() as made:
        yield made


def read(tokens, fields=FORMS):
    return [{name: getattr(token, name) for name in fields} for token in tokens]


def in_arrow(client, operation, documents, extra=None, **options):
    return client.ask_arrow(operation, documents, extra=extra, **options).to_pylist()


@pytest.mark.parametrize("typos", [*TYPOS, "none"])
def test_typos_are_corrected_as_kiwi_does_it(client, kiwi, typos):
    given = {"typos": typos, "typo_cost_threshold": 3.5}
    own = given if typos != "none" else {"typos": None}
    expected = [read(kiwi.tokenize(text, **own)) for text in TYPO_TEXTS]
    assert [read(one.tokens) for one in client.analyze(TYPO_TEXTS, fields=FORMS, **given)] == expected
    rows = in_arrow(client, "analyze", pa.array(TYPO_TEXTS), fields=FORMS, **given)
    assert [row["tokens"] for row in rows] == expected


def test_dialects_that_were_not_loaded_are_refused_with_the_remedy(client):
    with pytest.raises(InvalidOption, match=r"allowed_dialects\[1\] is 'jeju', but analyzer 'default' was loaded with"):
        client.analyze("가", allowed_dialects=["standard", "jeju"])
    assert client.analyze("가", allowed_dialects=["standard"], dialect_cost=1.5)[0].error is None


def test_own_stop_words_are_left_out_as_kiwi_does_it(client, kiwi, sample):
    own = Stopwords()
    own.stopwords, own.stoptags = {("영화", "NNG"), ("이", "VCP"), ("/", "SP")}, {"SF"}
    expected = [read(kiwi.tokenize(text, stopwords=own)) for text in sample[:60]]
    given = ["영화/NNG", "이/VCP", "//SP", "/SF"]
    assert [read(one.tokens) for one in client.analyze(sample[:60], fields=FORMS, stopwords=given)] == expected
    rows = in_arrow(client, "analyze", pa.array(sample[:60]), fields=FORMS, stopwords=given)
    assert [row["tokens"] for row in rows] == expected


def test_a_stop_word_without_a_tag_is_left_out_whatever_its_tag(client):
    (one,) = client.analyze("이 사람이 이겼다", fields=("form", "tag"), stopwords=["이"])
    assert "이" not in [token.form for token in one.tokens]


@pytest.mark.parametrize("given", [{}, {"stopwords": True}, {"typos": "basic"}], ids=str)
def test_sentences_come_with_their_tokens_as_kiwi_gives_them(client, kiwi, sample, given):
    texts = [*sample[:40], "안녕. 잘 가? 응", "그는 <가자. 빨리.>라고 말했다.", ""]
    own = given | ({"stopwords": Stopwords()} if "stopwords" in given else {})
    expected = [
        [
            (one.start, one.end, one.text, read(one.tokens))
            for one in kiwi.split_into_sents(text, return_tokens=True, **own)
        ]
        for text in texts
    ]
    answered = client.sentences(texts, return_tokens=True, fields=FORMS, **given)
    found = [[(one.start, one.end, one.text, read(one.tokens)) for one in outcome.sentences] for outcome in answered]
    assert found == expected
    rows = in_arrow(client, "sentences", pa.array(texts), return_tokens=True, fields=FORMS, **given)
    assert [[tuple(one.values()) for one in row["sentences"]] for row in rows] == expected


def test_fields_of_sentences_without_tokens_are_refused(client):
    with pytest.raises(InvalidRequest, match="fields without return_tokens"):
        client.sentences("가", fields=["form"])


def spans_of(extra):
    """Return spans as the Arrow column has them."""

    def struct(start, end, inner=None):
        tokens = [inner] if isinstance(inner, PretokenizedToken) else inner
        plain = None if tokens is None or isinstance(tokens, str) else [one._asdict() for one in tokens]
        return {"start": start, "end": end, "tag": tokens if isinstance(tokens, str) else None, "tokens": plain}

    return [None if spans is None else [struct(*span) for span in spans] for spans in extra]


def test_pretokenized_spans_are_taken_as_kiwi_takes_them(client, kiwi):
    texts, extra = [MOVIE] * len(SPANS) + [MOVIE, None], [*SPANS, None, None]
    expected = [read(kiwi.tokenize(MOVIE, pretokenized=spans)) for spans in [*SPANS, None]]
    found = client.analyze(texts, fields=FORMS, pretokenized=extra)
    assert [read(one.tokens) for one in found[:-1]] == expected
    assert found[-1].tokens is found[-1].error is None
    from nlpbatch.wire.arrow import document_type  # noqa: PLC0415  (only here)

    column = pa.array(spans_of(extra), document_type("pretokenized"))
    rows = in_arrow(client, "analyze", pa.array(texts), column, fields=FORMS)
    assert [row["tokens"] for row in rows[:-1]] == expected


def test_candidates_regard_the_spans_too(client, kiwi):
    (one,) = client.analyze([MOVIE], fields=FORMS, top_n=2, pretokenized=[SPANS[0]])
    expected = [read(tokens) for tokens, _ in kiwi.analyze(MOVIE, top_n=2, pretokenized=SPANS[0])]
    assert [read(candidate.tokens) for candidate in one.candidates] == expected


def test_spans_count_code_points_of_the_text_as_it_was_sent(client, kiwi):
    """Decomposed, with an invisible character before the span, and behind an emoji of two code points."""
    sent = "👍🏽 \u200b" + unicodedata.normalize("NFD", "패트와 매트") + "가 왔다"
    start, end = sent.index("\u200b") + 1, sent.index("가 왔다")
    (one,) = client.analyze([sent], fields=FORMS, pretokenized=[[(start, end, "NNP")]])
    (token,) = [token for token in one.tokens if token.tag == "NNP"]
    assert (token.form, token.start, token.end) == ("패트와 매트", start, end)
    plain = "👍🏽 패트와 매트가 왔다"
    expected = [token.form for token in kiwi.tokenize(plain, pretokenized=[(3, 9, "NNP")])]
    assert [token.form for token in one.tokens] == expected


def test_a_span_in_a_long_text_is_where_it_is_and_is_never_cut(client):
    line = "오늘은 날씨가 참 좋았다. "
    text = line * 600
    starts = [LIMIT - 8, LIMIT * 2 - 4, len(text) - 11]
    (one,) = client.analyze([text], fields=FORMS, pretokenized=[[(start, start + 9, "NNP") for start in starts]])
    found = [(token.start, token.end) for token in one.tokens if token.tag == "NNP"]
    assert [(start, start + 9) for start in starts] == found


@pytest.mark.parametrize(
    ("spans", "wanted"),
    [
        ([(0, 99)], "span 0 of pretokenized is 0 to 99, the text has 26 code points"),
        ([(3, 3)], "span 0 of pretokenized is 3 to 3"),
        ([(-1, 3)], "span 0 of pretokenized is -1 to 3"),
        ([(0, 5), (4, 8)], "two spans of pretokenized overlap"),
        ([(0, 5, "XX")], "span 0 of pretokenized has an unknown tag"),
        ([(0, 5, [("가", "NNG", 0, 9)])], "has a token outside of it"),
        ([(0, 5, [("\ud83d", "NNG", 0, 2)])], "has a form with a lone surrogate"),
    ],
)
def test_spans_that_cannot_be_used_cost_their_text_alone(client, spans, wanted):
    before, bad, after = client.analyze([MOVIE] * 3, pretokenized=[None, spans, []])
    assert (before.error, after.error) == (None, None)
    assert bad.error.code == "invalid_document"
    assert wanted in bad.error.message


def test_join_is_kiwi_s(client, kiwi, sample):
    tokens = [kiwi.tokenize(text) for text in sample[:40]]
    tokens += [[*found[:1], ("내용", "NNG"), *found[2:]] for found in tokens if len(found) > 2]
    documents = [*MORPHEMES, *tokens, None]
    own = [*MORPHEMES[:-1], *tokens]
    expected = [kiwi.join(one, return_positions=True) for one in own]
    found = client.join(documents, return_positions=True)
    assert [(one.text, list(one.positions)) for one in (*found[: len(MORPHEMES) - 1], *found[len(MORPHEMES) : -1])] == [
        (text, [tuple(span) for span in spans]) for text, spans in expected
    ]
    assert (found[len(MORPHEMES) - 1].text, found[-1].text, found[-1].error) == ("", None, None)
    rows = [
        None if one is None else [{"form": m[0], "tag": m[1], "space": m[2] if len(m) > 2 else None} for m in one]
        for one in [*MORPHEMES, None]
    ]
    answered = in_arrow(client, "join", pa.array(rows))
    assert [row["text"] for row in answered] == [*(text for text, _ in expected[: len(MORPHEMES) - 1]), "", None]


def test_join_without_a_search_is_kiwi_s(client, kiwi):
    morphemes = [("길", "NNG"), ("을", "JKO"), ("묻", "VV"), ("어요", "EF")]
    assert client.join([morphemes], lm_search=False)[0].text == kiwi.join(morphemes, lm_search=False) == "길을 묻어요"


def test_what_a_job_wrote_can_be_joined(client):
    table = client.analyze_arrow(pa.array(["분석된결과를 다시합칠수있다!", None]), fields=("form", "tag"))
    answered = in_arrow(client, "join", table.column("tokens"))
    assert [row["text"] for row in answered] == ["분석된 결과를 다시 합칠 수 있다!", None]


@pytest.mark.parametrize("morphemes", [[("가", "XX")], [("가", "NNG\ud83d")], [("\ud83d", "NNG")]], ids=ascii)
def test_morphemes_that_cannot_be_joined_cost_their_document_alone(client, morphemes):
    before, bad, after = client.join([MORPHEMES[0], morphemes, MORPHEMES[0]])
    assert (before.text, bad.text, after.text) == ("더워", None, "더워")
    assert bad.error.code == "invalid_document"


def test_bytes_that_are_no_utf_8_cost_their_document_alone(client):
    kind = pa.list_(pa.struct([("form", pa.binary()), ("tag", pa.binary())]))
    rows = [
        [{"form": b"\xff", "tag": b"NNG"}],
        [{"form": "덥".encode(), "tag": b"VA"}],
        [{"form": None, "tag": b"NNG"}],
    ]
    strings = pa.list_(pa.struct([("form", pa.string()), ("tag", pa.string())]))
    answered = in_arrow(client, "join", pa.array(rows, kind).view(strings))
    assert [row["error"] and row["error"]["code"] for row in answered] == ["invalid_document", None, "invalid_document"]


def test_glue_is_kiwi_s(client, kiwi, sample):
    halves = [[text[: len(text) // 2], text[len(text) // 2 :]] for text in sample[:40]]
    documents = [*CHUNKS, *halves]
    lines = [[True, False, True], None, [True], *([None] * (len(documents) - 3))]
    expected = [
        kiwi.glue(chunks, insert_new_lines=new_lines, return_space_insertions=True)
        for chunks, new_lines in zip(documents, lines, strict=True)
    ]
    found = client.glue([*documents, None], insert_new_lines=[*lines, None], return_space_insertions=True)
    assert [(one.text, list(one.space_insertions)) for one in found[:-1]] == expected
    assert found[-1].text is found[-1].error is None
    rows = in_arrow(client, "glue", pa.array(documents), pa.array(lines, pa.list_(pa.bool_())))
    assert [row["text"] for row in rows] == [text for text, _ in expected]


def test_long_chunks_are_glued_by_their_ends(client, kiwi):
    line = "오늘은 날씨가 참 좋았다. "
    long, short = ([line * times, "그래서 친구와 산에 갔", "다. " + line * times] for times in (600, 90))
    (one,) = client.glue([long], return_space_insertions=True)
    assert list(one.space_insertions) == kiwi.glue(short, return_space_insertions=True)[1]


@pytest.mark.parametrize(
    ("method", "documents", "wanted"),
    [
        ("join", "덥/VA", "morphemes is a str: give an iterable with a list for each document"),
        ("join", [("덥", "VA")], "document 0 has the wrong shape: send an array of morphemes"),
        ("join", [["덥"]], "document 0 has the wrong shape"),
        ("join", [5], "document 0 is a number"),
        ("glue", ["가", "나"], "document 0 is a string: send an array of strings"),
        ("glue", [[1]], "document 0 has the wrong shape"),
    ],
)
def test_documents_of_the_wrong_shape_are_refused_before_they_are_sent_and_by_the_service(
    api, client, method, documents, wanted
):
    with pytest.raises(InvalidRequest) as caught:
        getattr(client, method)(documents)
    assert wanted in caught.value.message
    name = {"join": "morphemes", "glue": "chunks"}[method]
    answer = api.http.request("POST", f"{api.url}/v1/{method}", json={name: documents})
    assert (answer.status, answer.json()["path"].split("/")[1]) == (400, name)


@pytest.mark.skipif(
    os.environ.get("CI") != "true",
    reason="loads two Kiwis with a dialect, which takes more than a minute: CI=true bin/test runs it",
)
def test_an_analyzer_with_a_dialect_takes_it_and_kiwi_s_own_answers_are_the_same(tmp_path, kiwi):
    from kiwipiepy import Kiwi  # noqa: PLC0415  (a second one, with a dialect)

    config = '[pool]\nworkers = 1\n[analyzers.default]\nenabled_dialects = ["jeju"]\n'
    text, given = "혼저 옵서예, 무사 경 햄수과", {"allowed_dialects": ["jeju"], "dialect_cost": 1.0}
    own = Kiwi(num_workers=1, enabled_dialects="jeju")
    expected = read(own.tokenize(text, allowed_dialects="jeju", dialect_cost=1.0))
    assert expected != read(kiwi.tokenize(text))
    with running_api("kiwi", tmp_path, config) as api, api.client() as client:
        assert read(client.analyze(text, fields=FORMS, **given)[0].tokens) == expected
        assert client.analyzers().get("default").options["enabled_dialects"] == ["jeju"]
