"""Answers that both clients refuse."""

import pytest

from nlpbatch import errors
from nlpbatch.client.messages import HttpAnswer
from nlpbatch.wire.media import ARROW_STREAM, JSON, PROBLEM_JSON, REQUEST_ID
from tests.fakes.transports import EMPTY, answer


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


@pytest.mark.parametrize("content_type", [PROBLEM_JSON, "text/html"])
def test_a_service_that_lacks_an_operation_is_named_with_the_remedy(driver, content_type):
    body = b'{"code": "not_found", "detail": "no such path: /v1/analyze", "status": 404}'
    calls = driver(HttpAnswer(404, {"Content-Type": content_type, REQUEST_ID: "r1"}, body))
    with pytest.raises(
        errors.NotFound, match="doesn't have /v1/analyze: check the address, and that its version"
    ) as it:
        calls.analyze("가")
    assert it.value.request_id == "r1"
    assert len(calls.transport.requests) == 1


def test_an_answer_of_another_version_than_pinned_is_refused_whoever_lost_the_header(driver):
    calls = driver(answer(EMPTY, fingerprint="f2"))
    with pytest.raises(errors.FingerprintMismatch, match="fingerprint f2, asked for f1"):
        calls.analyze("가", if_match="f1")
