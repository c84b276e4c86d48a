"""What the API answers, compared with Kiwi's own tokens."""

import gzip
import json
import re
import socket
from pathlib import Path

import pyarrow as pa
import pytest
from prometheus_client.parser import text_string_to_metric_families

from nlpbatch.wire.analyze import parse_answer
from nlpbatch.wire.arrow import decode_answer, encode_request, fingerprint_of
from nlpbatch.wire.fields import DEFAULT_FIELDS, TOKEN_FIELDS
from nlpbatch.wire.media import ANALYZE_PATH, ARROW_STREAM
from nlpbatch.wire.options import Options
from tests.fakes.running_api import descriptors, eventually

FIELDS = tuple(TOKEN_FIELDS)
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


DEEP = b'{"texts": ' + b"[" * 100_000


@pytest.mark.parametrize(
    ("body", "headers", "status", "code", "path"),
    [
        (b"", {}, 400, "invalid_request", None),
        (b"{", {}, 400, "invalid_request", None),
        (b"[]", {}, 400, "invalid_request", ""),
        (b"\xff", {}, 400, "invalid_request", None),
        (DEEP, {}, 400, "invalid_request", None),
        ({}, {}, 400, "invalid_request", "/texts"),
        ({"texts": "가"}, {}, 400, "invalid_request", "/texts"),
        ({"texts": ["가", 1]}, {}, 400, "invalid_request", "/texts/1"),
        ({"texts": ["가", ["나"]]}, {}, 400, "invalid_request", "/texts/1"),
        ({"texts": ["가"], "text": 1}, {}, 400, "invalid_request", "/text"),
        ({"texts": ["가"], "fields": "form"}, {}, 400, "invalid_request", "/fields"),
        ({"texts": ["가"], "fields": ["form", 1]}, {}, 400, "invalid_request", "/fields"),
        ({"texts": ["가"], "analyzer": 1}, {}, 400, "invalid_request", "/analyzer"),
        ({"texts": ["가"], "analyzer": "other"}, {}, 404, "unknown_analyzer", None),
        ({"texts": ["가"], "fields": ["from"]}, {}, 422, "unknown_field", None),
        ({"texts": ["가"], "fields": ["form", "form"]}, {}, 422, "unknown_field", None),
        ({"texts": ["가"], "fields": []}, {}, 422, "unknown_field", None),
        ({"texts": ["가"] * 10_001}, {}, 413, "request_too_large", None),
        (b"x" * 1_000_001, {}, 413, "request_too_large", None),
        ({"texts": ["가"]}, {"Content-Type": "text/csv"}, 415, "unsupported_media_type", None),
        (gzip.compress(b'{"texts": []}', mtime=0), {"Content-Encoding": "gzip"}, 415, "unsupported_media_type", None),
        (b"no gzip", {"Content-Encoding": "gzip"}, 415, "unsupported_media_type", None),
        ({"texts": ["가"]}, {"Accept": "text/html"}, 406, "not_acceptable", None),
        ({"texts": ["가"]}, {"If-Match": '"0123"'}, 412, "fingerprint_mismatch", None),
        (b"no arrow", {"Content-Type": ARROW_STREAM}, 400, "invalid_request", None),
        (b"", {"Content-Type": ARROW_STREAM}, 400, "invalid_request", None),
    ],
)
def test_what_the_caller_got_wrong_is_a_problem_document(api, body, headers, status, code, path):
    answer = api.ask(body, **headers)
    problem = answer.json()
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert (answer.status, problem["status"], problem["code"]) == (status, status, code)
    assert problem.get("path") == path
    assert problem["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("query", "status", "code", "path"),
    [
        ("?fields=from", 422, "unknown_field", None),
        ("?fields=", 422, "unknown_field", None),
        ("?fields=form,form", 422, "unknown_field", None),
        ("?analyzer=other", 404, "unknown_analyzer", None),
        ("?analyser=default", 400, "invalid_request", "?analyser"),
    ],
)
def test_options_beside_an_arrow_stream_are_checked_as_those_in_json(api, query, status, code, path):
    answer = api.ask_arrow(pa.array(["가"]), query)
    assert (answer.status, answer.json()["code"], answer.json().get("path")) == (status, code, path)


def test_options_beside_json_are_refused_instead_of_overlooked(api):
    answer = api.http.request("POST", f"{api.url}{ANALYZE_PATH}?fields=form", json={"texts": ["가"]})
    assert (answer.status, answer.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("texts", "path"),
    [
        (pa.array([1]), "text"),
        (pa.array([["가"]]), "text"),
        (pa.array(["가" * 1000]).dictionary_encode().take([0] * 9), "text"),
    ],
    ids=["numbers", "lists", "more text than bytes"],
)
def test_a_column_that_is_not_plain_text_is_refused(api, texts, path):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([("text", texts.type)])) as writer:
        writer.write_batch(pa.record_batch([texts], names=["text"]))
    answer = api.ask(sink.getvalue().to_pybytes(), **{"Content-Type": ARROW_STREAM})
    assert (answer.status, answer.json()["code"], answer.json()["path"]) == (400, "invalid_request", path)


def test_a_damaged_stream_is_refused_or_read_but_never_brings_the_service_down(api):
    stream = encode_request(pa.array(["가나다", None, "라" * 30]))
    statuses = set()
    for position in range(len(stream)):
        damaged = bytearray(stream)
        damaged[position] ^= 0xFF
        statuses.add(api.ask(bytes(damaged), **{"Content-Type": ARROW_STREAM}).status)
    assert statuses == {200, 400}


def test_a_body_over_the_limit_is_refused_though_its_length_was_not_declared(api):
    sent = (b" " * 100_000 for _ in range(11))
    answer = api.http.request(
        "POST", api.url + ANALYZE_PATH, body=sent, headers={"Content-Type": "application/json"}, chunked=True
    )
    assert (answer.status, answer.json()["code"], answer.json()["limit"]) == (413, "request_too_large", 1_000_000)
    assert "1,000,000" in answer.json()["detail"]


def test_unknown_paths_and_methods_are_problem_documents(api):
    missing, wrong = api.get("/v2/analyze"), api.get("/v1/analyze")
    assert (missing.status, missing.json()["code"]) == (404, "not_found")
    assert (wrong.status, wrong.json()["code"], wrong.headers["Allow"]) == (405, "method_not_allowed", "POST")


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
    assert (api.get("/healthz").status, api.get("/healthz").json()) == (200, {"status": "alive"})
    states = {"ready": True, "workers": 2, "fingerprints": [analyzer["fingerprint"]]}
    assert (api.get("/readyz").status, api.get("/readyz").json()) == (200, states)


def test_documents_tokens_and_errors_are_counted(api):
    counted = ("documents_total", "tokens_total", "code_points_total", "queue_seconds_count", "analysis_seconds_count")
    before = [api.metric(f"nlpbatch_{name}") for name in counted]
    surrogates = api.metric("nlpbatch_document_errors_total", analyzer="default", code="invalid_text")
    api.ask({"texts": ["좋아요", "\ud83d", None]})
    counts = [api.metric(f"nlpbatch_{name}") - old for name, old in zip(counted, before, strict=True)]
    assert counts == [3, 2, 3, 1, 1]
    assert api.metric("nlpbatch_document_errors_total", code="invalid_text") == surrogates + 1


def test_refused_requests_count_no_documents(api):
    before = api.metric("nlpbatch_documents_total")
    assert api.ask({"texts": ["좋아요"], "fields": ["from"]}).status == 422
    assert api.metric("nlpbatch_documents_total") == before


def test_every_metric_has_an_explanation_and_base_units(api):
    answer = api.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    families = list(text_string_to_metric_families(answer.data.decode()))
    assert {"nlpbatch_workers", "nlpbatch_workers_busy", "nlpbatch_queue_bytes"} <= {family.name for family in families}
    for family in families:
        assert family.documentation
        assert not family.name.endswith(("_ms", "_milliseconds", "_kb"))


def test_forkserver_and_workers_have_one_thread_each(api):
    def threads(pid: int) -> int:
        return len(list(Path(f"/proc/{pid}/task").iterdir()))

    family = [api.forkserver(), *api.workers()]
    assert [threads(pid) for pid in family] == [1, 1, 1]


def test_workers_share_the_memory_of_the_loaded_engine(api, sample):
    assert api.ask({"texts": sample}).status == 200
    for worker in api.workers():
        rollup = Path(f"/proc/{worker}/smaps_rollup").read_text()
        private_kib = int(re.search(r"Private_Dirty: +(\d+) kB", rollup)[1])
        assert private_kib < 60_000  # about 12 MB; a Kiwi of its own takes 500


def test_workers_hold_no_descriptor_of_each_other(api):
    """Else a worker's death would go unnoticed as long as its neighbour lives."""
    sockets = [{name for name in descriptors(worker) if "socket" in name} for worker in api.workers()]
    assert [len(own) for own in sockets] == [1, 1]
    assert not sockets[0] & sockets[1]


def test_no_text_gets_into_the_log(api):
    secret = "비밀번호는"
    api.ask({"texts": [f"{secret} 1234", f"{secret} \ud83d"]})
    api.ask({"texts": [secret, 1]})
    api.ask({secret: 1})
    api.ask(secret.encode(), **{"Content-Type": ARROW_STREAM})
    assert len(api.events()) > 4
    assert secret not in api.log.read_text(encoding="utf-8")
    assert json.dumps(secret)[1:-1] not in api.log.read_text(encoding="utf-8")


def test_each_request_is_one_line_in_the_log(api):
    assert api.ask({"texts": ["좋아요", None]}, **{"X-Request-Id": "in-the-log"}).status == 200
    eventually(lambda: [event for event in api.events() if event.get("request_id") == "in-the-log"])
    (event,) = [event for event in api.events() if event.get("request_id") == "in-the-log"]
    assert event.items() >= {"event": "request", "path": "/v1/analyze", "status": 200, "documents": 2}.items()


def test_a_caller_who_leaves_before_its_body_is_sent_is_no_defect_of_ours(api):
    before = len(api.events())
    with socket.create_connection(("127.0.0.1", int(api.url.rpartition(":")[2]))) as caller:
        caller.sendall(b"POST /v1/analyze HTTP/1.1\r\nHost: x\r\nX-Request-Id: left\r\nContent-Length: 99\r\n\r\n[")
    eventually(lambda: [event for event in api.events() if event.get("request_id") == "left"])
    assert not [event for event in api.events()[before:] if event["level"] == "error"]
