"""One suite over both clients: no sockets, virtual time; only the transport is faked."""

import contextlib
import json
import re

import pyarrow as pa
import pytest

from nlpbatch import errors
from nlpbatch.client.messages import HttpAnswer
from nlpbatch.wire.advice import Advice
from nlpbatch.wire.arrow import answer_schema, encode_batch_message, join_answer
from nlpbatch.wire.caller_limits import ClassState, QueueState, QuotaState
from nlpbatch.wire.media import ARROW_STREAM, JSON
from nlpbatch.wire.options import Options
from nlpbatch.wire.outcome import Outcome, Token
from tests.fakes.transports import EMPTY, FULL, NOTHING, answer, problem


def test_outcomes_come_back_as_values_in_order(driver):
    bad = {"tokens": None, "error": {"code": "invalid_text", "message": "a lone surrogate"}}
    calls = driver(answer({"tokens": [{"form": "가", "tag": "NNG"}], "error": None}, NOTHING, bad))
    analysis = calls.analyze(["가", None, "\ud800"], fields=("form", "tag"))
    assert analysis[0] == Outcome((Token({"form": "가", "tag": "NNG"}),))
    assert analysis[1] == Outcome(None)
    assert analysis[2].error.code == "invalid_text"
    assert (analysis.analyzer, analysis.fingerprint) == ("default", "f1")


def test_a_string_is_one_document(driver):
    calls = driver(answer(EMPTY))
    assert len(calls.analyze("가나")) == 1
    assert json.loads(calls.transport.requests[0].body)["texts"] == ["가나"]


def test_any_iterable_of_texts_will_do(driver):
    calls = driver(answer(EMPTY, NOTHING))
    assert len(list(calls.analyze(text for text in ("가", None)))) == 2


def test_an_empty_list_is_sent_for_it_still_says_who_would_have_answered(driver):
    calls = driver(answer())
    analysis = calls.analyze([])
    assert len(analysis) == 0
    assert analysis.fingerprint == "f1"


def test_headers_name_caller_job_priority_and_pinned_version(driver):
    calls = driver(answer(EMPTY), api_key="k-1", job="nightly reviews", priority="u=6")
    calls.analyze("가", if_match="f1")
    sent = calls.transport.requests[0]
    assert (sent.method, sent.target) == ("POST", "/v1/analyze")
    assert len(sent.headers.pop("X-Request-Id")) == 32
    assert len(sent.headers.pop("Idempotency-Key")) == 66
    assert sent.headers == {
        "Accept": JSON,
        "Accept-Encoding": "identity",
        "Authorization": "Bearer k-1",
        "Content-Type": JSON,
        "If-Match": '"f1"',
        "Nlpbatch-Job": "nightly reviews",
        "Priority": "u=6",
        "User-Agent": "nlpbatch",
    }


def test_a_pinned_question_has_the_same_key_whoever_asks_and_another_one_another(driver):
    calls = driver(answer(EMPTY))
    for text, fingerprint in (("가", "f1"), ("가", "f1"), ("나", "f1"), ("가", "f2")):
        with contextlib.suppress(errors.FingerprintMismatch):
            calls.analyze(text, if_match=fingerprint)
    keys = [request.headers["Idempotency-Key"] for request in calls.transport.requests]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert all(re.fullmatch(r'"[0-9a-f]{64}"', key) for key in keys)


def test_a_question_that_is_not_pinned_has_a_key_of_its_own_that_its_attempts_share(driver):
    calls = driver(problem(FULL), answer(EMPTY))
    calls.analyze("가")
    calls.analyze("가")
    first, again, other = (request.headers["Idempotency-Key"] for request in calls.transport.requests)
    assert first == again != other


def test_advice_reaches_whoever_wants_it(driver):
    advised = []
    given = answer(EMPTY)
    given.headers["Nlpbatch-Advice"] = "outstanding=200, wanted=24"
    driver(given, on_advice=advised.append).analyze("가")
    driver(given).analyze("가")
    assert advised == [Advice(200, 24)]


def test_a_path_in_the_address_comes_first(driver):
    calls = driver(answer(EMPTY), service="https://gate.example/nlp/")
    calls.analyze("가")
    assert calls.transport.attempts[0].target == "/nlp/v1/analyze"


def test_every_attempt_of_a_request_has_its_id_and_another_request_another(driver):
    calls = driver(problem(FULL), answer(EMPTY))
    calls.analyze("가")
    calls.analyze("가")
    first, again, other = (request.request_id for request in calls.transport.requests)
    assert first == again != other


def test_arrow_goes_out_and_comes_back_as_streams_with_options_in_the_query(driver):
    fields = ("form", "start")
    rows = [{"tokens": [{"form": "가", "start": 0}], "error": None}, NOTHING]
    message = encode_batch_message(pa.RecordBatch.from_pylist(rows, schema=answer_schema(Options(fields=fields))))
    body = join_answer([message], options=Options(fields=fields), analyzer="default", fingerprint="f1")
    calls = driver(HttpAnswer(200, {"Content-Type": ARROW_STREAM}, body))

    table = calls.analyze_arrow(pa.array(["가", None]), fields=fields, if_match="f1")

    assert table.to_pylist() == rows
    sent = calls.transport.requests[0]
    assert sent.target == "/v1/analyze?analyzer=default&fields=form%2Cstart"
    assert sent.headers["Content-Type"] == sent.headers["Accept"] == ARROW_STREAM
    assert pa.ipc.open_stream(sent.body).read_all().to_pydict() == {"text": ["가", None]}


def test_the_catalogue_says_what_is_offered(driver):
    info = {"name": "default", "fingerprint": "f1", "engine": "e", "model": "m", "options": {}, "fields": ["form"]}
    body = json.dumps({"analyzers": [info], "limits": {"body_bytes": 1000, "newer": 1}}).encode()
    catalogue = driver(HttpAnswer(200, {"Content-Type": JSON}, body)).analyzers()
    assert catalogue.get("default").fields == ("form",)
    assert catalogue.limits.body_bytes == 1000


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"analyzers": 5, "limits": {}}', b'{"analyzers": [[]]}', b"[" * 9999]
)
def test_a_catalogue_that_is_none_is_unexpected(driver, body):
    with pytest.raises(errors.UnexpectedAnswer, match=r"proxy\.example"):
        driver(HttpAnswer(200, {"Content-Type": JSON}, body)).analyzers()


LIMITS = {
    "tenant": "search",
    "key": "k1",
    "body_bytes": 1000,
    "quotas": {
        "key": {
            "bytes_per_s": 10.0,
            "burst_bytes": 20,
            "left_bytes": -5,
            "full_in_s": 2.5,
            "concurrency": None,
            "requests": 1,
            "newer": 1,
        }
    },
    "queue": {"requests": 1, "max_requests": 2, "size_bytes": 3, "max_size_bytes": 4},
    "in_flight": 5,
    "paused": False,
    "classes": {"batch": {"may_claim": True, "share": 0.5, "wait_s": None, "max_wait_s": 9.0}},
}


def test_limits_say_what_a_key_may_and_has(driver):
    calls = driver(HttpAnswer(200, {"Content-Type": JSON}, json.dumps(LIMITS).encode()))
    limits = calls.limits()
    assert (limits.tenant, limits.key, limits.in_flight, limits.paused) == ("search", "k1", 5, False)
    assert limits.quotas["key"] == QuotaState(10.0, 20, -5, 2.5, None, 1)
    assert limits.queue == QueueState(1, 2, 3, 4)
    assert limits.classes["batch"] == ClassState(True, 0.5, None, 9.0)
    assert calls.transport.requests[0].target == "/v1/limits"


@pytest.mark.parametrize("body", [b"[]", b"{}", json.dumps(LIMITS | {"quotas": 5}).encode()])
def test_limits_that_are_none_are_unexpected(driver, body):
    with pytest.raises(errors.UnexpectedAnswer, match="don't state a caller's limits"):
        driver(HttpAnswer(200, {"Content-Type": JSON}, body)).limits()


def test_a_service_without_a_proxy_has_no_limits_for_callers(driver):
    with pytest.raises(errors.NotFound):
        driver(problem(errors.NotFound("no such path"))).limits()


def test_retries_and_answers_are_reported_to_the_callbacks(driver):
    retried, traced = [], []
    message = encode_batch_message(pa.RecordBatch.from_pylist([NOTHING], schema=answer_schema(Options())))
    body = join_answer([message], options=Options(), analyzer="default", fingerprint="f1")
    good = HttpAnswer(200, {"Content-Type": ARROW_STREAM}, body)
    calls = driver(problem(FULL), good, on_retry=retried.append)
    calls.ask_arrow("analyze", pa.array([None], pa.string()), on_answer=traced.append)
    assert [error.code for error in retried] == ["queue_full"]
    assert [trace.attempts for trace in traced] == [2]


def test_each_request_carries_the_trace_that_it_is_a_part_of_at_that_moment(driver):
    headers = [f"00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333{number}-01" for number in range(2)]
    given = iter([headers[0], None, headers[1]])
    calls = driver(answer(EMPTY), traceparent=lambda: next(given))
    for _ in range(3):
        calls.analyze("가")
    assert [sent.headers.get("traceparent") for sent in calls.transport.requests] == [headers[0], None, headers[1]]


def test_closing_closes_the_connections(driver):
    calls = driver(answer())
    calls.close()
    assert calls.transport.closed
