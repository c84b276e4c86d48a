"""Iterators through either client: read as outcomes are taken, with errors in their place, and closed early."""

import asyncio

import pytest

from nlpbatch import errors
from nlpbatch.client.aio import AsyncClient
from tests.fakes.parts import PART_DOCUMENTS, TEXTS, forms
from tests.fakes.transports import URL, AsyncScriptedTransport, honest, problem

pytestmark = pytest.mark.usefixtures("small_parts")


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


def test_options_are_checked_before_the_first_outcome_is_asked_for(driver):
    with pytest.raises(errors.InvalidRequest, match="top_n"):
        driver(honest()).analyze(iter(TEXTS), top_n=99)


async def test_closing_an_async_iterator_cancels_its_tasks():
    client = AsyncClient(URL)
    transport = AsyncScriptedTransport(None, [honest()])
    sent = asyncio.Event()

    class Hangs(AsyncScriptedTransport):
        async def send(self, attempt):
            if len(self.attempts) < 2:
                return await super().send(attempt)
            sent.set()
            return await asyncio.Event().wait()

    transport = Hangs(None, [honest()])
    client._transport = transport
    before = asyncio.all_tasks()
    async with client, client.analyze(iter(TEXTS)) as outcomes:
        for _ in range(PART_DOCUMENTS):
            await anext(outcomes)
        reading = asyncio.ensure_future(anext(outcomes))
        await sent.wait()
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
