"""Any number of texts through either client: cut by the limits, in order, of one version."""

import json

import pytest

from nlpbatch import errors
from nlpbatch.client.bulk import PART_BYTES
from nlpbatch.client.messages import HttpAnswer
from nlpbatch.wire.media import ANALYZERS_PATH, JSON
from tests.fakes.parts import PART_DOCUMENTS, TEXTS, asked, forms
from tests.fakes.transports import honest, problem

pytestmark = pytest.mark.usefixtures("small_parts")


def test_a_list_longer_than_a_request_may_be_is_answered_in_order(driver):
    calls = driver(honest())
    analysis = calls.analyze(TEXTS)
    assert forms(analysis) == TEXTS
    assert (analysis.analyzer, analysis.fingerprint) == ("default", "f1")
    assert max(map(len, asked(calls))) == PART_DOCUMENTS


def test_all_requests_after_the_first_are_pinned_to_the_version_that_answered_it(driver):
    calls = driver(honest())
    calls.analyze(TEXTS)
    sent = [request.headers.get("If-Match") for request in calls.transport.requests if request.body]
    assert sent == [None, '"f1"', '"f1"', '"f1"']


def test_texts_are_cut_by_their_bytes_too(driver):
    calls = driver(honest())
    texts = ["가" * 10_000] * 20
    assert forms(calls.analyze(texts)) == texts
    assert all(sum(len(text.encode()) for text in request) <= PART_BYTES for request in asked(calls))


def test_the_limits_of_the_service_are_asked_once_and_only_when_there_is_more_than_a_request(driver):
    calls = driver(honest(documents=4))
    calls.analyze("가")
    assert [request.target for request in calls.transport.requests] == ["/v1/analyze"]
    assert forms(calls.analyze(TEXTS)) == TEXTS
    calls.analyze(TEXTS)
    assert [request.target for request in calls.transport.requests].count(ANALYZERS_PATH) == 1
    assert max(map(len, asked(calls))) == 4


def test_a_service_that_states_no_limits_is_taken_to_have_the_usual_ones(driver):
    honestly = honest()

    def step(request):
        return problem(errors.NotFound("no such path")) if request.target == ANALYZERS_PATH else honestly(request)

    assert forms(driver(step).analyze(TEXTS)) == TEXTS


def test_a_request_that_is_refused_as_too_large_is_cut_again(driver):
    calls = driver(honest(documents=3))
    assert forms(calls.analyze(["가", "나", "다", "라", None])) == ["가", "나", "다", "라", None]


def test_a_request_that_a_proxy_with_other_limits_refuses_is_halved(driver):
    def step(request):
        if request.target == ANALYZERS_PATH:
            return honest()(request)
        return honest(documents=2)(request)

    assert forms(driver(step).analyze(list("가나다라마"))) == list("가나다라마")


def test_a_text_over_the_limit_has_an_error_of_its_own_and_is_not_sent(driver):
    calls = driver(honest(text_bytes=30))
    outcomes = calls.analyze([*TEXTS, "가" * 11, "나"])
    assert forms(outcomes[-3:]) == [TEXTS[-1], None, "나"]
    assert outcomes[-2].error.code == "text_too_large"
    assert "33 bytes, the limit is 30" in outcomes[-2].error.message
    assert "가" * 11 not in str(asked(calls))


def test_a_single_text_that_no_request_can_carry_has_that_error_too(driver):
    (outcome,) = driver(honest(body_bytes=100)).analyze("가" * 100)
    assert outcome.error.code == "text_too_large"


def test_a_service_that_refuses_even_nothing_as_too_large_is_at_fault(driver):
    with pytest.raises(errors.RequestTooLarge):
        driver(problem(errors.RequestTooLarge("too large"))).analyze(["가", "나"])


def test_an_error_in_the_middle_of_a_list_carries_what_was_answered(driver):
    calls = driver(honest(), honest(), problem(errors.Unauthenticated("the key was revoked")))
    with pytest.raises(errors.Unauthenticated) as caught:
        calls.analyze(TEXTS)
    assert forms(caught.value.answered) == TEXTS[:PART_DOCUMENTS]


def test_another_version_in_the_middle_ends_the_call(driver):
    calls = driver(honest(), honest(), honest(fingerprint="f2"))
    with pytest.raises(errors.FingerprintMismatch):
        calls.analyze(TEXTS)


def test_fields_from_an_iterator_are_asked_for_in_every_request(driver):
    calls = driver(honest())
    calls.analyze(TEXTS, fields=iter(["form", "tag"]))
    assert {tuple(json.loads(request.body)["fields"]) for request in calls.transport.requests if request.body} == {
        ("form", "tag")
    }


def test_progress_is_shown_on_request_with_what_is_known(driver, capsys):
    driver(honest()).analyze(TEXTS, progress=True)
    assert f"analyze: {len(TEXTS):,} of {len(TEXTS):,} (100%) documents" in capsys.readouterr().err
    list(driver(honest()).analyze(iter(TEXTS), progress=True))
    assert f"analyze: {len(TEXTS):,} documents, " in capsys.readouterr().err
    driver(honest()).analyze(TEXTS)
    assert capsys.readouterr().err == ""


def test_an_answer_to_an_empty_list_still_says_who_would_have_answered(driver):
    body = json.dumps({"analyzer": "default", "fingerprint": "f1", "outcomes": []}).encode()
    assert driver(HttpAnswer(200, {"Content-Type": JSON}, body)).analyze([]).fingerprint == "f1"
