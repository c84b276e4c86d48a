"""Any number of texts through either client: cut, in order, of one version, lazily. No sockets, virtual time."""

import asyncio
import json
from collections import UserList

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from nlpbatch import errors
from nlpbatch.client import bulk
from nlpbatch.client.aio import AsyncClient
from nlpbatch.client.bulk import PART_BYTES
from nlpbatch.client.messages import HttpAnswer
from nlpbatch.wire.media import ANALYZERS_PATH, JSON
from tests.fakes.transports import URL, AsyncScriptedTransport, Driver, answer, honest, problem

PART_DOCUMENTS = 10


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """Parts of ten documents, so that a call of several parts is quick."""
    monkeypatch.setattr(bulk, "PART_DOCUMENTS", PART_DOCUMENTS)


@pytest.fixture(params=["sync", "async"])
def driver(request):
    return lambda *steps, **arguments: Driver(request.param, *steps, **arguments)


def forms(outcomes):
    return [outcome.tokens and outcome.tokens[0].form for outcome in outcomes]


def asked(calls):
    return [json.loads(request.body)["texts"] for request in calls.transport.requests if request.body]


TEXTS = [f"글 {number}" for number in range(3 * PART_DOCUMENTS + 7)]


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


def test_an_iterator_is_read_as_the_outcomes_are_asked_for(driver):
    taken = []

    def texts():
        for number in range(200 * PART_DOCUMENTS):
            taken.append(number)
            yield str(number)

    outcomes = driver(honest()).analyze(texts())
    assert taken == []
    assert next(outcomes).tokens[0].form == "0"
    assert len(taken) == PART_DOCUMENTS + 1
    for _ in range(PART_DOCUMENTS):
        next(outcomes)
    assert len(taken) <= 11 * PART_DOCUMENTS
    assert (outcomes.delivered, outcomes.fingerprint) == (PART_DOCUMENTS + 1, "f1")
    outcomes.close()


def test_an_iterator_of_any_length_is_answered_in_order(driver):
    assert forms(driver(honest()).analyze(iter(TEXTS))) == TEXTS
    assert forms(driver(honest()).analyze(iter(()))) == []


def test_what_was_answered_before_an_error_is_delivered_and_counted(driver):
    calls = driver(honest(), honest(), problem(errors.Unauthenticated("the key was revoked")))
    outcomes = calls.analyze(iter(TEXTS))
    got = []
    with pytest.raises(errors.Unauthenticated, match=r"the key was revoked \(10 outcomes came before it\)") as caught:
        got.extend(iter(outcomes.__next__, None))
    assert len(got) == 0 or len(got) == PART_DOCUMENTS
    assert outcomes.delivered == PART_DOCUMENTS
    assert caught.value.details["delivered"] == PART_DOCUMENTS
    assert list(outcomes) == []


def test_an_error_in_the_middle_of_a_list_carries_what_was_answered(driver):
    calls = driver(honest(), honest(), problem(errors.Unauthenticated("the key was revoked")))
    with pytest.raises(errors.Unauthenticated) as caught:
        calls.analyze(TEXTS)
    assert forms(caught.value.answered) == TEXTS[:PART_DOCUMENTS]


def test_an_error_of_the_source_comes_after_the_texts_before_it(driver):
    def texts():
        yield from TEXTS
        raise OSError("the disk is gone")

    outcomes = driver(honest()).analyze(texts())
    assert forms(next(outcomes) for _ in TEXTS) == TEXTS
    with pytest.raises(OSError, match="the disk is gone") as caught:
        next(outcomes)
    assert caught.value.__notes__ == [f"{len(TEXTS):,} outcomes came before it"]


def test_a_text_of_the_wrong_type_in_an_iterator_is_named_by_its_position(driver):
    outcomes = driver(honest()).analyze(iter(["가", "나", 3]))
    assert forms([next(outcomes), next(outcomes)]) == ["가", "나"]
    with pytest.raises(errors.InvalidRequest, match="text 2 is a int"):
        next(outcomes)


def test_another_version_in_the_middle_ends_the_call(driver):
    calls = driver(honest(), honest(), honest(fingerprint="f2"))
    with pytest.raises(errors.FingerprintMismatch):
        calls.analyze(TEXTS)


def test_options_are_checked_before_the_first_outcome_is_asked_for(driver):
    with pytest.raises(errors.InvalidRequest, match="top_n"):
        driver(honest()).analyze(iter(TEXTS), top_n=99)


def test_fields_from_an_iterator_are_asked_for_in_every_request(driver):
    calls = driver(honest())
    calls.analyze(TEXTS, fields=iter(["form", "tag"]))
    assert {tuple(json.loads(request.body)["fields"]) for request in calls.transport.requests if request.body} == {
        ("form", "tag")
    }


NOTHING = float("nan"), pd.NA, pd.NaT, np.nan, np.float32("nan"), np.datetime64("NaT"), np.ma.masked, None


@pytest.mark.parametrize(
    "texts",
    [
        ["가", *NOTHING],
        UserList(["가", None]),
        pd.Series(["가", None, np.nan], dtype=object),
        pd.Series(["가", None], dtype="string"),
        pd.Series(["가", None], dtype="category"),
        pd.Series(["가", "x"], index=[5, 3]).where([True, False]),
        np.array(["가", None, np.nan], dtype=object),
        pl.Series(["가", None]),
        pa.array(["가", None]),
        pa.chunked_array([["가"], [None]]),
        pa.array(["가", None], pa.large_string()),
        pa.array(["가", None]).dictionary_encode(),
    ],
    ids=lambda texts: f"{type(texts).__module__}.{type(texts).__name__}",
)
def test_what_libraries_hold_texts_in_is_taken_with_what_is_missing_as_null(driver, texts):
    calls = driver(honest())
    outcomes = list(calls.analyze(texts))
    assert forms(outcomes) == ["가"] + [None] * (len(outcomes) - 1)
    assert len(outcomes) > 1
    assert all(text is None for text in asked(calls)[0][1:])


def test_an_array_of_fixed_width_strings_is_taken(driver):
    assert forms(driver(honest()).analyze(np.array(["가", "나나"]))) == ["가", "나나"]


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (pd.DataFrame({"a": ["가"]}), "texts is a DataFrame of several columns: give one of them"),
        (pl.DataFrame({"a": ["가"]}), "texts is a DataFrame of several columns"),
        (np.array([["가"]]), "texts is a ndarray of several columns"),
        (pa.table({"a": ["가"]}), "texts is a Table"),
        (pa.array([1]), "text 0 is a int"),
        (np.array([b"x"]), "text 0 is a bytes_"),
        ([np.array([1, 2])], "text 0 is a ndarray"),
        (pd.Series([1.5, None]), "text 0 is a float"),
    ],
)
def test_what_holds_something_else_is_refused_by_position_and_type(driver, texts, why):
    with pytest.raises(errors.InvalidRequest, match=why) as caught:
        driver(honest()).analyze(texts)
    assert "1.5" not in caught.value.message


def test_sentences_and_space_take_any_number_of_texts_too(driver):
    def step(request):
        if request.target == ANALYZERS_PATH:
            return honest()(request)
        texts = json.loads(request.body)["texts"]
        member = {"/v1/space": "text", "/v1/sentences": "sentences"}[request.target]
        return answer(*({member: text if member == "text" else [], "error": None} for text in texts))

    calls = driver(step)
    assert [outcome.text for outcome in calls.space(TEXTS)] == TEXTS
    assert [outcome.text for outcome in calls.space(iter(TEXTS))] == TEXTS
    assert [outcome.sentences for outcome in calls.sentences(iter(TEXTS))] == [()] * len(TEXTS)


def written(request):
    """Answer join and glue with what they were sent, as JSON."""
    if request.target == ANALYZERS_PATH:
        return honest()(request)
    members = json.loads(request.body)
    documents = members["morphemes"] if request.target == "/v1/join" else members["chunks"]
    extra = members.get("insert_new_lines") or [None] * len(documents)
    pairs = zip(documents, extra, strict=True)
    return answer(*({"text": document and json.dumps([document, one]), "error": None} for document, one in pairs))


def test_join_and_glue_take_any_number_of_documents_too(driver):
    morphemes = [[("덥", "VA"), ("어", "EC", True)]] * (PART_DOCUMENTS + 1)
    expected = [json.dumps([[["덥", "VA"], ["어", "EC", True]], None])] * len(morphemes)
    calls = driver(written)
    assert [outcome.text for outcome in calls.join(morphemes)] == expected
    assert [outcome.text for outcome in calls.join(iter(morphemes))] == expected
    assert [outcome.text for outcome in calls.glue([["가", "나"], None])] == [json.dumps([["가", "나"], None]), None]


def test_what_belongs_to_documents_stays_with_them(driver):
    chunks = [["가", str(number)] for number in range(2 * PART_DOCUMENTS + 1)]
    flags = [[number % 2 == 0, False] for number in range(len(chunks))]
    expected = [json.dumps(pair) for pair in zip(chunks, flags, strict=True)]
    calls = driver(written)
    assert [outcome.text for outcome in calls.glue(chunks, insert_new_lines=flags)] == expected
    assert [outcome.text for outcome in calls.glue(iter(chunks), insert_new_lines=iter(flags))] == expected


@pytest.mark.parametrize(
    ("method", "documents", "given", "why"),
    [
        ("join", "가", {}, "morphemes is a str: give an iterable with a list for each document"),
        ("join", [[("가", 3)]], {}, "document 0 has the wrong shape"),
        ("join", [None, "가"], {}, "document 1 is a string"),
        ("glue", [["가", 3]], {}, "document 0 has the wrong shape"),
        ("glue", [["가"]], {"insert_new_lines": []}, "insert_new_lines has fewer entries than there are documents"),
        ("glue", [["가"]], {"insert_new_lines": [[True], None]}, "insert_new_lines has more entries"),
        ("analyze", ["가"], {"pretokenized": [[(0,)]]}, "entry of pretokenized 0 has the wrong shape"),
    ],
)
def test_documents_of_the_wrong_shape_are_refused_before_anything_is_sent(driver, method, documents, given, why):
    calls = driver(honest())
    with pytest.raises(errors.InvalidRequest, match=why):
        getattr(calls, method)(documents, **given)
    assert calls.transport.requests == []


def test_progress_is_shown_on_request_with_what_is_known(driver, capsys):
    driver(honest()).analyze(TEXTS, progress=True)
    assert f"analyze: {len(TEXTS):,} of {len(TEXTS):,} (100%) documents" in capsys.readouterr().err
    list(driver(honest()).analyze(iter(TEXTS), progress=True))
    assert f"analyze: {len(TEXTS):,} documents, " in capsys.readouterr().err
    driver(honest()).analyze(TEXTS)
    assert capsys.readouterr().err == ""


async def test_closing_an_async_iterator_cancels_its_tasks():
    client = AsyncClient(URL)
    transport = AsyncScriptedTransport(None, [honest()])
    begun = asyncio.Event()

    class Hangs(AsyncScriptedTransport):
        async def send(self, attempt):
            if len(self.attempts) < 2:
                return await super().send(attempt)
            begun.set()
            return await asyncio.Event().wait()

    transport = Hangs(None, [honest()])
    client._transport = transport
    before = asyncio.all_tasks()
    async with client, client.analyze(iter(TEXTS)) as outcomes:
        for _ in range(PART_DOCUMENTS):
            await anext(outcomes)
        reading = asyncio.ensure_future(anext(outcomes))
        await begun.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert asyncio.all_tasks() == before


async def test_an_async_iterable_is_taken():
    async def texts():
        for text in TEXTS:
            yield text

    client = AsyncClient(URL)
    client._transport = AsyncScriptedTransport(None, [honest()])
    async with client:
        assert forms([outcome async for outcome in client.analyze(texts())]) == TEXTS


def test_an_answer_to_an_empty_list_still_says_who_would_have_answered(driver):
    body = json.dumps({"analyzer": "default", "fingerprint": "f1", "outcomes": []}).encode()
    assert driver(HttpAnswer(200, {"Content-Type": JSON}, body)).analyze([]).fingerprint == "f1"
