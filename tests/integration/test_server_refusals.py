"""Requests that the API refuses, each with a problem document."""

import gzip

import pyarrow as pa
import pytest

from nlpbatch.wire.arrow import encode_request
from nlpbatch.wire.media import ANALYZE_PATH, ARROW_STREAM

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
