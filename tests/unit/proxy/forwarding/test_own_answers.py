"""What other proxies of a fleet get of a single flight: answers that it has or gets itself, and nothing else."""

import asyncio

import pytest

from nlpbatch.errors import BackendFailed, IdempotencyConflict
from proxy.config import ReplaySettings
from proxy.forwarding.answer_cache import AnswerCache
from proxy.forwarding.single_flight import SingleFlight
from proxy.upstream.client import UpstreamResponse
from tests.fakes.virtual_time import settle, virtual_time

ANSWER = UpstreamResponse(200, {}, b"{}")
NO_STORE = UpstreamResponse(200, {"Cache-Control": "no-store"}, b"{}")
NAME = ("home", "k")


class Scene:
    """A single flight whose answers the test gives, and what it says of the key."""

    def __init__(self, **settings):
        self.flights = SingleFlight(AnswerCache(ReplaySettings(**settings)))
        self.said = []
        self.flights.on_kept = lambda name: self.said.append(("kept", name))
        self.flights.on_unknown = lambda name: self.said.append(("unknown", name))
        self.turn = asyncio.get_running_loop().create_future()

    def begin(self, *, own=True):
        """Begin a flight."""

        async def fetch(flight):
            flight.own = own
            if own:
                flight.sent()
            return await self.turn

        return asyncio.create_task(self.flights.share(*NAME, b"d", fetch))

    def asked(self, digest=b"d"):
        """Ask as another proxy does."""
        return asyncio.create_task(self.flights.own_answer(*NAME, digest))


@virtual_time
async def test_another_proxy_waits_for_a_flight_and_finds_what_it_left():
    scene = Scene()
    first, asked = scene.begin(), scene.asked()
    await settle()
    assert not asked.done()
    scene.turn.set_result(ANSWER)
    assert (await first, await asked) == ((ANSWER, False), ANSWER)
    assert await scene.asked() == ANSWER
    assert scene.said == [("kept", NAME)]


@virtual_time
async def test_an_answer_that_is_not_kept_is_shared_while_it_is_under_way():
    scene = Scene()
    first, asked = scene.begin(), scene.asked()
    await settle()
    scene.turn.set_result(NO_STORE)
    assert (await first, await asked) == ((NO_STORE, False), NO_STORE)
    assert await scene.asked() is None
    assert scene.said == [("unknown", NAME)]


@virtual_time
async def test_a_request_on_its_way_is_waited_for_until_it_flies():
    scene = Scene()
    with scene.flights.expecting(*NAME):
        asked = scene.asked()
        await settle()
        assert not asked.done()
        first = scene.begin()
        await settle()
        scene.turn.set_result(ANSWER)
        assert await asked == ANSWER
        assert await first == (ANSWER, False)
    assert scene.said == [("kept", NAME)]


@pytest.mark.parametrize("early", [True, False])
@virtual_time
async def test_a_request_that_is_refused_leaves_nothing_to_wait_for(early):
    scene = Scene()
    with scene.flights.expecting(*NAME) as expect_no_more:
        asked = scene.asked()
        await settle()
        assert not asked.done()
        if early:
            expect_no_more()
            assert scene.said == [("unknown", NAME)]
    assert await asked is None
    assert scene.said == [("unknown", NAME)]


@virtual_time
async def test_of_two_requests_on_their_way_one_may_be_refused():
    scene = Scene()
    with scene.flights.expecting(*NAME):
        with scene.flights.expecting(*NAME):
            asked = scene.asked()
            await settle()
        await settle()
        assert not asked.done()
        assert scene.said == []
    assert await asked is None
    assert scene.said == [("unknown", NAME)]


@virtual_time
async def test_a_failed_flight_is_no_answer():
    scene = Scene()
    first, asked = scene.begin(), scene.asked()
    await settle()
    scene.turn.set_exception(BackendFailed("…"))
    with pytest.raises(BackendFailed):
        await first
    assert await asked is None
    assert scene.said == [("unknown", NAME)]


@virtual_time
async def test_what_comes_from_another_proxy_is_a_replay_and_neither_kept_nor_passed_on():
    scene = Scene()
    first = scene.begin(own=False)
    await settle()
    assert await scene.asked() is None  # else two proxies could wait for each other
    second = scene.begin(own=False)
    await settle()
    scene.turn.set_result(ANSWER)
    assert (await first, await second) == ((ANSWER, True), (ANSWER, True))
    assert not scene.flights.knows(*NAME)
    assert scene.said == [("unknown", NAME)]


@virtual_time
async def test_another_request_under_the_key_is_a_conflict_for_another_proxy_too():
    scene = Scene()
    first = scene.begin()
    await settle()
    with pytest.raises(IdempotencyConflict):
        await scene.asked(b"another")
    scene.turn.set_result(ANSWER)
    await first
    with pytest.raises(IdempotencyConflict):
        await scene.asked(b"another")


@virtual_time
async def test_another_proxy_that_stops_waiting_ends_no_flight_of_others():
    scene = Scene()
    first = scene.begin()
    await settle()
    asked = scene.asked()
    await settle()
    asked.cancel()
    await settle()
    scene.turn.set_result(ANSWER)
    assert await first == (ANSWER, False)
