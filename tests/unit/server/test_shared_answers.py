import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.errors import NoCapacity
from nlpbatch.server import shared_answers as module
from nlpbatch.server.config import KeptAnswerSettings
from nlpbatch.server.shared_answers import EncodedAnswer, Shared, SharedAnswers
from tests.fakes.virtual_time import settle, virtual_time


def answer(body=b"{}", **headers):
    return EncodedAnswer(body, "application/json", headers)


class Scene:
    """Shared answers, and analyses that end when the test says so."""

    def __init__(self, **settings):
        self.shared = SharedAnswers(KeptAnswerSettings(**settings))
        self.begun = []

    def ask(self, identity=b"i"):
        async def analyse():
            turn = asyncio.get_running_loop().create_future()
            self.begun.append(turn)
            return await turn

        return asyncio.create_task(self.shared.share(identity, analyse))


@virtual_time
async def test_the_same_request_at_the_same_time_or_later_is_analysed_once():
    scene, made = Scene(), answer()
    first, second = scene.ask(), scene.ask()
    await settle()
    scene.begun[0].set_result(made)
    assert await first == Shared(made, joined=False, given_before=False)
    assert await second == await scene.ask() == Shared(made, joined=True, given_before=True)
    assert len(scene.begun) == 1


@virtual_time
async def test_another_request_is_analysed_by_itself():
    scene = Scene()
    tasks = [scene.ask(b"a"), scene.ask(b"b")]
    await settle()
    for turn in scene.begun:
        turn.set_result(answer())
    assert [(await task).joined for task in tasks] == [False, False]


@virtual_time
async def test_an_analysis_goes_on_when_its_caller_has_gone():
    scene, made = Scene(), answer()
    first = scene.ask()
    await settle()
    first.cancel()
    await settle()
    second = scene.ask()
    await settle()
    scene.begun[0].set_result(made)
    assert await second == Shared(made, joined=True, given_before=False)
    assert await scene.ask() == Shared(made, joined=True, given_before=True)


@virtual_time
async def test_a_failure_is_its_own_caller_s_only():
    scene = Scene()
    first, second = scene.ask(), scene.ask()
    await settle()
    scene.begun[0].set_exception(NoCapacity("full"))
    with pytest.raises(NoCapacity):
        await first
    await settle()
    scene.begun[1].set_result(answer())
    assert (await second).joined is False


@pytest.mark.parametrize(
    ("made", "settings"),
    [
        (EncodedAnswer(b"{}", "application/json", {"Cache-Control": "no-store"}), {}),
        (answer(b"x" * 11), {"answer_bytes": 10}),
        (answer(), {"size_bytes": 0}),
    ],
)
@virtual_time
async def test_what_may_not_be_kept_is_not(made, settings):
    scene = Scene(**settings)
    for number in range(2):
        asked = scene.ask()
        await settle()
        scene.begun[number].set_result(made)
        assert await asked == Shared(made, joined=False, given_before=False)
    assert scene.shared.size_bytes == 0


@virtual_time
async def test_an_answer_is_kept_for_its_time(monkeypatch):
    now_s = 0.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now_s)
    scene = Scene(ttl_s=60)
    first = scene.ask()
    await settle()
    scene.begun[0].set_result(answer())
    await first
    now_s = 59.0
    assert (await scene.ask()).joined
    now_s = 60.0
    again = scene.ask()
    await settle()
    assert len(scene.begun) == 2
    scene.begun[1].set_result(answer())
    await again


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 5000)), max_size=40))
def test_the_bound_in_bytes_holds_whatever_is_kept(steps):
    shared = SharedAnswers(KeptAnswerSettings(size_bytes=20_000, answer_bytes=4000))

    async def play():
        for identity, size_bytes in steps:

            async def analyse(size_bytes=size_bytes):
                return answer(b"x" * size_bytes)

            await shared.share(identity.encode(), analyse)
            assert 0 <= shared.size_bytes <= 20_000

    asyncio.run(play())
