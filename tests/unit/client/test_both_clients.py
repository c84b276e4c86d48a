"""One suite over both clients: no sockets, virtual time; only what carries an attempt is faked."""

import asyncio
import contextlib
import json
import re

import pyarrow as pa
import pytest

from nlpbatch import errors
from nlpbatch.client.messages import HttpAnswer
from nlpbatch.client.policy import RetryPolicy
from nlpbatch.wire.advice import Advice
from nlpbatch.wire.arrow import answer_schema, encode_batch_message, join_answer
from nlpbatch.wire.caller_limits import ClassState, QueueState, QuotaState
from nlpbatch.wire.media import ARROW_STREAM, JSON
from nlpbatch.wire.options import Options
from nlpbatch.wire.outcome import Outcome, Token
from tests.fakes.transports import URL, Driver, answer, problem


@pytest.fixture(params=["sync", "async"])
def driver(request):
    return lambda *steps, **arguments: Driver(request.param, *steps, **arguments)


NOTHING = {"tokens": None, "error": None}
EMPTY = {"tokens": [], "error": None}
FULL = errors.QueueFull("too much waits", retry_after_s=2.0)


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
    assert calls.transport.requests[0].target == "/nlp/v1/analyze"


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
    "queue": {"requests": 1, "requests_most": 2, "size_bytes": 3, "size_bytes_most": 4},
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


def test_an_overloaded_service_is_asked_again_when_it_said(driver):
    calls = driver(problem(FULL), problem(FULL), answer(EMPTY))
    calls.analyze("가")
    assert calls.clock.slept == pytest.approx([2.1, 2.1])
    assert calls.stats.throttled_s == pytest.approx(4.2)
    assert (calls.stats.requests, calls.stats.retries, calls.stats.backoff_s) == (1, 2, 0.0)


def test_an_unreachable_service_is_asked_again_with_growing_pauses(driver):
    calls = driver(errors.ServiceUnreachable("refused"), errors.ServiceTimeout("slow"), answer(EMPTY))
    calls.analyze("가")
    assert calls.clock.slept == pytest.approx([0.1, 0.2])
    assert (calls.stats.throttled_s, calls.stats.backoff_s) == (0.0, pytest.approx(0.3))


def test_bytes_of_every_attempt_are_counted(driver):
    refusal, good = problem(FULL), answer(EMPTY)
    calls = driver(refusal, good)
    calls.analyze("가")
    assert calls.stats.sent_bytes == 2 * len(calls.transport.requests[0].body)
    assert calls.stats.received_bytes == len(refusal.body) + len(good.body)


def test_patience_ends_in_an_error_that_tells_the_whole_story(driver):
    calls = driver(problem(FULL), retry=RetryPolicy(patience_s=5))
    with pytest.raises(errors.PatienceExhausted) as caught:
        calls.analyze("가")
    error = caught.value
    for part in (URL, "3 attempts", "4.2 s", "patience of 5 s", "queue_full", "asks to wait 2.0 s", "too much waits"):
        assert part in error.message
    assert error.details == {"service": URL, "waited_s": pytest.approx(4.2), "attempts": 3, "last_code": "queue_full"}
    assert error.request_id == calls.transport.requests[0].request_id
    assert isinstance(error.__cause__, errors.QueueFull)


def test_an_internal_error_is_tried_three_times(driver):
    calls = driver(problem(errors.InternalError("a defect")))
    with pytest.raises(
        errors.PatienceExhausted, match=r"3 attempts.*: report request \w{32}; the last error was internal: a defect"
    ):
        calls.analyze("가")
    assert len(calls.transport.requests) == 3


def test_the_last_attempt_ends_with_the_patience(driver):
    calls = driver(problem(FULL), retry=RetryPolicy(patience_s=5, attempt_timeout_s=3.5, connect_timeout_s=0.5))
    with pytest.raises(errors.PatienceExhausted):
        calls.analyze("가")
    assert calls.transport.timeouts_s == pytest.approx([3.5, 2.9, 0.8])


@pytest.mark.parametrize(
    "error",
    [
        errors.Unauthenticated("no key"),
        errors.UnknownAnalyzer("no such analyzer", analyzers=["default"]),
        errors.FingerprintMismatch("another", fingerprint="f2"),
    ],
)
def test_a_final_error_comes_at_once_and_as_it_is(driver, error):
    calls = driver(problem(error))
    with pytest.raises(type(error)) as caught:
        calls.analyze("가")
    assert (caught.value.message, caught.value.details) == (error.message, error.details)
    assert caught.value.request_id == calls.transport.requests[0].request_id
    assert (len(calls.transport.requests), calls.clock.slept) == (1, [])


def test_what_is_no_error_of_ours_is_not_tried_again(driver):
    calls = driver(KeyError("a defect here"))
    with pytest.raises(KeyError):
        calls.analyze("가")
    assert len(calls.transport.requests) == 1


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (
            HttpAnswer(200, {"Content-Type": "text/html"}, b"<html>"),
            "answered with text/html, asked for application/json",
        ),
        (HttpAnswer(204, {}, b""), "answered with no media type"),
        (HttpAnswer(200, {"Content-Type": ARROW_STREAM}, b""), "answered with application/vnd.apache.arrow.stream"),
        (HttpAnswer(307, {"Location": "https://other/"}, b""), "redirect to 'https://other/', which is not followed"),
        (HttpAnswer(304, {}, b""), "redirect to 'nowhere'"),
        (HttpAnswer(200, {"Content-Type": JSON}, b"{"), "is not an analysis"),
        (HttpAnswer(200, {"Content-Type": JSON}, b"[]"), "is not an analysis"),
        (answer(), "0 outcomes for 1 documents"),
        (answer(EMPTY, EMPTY), "2 outcomes for 1 documents"),
        (answer({"tokens": "x", "error": None}), "is not an analysis"),
    ],
)
def test_an_answer_that_was_not_asked_for_is_refused_at_once(driver, given, why):
    calls = driver(given)
    with pytest.raises(errors.UnexpectedAnswer, match=why):
        calls.analyze("가")
    assert len(calls.transport.requests) == 1


def test_an_answer_of_another_version_than_pinned_is_refused_whoever_lost_the_header(driver):
    calls = driver(answer(EMPTY, fingerprint="f2"))
    with pytest.raises(errors.FingerprintMismatch, match="fingerprint f2, asked for f1"):
        calls.analyze("가", if_match="f1")


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (b"bytes", "texts is a bytes"),
        (5, "texts is a int"),
        (None, "texts is a NoneType"),
        (["가", 5], "text 1 is a int"),
        (["가", b"x"], "text 1 is a bytes"),
        ([1.5], "text 0 is a float"),
        ([["가"]], "text 0 is a list"),
    ],
)
def test_texts_of_the_wrong_type_are_named_before_anything_is_sent(driver, texts, why):
    calls = driver(answer(EMPTY))
    with pytest.raises(errors.InvalidRequest, match=why):
        calls.analyze(texts)
    assert (calls.transport.requests, calls.stats.requests) == ([], 0)


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (["가"], "texts is a list: give a pyarrow array"),
        (pa.array([1, 2]), "array of int64"),
        (pa.array([b"x"]), "array of binary"),
    ],
)
def test_arrow_texts_of_the_wrong_type_are_named_before_anything_is_sent(driver, texts, why):
    calls = driver(answer(EMPTY))
    with pytest.raises(errors.InvalidRequest, match=why):
        calls.analyze_arrow(texts)
    assert calls.transport.requests == []


@pytest.mark.parametrize(
    "texts",
    [
        pa.array(["가", None], pa.large_string()),
        pa.array(["가", None], pa.string_view()),
        pa.chunked_array([["가"], [None]]),
        pa.array([None, None]),
        pa.array(["앞", "가", None, "뒤"]).slice(1, 2),
    ],
)
def test_arrow_texts_in_any_string_layout_are_sent_as_plain_strings(driver, texts):
    calls = driver(problem(errors.Unauthenticated("stop here")))
    with pytest.raises(errors.Unauthenticated):
        calls.analyze_arrow(texts)
    sent = pa.ipc.open_stream(calls.transport.requests[0].body).read_all()
    assert sent.schema.field("text").type == pa.string()
    assert sent["text"].to_pylist() == texts.to_pylist()


@pytest.mark.parametrize(
    ("fields", "why"),
    [(("form", "colour"), "unknown token field 'colour'"), ((), "no token field"), ("form,tag", "'form,tag'")],
)
def test_fields_are_checked_before_anything_is_sent(driver, fields, why):
    calls = driver(answer(EMPTY))
    with pytest.raises(errors.UnknownField, match=why):
        calls.analyze("가", fields=fields)
    assert calls.transport.requests == []


def test_one_field_may_be_given_by_its_name_alone(driver):
    calls = driver(answer(EMPTY))
    calls.analyze("가", fields="form")
    assert json.loads(calls.transport.requests[0].body)["fields"] == ["form"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"service": "proxy:8700"}, "http://"),
        ({"pool_size": 0}, "pool_size is 0"),
        ({"job": "리뷰"}, "job '리뷰' can't be sent in an HTTP header"),
        ({"job": ""}, "job ''"),
        ({"job": 5}, "job is a int"),
        ({"priority": "high"}, "priority is 'high'"),
        ({"priority": 6}, "priority is '6'"),
    ],
)
def test_arguments_that_cannot_work_are_refused_when_the_client_is_made(driver, arguments, why):
    with pytest.raises(errors.ConfigError, match=why):
        driver(answer(), **arguments)


def test_a_key_that_cannot_be_sent_is_refused_without_being_repeated(driver):
    with pytest.raises(errors.ConfigError, match="api_key") as caught:
        driver(answer(), api_key="geheim\r\nX-Evil: 1")
    assert "geheim" not in caught.value.message


def test_closing_closes_the_connections(driver):
    calls = driver(answer())
    calls.close()
    assert calls.transport.closed


async def test_cancelling_ends_the_wait_between_attempts():
    waiting = asyncio.Event()

    async def forever(_):
        waiting.set()
        await asyncio.Event().wait()

    calls = Driver("async", problem(FULL))
    calls.client._sleep = forever
    task = asyncio.create_task(calls.client.analyze("가"))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_an_interrupt_between_attempts_gets_through():
    def interrupt(_):
        raise KeyboardInterrupt

    calls = Driver("sync", problem(FULL))
    calls.clock.sleep = interrupt
    with pytest.raises(KeyboardInterrupt):
        calls.analyze("가")
