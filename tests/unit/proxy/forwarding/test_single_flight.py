import asyncio

import pytest

from nlpbatch.errors import BackendFailed, IdempotencyConflict
from proxy.config import ReplaySettings
from proxy.forwarding.answer_cache import AnswerCache
from proxy.forwarding.single_flight import SingleFlight
from proxy.upstream.client import UpstreamResponse
from tests.fakes.virtual_time import settle, virtual_time

ANSWER = UpstreamResponse(200, {}, b"{}")


class Questions:
    """A single flight, and what it asks of the backend."""

    def __init__(self, **settings):
        given = ReplaySettings(**settings)
        self.single_flight = SingleFlight(AnswerCache(given))
        self.fetched = []

    def ask(self, *, tenant="home", key="k", digest=b"d", sent=True):
        """Ask meanwhile; the answer is given by `answer`."""
        return asyncio.create_task(self.single_flight.share(tenant, key, digest, self._fetcher(sent)))

    def _fetcher(self, sent):
        async def fetch(flight):
            given = asyncio.get_running_loop().create_future()
            self.fetched.append(given)
            if sent:
                flight.sent()
            return await given

        return fetch

    async def answer(self, number, outcome=ANSWER):
        given = self.fetched[number]
        given.set_exception(outcome) if isinstance(outcome, Exception) else given.set_result(outcome)
        await settle()


@virtual_time
async def test_the_same_question_at_the_same_time_is_asked_once():
    questions = Questions()
    first, second = questions.ask(), questions.ask()
    await settle()
    assert len(questions.fetched) == 1
    await questions.answer(0)
    assert [await first, await second] == [(ANSWER, False), (ANSWER, True)]


@virtual_time
async def test_and_shortly_after_it_is_not_asked_again():
    questions = Questions()
    first = questions.ask()
    await settle()
    await questions.answer(0)
    await first
    assert questions.single_flight.knows("home", "k")
    assert await questions.ask() == (ANSWER, True)
    assert len(questions.fetched) == 1


@virtual_time
async def test_other_tenants_and_other_keys_are_other_questions():
    questions = Questions()
    tasks = [questions.ask(), questions.ask(tenant="guests"), questions.ask(key="other")]
    await settle()
    for number in range(3):
        await questions.answer(number)
    assert [await task for task in tasks] == [(ANSWER, False)] * 3


@pytest.mark.parametrize("answered", [True, False])
@virtual_time
async def test_a_key_that_was_used_for_another_question_is_a_conflict(answered):
    questions = Questions()
    first = questions.ask()
    await settle()
    if answered:
        await questions.answer(0)
        await first
    with pytest.raises(IdempotencyConflict):
        await questions.ask(digest=b"another")
    if not answered:
        await questions.answer(0)
        await first


@virtual_time
async def test_one_caller_s_failure_is_not_everybody_s():
    questions = Questions()
    first, second, third = questions.ask(), questions.ask(), questions.ask()
    await settle()
    await questions.answer(0, BackendFailed("…"))
    with pytest.raises(BackendFailed):
        await first
    assert len(questions.fetched) == 2
    await questions.answer(1)
    assert sorted([(await second)[1], (await third)[1]]) == [False, True]


@virtual_time
async def test_what_has_left_for_a_backend_goes_on_without_its_caller_and_is_kept():
    questions = Questions()
    first = questions.ask()
    await settle()
    first.cancel()
    await settle()
    await questions.answer(0)
    assert await questions.ask() == (ANSWER, True)


@virtual_time
async def test_what_still_waits_ends_with_its_last_caller():
    questions = Questions()
    first, second = questions.ask(sent=False), questions.ask()
    await settle()
    first.cancel()
    await settle()
    assert not questions.fetched[0].cancelled()
    second.cancel()
    await settle()
    assert questions.fetched[0].cancelled()
    assert not questions.single_flight.knows("home", "k")


@virtual_time
async def test_at_the_end_nothing_goes_on():
    questions = Questions()
    asking = questions.ask()
    await settle()
    await questions.single_flight.close()
    with pytest.raises(ConnectionError):
        await asking
