"""What the API answers, compared with Kiwi's own tokens."""

import json
import re

import pyarrow as pa
import pytest

import nlpbatch
from nlpbatch.wire.analyze import parse_answer
from nlpbatch.wire.arrow import decode_answer, fingerprint_of
from nlpbatch.wire.fields import DEFAULT_FIELDS, KIWI_FIELDS
from nlpbatch.wire.media import ANALYZE_PATH, ARROW_STREAM
from nlpbatch.wire.options import Options

FIELDS = KIWI_FIELDS
ODD = [
    "a\0b",
    "끝\uffff",
    "👩‍👩‍👧‍👦 가족 👍🏽",
    "🇰🇷 만세",
    "안녕하세요",
    "ㅋㅋㅋㅋㅠㅠ",
    "漢字 テスト Straße",
    "\r\n\t",
    "ab" * 1500,
    "1,234.5% https://example.com/?q=가 @user #태그 me@example.com",
]
"""None of them empty: Kiwi itself takes each."""


def no_constant(name: str) -> None:
    pytest.fail(f"{name} is not JSON")


def test_json_has_every_field_exactly_as_kiwi_has_it(api, sample, expected):
    answer = api.ask({"texts": sample, "fields": FIELDS})
    outcomes = json.loads(answer.data, parse_constant=no_constant)["outcomes"]
    assert [outcome["tokens"] for outcome in outcomes] == expected
    assert all(token["end"] == token["start"] + token["len"] for row in expected for token in row)


def test_arrow_has_every_field_exactly_as_kiwi_has_it(api, sample, expected):
    answer = api.ask_arrow(pa.array(sample), f"?fields={','.join(FIELDS)}")
    table = decode_answer(answer.data, documents=len(sample), options=Options(fields=FIELDS))
    assert table.column("tokens").to_pylist() == expected
    assert fingerprint_of(table) == answer.headers["ETag"].strip('"')


@pytest.mark.parametrize(
    ("sent", "plain", "moves"),
    [
        ("\ufeff가나", "가나", (1, 1)),
        ("\u202e뒤집힌 글\u202c", "뒤집힌 글", (1, 1)),
        ("무궁화\u200b", "무궁화", (0, 0)),
    ],
)
def test_what_cannot_be_seen_changes_no_analysis_and_moves_its_offsets(api, kiwi, sent, plain, moves):
    (outcome,) = api.ask({"texts": [sent], "fields": ["form", "tag", "start", "end"]}).json()["outcomes"]
    expected = [(token.form, token.tag, token.start + moves[0], token.end + moves[1]) for token in kiwi.tokenize(plain)]
    assert [tuple(token.values()) for token in outcome["tokens"]] == expected


@pytest.mark.parametrize("text", ODD)
def test_odd_texts_are_analysed_exactly_as_kiwi_does_in_either_encoding(api, kiwi, text):
    tokens = [{name: getattr(token, name) for name in FIELDS} for token in kiwi.tokenize(text)]
    members = json.loads(api.ask({"texts": [text], "fields": FIELDS}).data, parse_constant=no_constant)
    table = decode_answer(
        api.ask_arrow(pa.array([text]), f"?fields={','.join(FIELDS)}").data, documents=1, options=Options(fields=FIELDS)
    )
    assert members["outcomes"] == [{"tokens": tokens, "error": None}] == table.to_pylist()


def test_each_document_has_an_outcome_of_its_own(api):
    texts = ["좋아요", None, "", " \n", "\ud83d x", "가" * 20_000, "좋아요"]
    first, null, empty, blank, surrogate, large, last = api.ask({"texts": texts}).json()["outcomes"]
    assert [token["form"] for token in first["tokens"]] == ["좋", "어요"]
    assert null == {"tokens": None, "error": None}
    assert empty == blank == {"tokens": [], "error": None}
    assert surrogate["tokens"] is None
    assert surrogate["error"]["code"] == "invalid_text"
    assert large["tokens"] is None
    assert large["error"]["code"] == "text_too_large"
    for part in ("60,000 bytes", "the limit is 50,000", "split it"):
        assert part in large["error"]["message"]
    assert last == first


def test_bytes_that_are_not_utf8_cost_their_row_alone_in_arrow(api):
    texts = pa.array(["가".encode(), b"\xff\xfe", None, b"\xed\xa0\xbd", "나".encode()], pa.binary()).view(pa.string())
    rows = decode_answer(
        api.ask_arrow(texts, "?fields=form").data, documents=5, options=Options(fields=("form",))
    ).to_pylist()
    assert [row["error"] and row["error"]["code"] for row in rows] == [None, "invalid_text", None, "invalid_text", None]
    assert [row["tokens"] is None for row in rows] == [False, True, True, True, False]


def test_no_documents_have_no_outcomes(api):
    assert api.ask({"texts": []}).json()["outcomes"] == []
    answer = api.ask_arrow(pa.array([], pa.string()))
    assert decode_answer(answer.data, documents=0, options=Options(fields=DEFAULT_FIELDS)).num_rows == 0


def test_accept_chooses_the_encoding_of_the_answer(api):
    in_arrow = api.ask({"texts": ["가다"], "fields": ["form"]}, Accept=ARROW_STREAM)
    assert in_arrow.headers["Content-Type"] == ARROW_STREAM
    rows = decode_answer(in_arrow.data, documents=1, options=Options(fields=("form",))).to_pylist()
    in_json = api.ask_arrow(pa.array(["가다"]), "?fields=form", Accept="text/html, application/json;q=0.9")
    assert in_json.headers["Content-Type"] == "application/json"
    assert in_json.json()["outcomes"] == rows


def test_a_request_without_a_content_type_is_json(api):
    body = json.dumps({"texts": ["가다"]}).encode()
    assert parse_answer(api.http.request("POST", api.url + ANALYZE_PATH, body=body).data, documents=1)[0].tokens


def test_headers_say_who_asked_what_answered_and_how_long_it_took(api):
    (analyzer,) = api.get("/v1/analyzers").json()["analyzers"]
    pinned = {"X-Request-Id": "mine-1", "If-Match": f'"{analyzer["fingerprint"]}"'}
    answer = api.ask({"texts": ["가다"]}, **pinned)
    assert answer.status == 200
    assert answer.headers["X-Request-Id"] == "mine-1"
    assert answer.headers["ETag"] == pinned["If-Match"]
    assert re.fullmatch(r"queue;dur=[\d.]+, analysis;dur=[\d.]+", answer.headers["Server-Timing"])
    assert answer.json()["fingerprint"] == analyzer["fingerprint"]


def test_any_of_several_fingerprints_may_be_pinned(api):
    (analyzer,) = api.get("/v1/analyzers").json()["analyzers"]
    for accepted in ("*", f'"0123", "{analyzer["fingerprint"]}"'):
        assert api.ask({"texts": ["가다"]}, **{"If-Match": accepted}).status == 200
    refused = api.ask({"texts": ["가다"]}, **{"If-Match": '"0123", "4567"'})
    assert (refused.status, refused.json()["fingerprint"]) == (412, analyzer["fingerprint"])


@pytest.mark.parametrize("given", ["", "two words", "x" * 65, 'quote"'])
def test_a_request_id_that_would_spoil_the_logs_is_replaced(api, given):
    answered = api.ask({"texts": []}, **{"X-Request-Id": given}).headers["X-Request-Id"]
    assert re.fullmatch(r"[0-9a-f]{32}", answered)


def test_it_says_what_it_offers_and_that_it_is_ready(api):
    catalogue = api.get("/v1/analyzers").json()
    (analyzer,) = catalogue["analyzers"]
    assert analyzer["name"] == "default"
    assert analyzer["fields"] == list(FIELDS)
    assert analyzer["engine"].startswith("kiwipiepy 0.24")
    assert analyzer["options"]["z_coda"] is True
    assert catalogue["limits"] == {"body_bytes": 1_000_000, "documents": 10_000, "text_bytes": 50_000}
    assert catalogue["contract"] == "1.0"
    assert (api.get("/healthz").status, api.get("/healthz").json()) == (200, {"status": "alive"})
    stated = {"ready": True, "version": nlpbatch.__version__, "contract": "1.0"}
    states = stated | {"workers": 2, "fingerprints": [analyzer["fingerprint"]]}
    assert (api.get("/readyz").status, api.get("/readyz").json()) == (200, states)
