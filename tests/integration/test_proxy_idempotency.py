import asyncio

import pytest

from tests.fakes.backend import FakeBackend, answer, echo, held
from tests.fakes.running_proxy import AUTHORIZED, GUEST, request_bytes, running_proxy

MIB = 1024 * 1024


def named(key, **headers):
    return AUTHORIZED | {"Idempotency-Key": key} | headers


async def test_a_question_asked_again_gets_the_same_answer_without_another_analysis():
    async with FakeBackend(echo()) as backend, running_proxy(backend) as proxy:
        first = await proxy.ask(data=b"question", headers=named('"a"'))
        again = await proxy.ask(data=b"question", headers=named("a"))  # quoted or not, it is the same name
        assert (first.body, again.body) == (b"question", b"question")
        assert "Idempotency-Replayed" not in first.headers
        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.headers["Content-Type"] == first.headers["Content-Type"]
        assert await proxy.metric("replays_total", tenant="home") == 1
    assert len(backend.exchanges) == 1


async def test_asked_at_the_same_time_it_is_one_analysis_for_all():
    release = asyncio.Event()
    async with FakeBackend(held(release, echo())) as backend, running_proxy(backend, slots=1) as proxy:
        asking = [proxy.asking(data=b"question", headers=named("a")) for _ in range(20)]
        await backend.received(1)
        release.set()
        got = await asyncio.gather(*asking)
    assert {(one.status, one.body) for one in got} == {(200, b"question")}
    assert sum("Idempotency-Replayed" in one.headers for one in got) == 19
    assert len(backend.exchanges) == 1


@pytest.mark.parametrize(
    ("body", "headers"),
    [(b"another", {}), (b"question", {"Accept": "application/json"}), (b"question", {"If-Match": '"v2"'})],
)
async def test_another_question_under_the_same_name_is_refused(body, headers):
    async with FakeBackend(echo()) as backend, running_proxy(backend) as proxy:
        await proxy.ask(data=b"question", headers=named("a"))
        got = await proxy.ask(data=body, headers=named("a", **headers))
        assert (got.status, got.json["code"]) == (422, "idempotency_conflict")
        assert (await proxy.ask(data=b"question", headers=named("a"))).status == 200
    assert len(backend.exchanges) == 1


async def test_another_question_under_a_name_that_is_under_way_is_refused():
    release = asyncio.Event()
    async with FakeBackend(held(release, echo())) as backend, running_proxy(backend, slots=1) as proxy:
        first = proxy.asking(data=b"question", headers=named("a"))
        await backend.received(1)
        assert (await proxy.ask(data=b"another", headers=named("a"))).status == 422
        release.set()
        assert (await first).status == 200


async def test_tenants_never_share():
    async with FakeBackend(echo()) as backend, running_proxy(backend) as proxy:
        await proxy.ask(data=b"question", headers=named("a"))
        got = await proxy.ask(data=b"question", headers=GUEST | {"Idempotency-Key": "a"})
        assert "Idempotency-Replayed" not in got.headers
    assert len(backend.exchanges) == 2


async def test_a_failure_is_not_kept():
    async with (
        FakeBackend(answer(status=500), echo()) as backend,
        running_proxy(backend, upstream={"retry_ratio": 0, "retry_min": 0}) as proxy,
    ):
        assert (await proxy.ask(data=b"question", headers=named("a"))).status == 500
        assert (await proxy.ask(data=b"question", headers=named("a"))).body == b"question"


async def test_an_answer_that_says_so_is_not_kept():
    step = answer(b"one worker died", headers={"Cache-Control": "no-store"})
    async with FakeBackend(step, echo()) as backend, running_proxy(backend) as proxy:
        await proxy.ask(data=b"question", headers=named("a"))
        assert (await proxy.ask(data=b"question", headers=named("a"))).body == b"question"


async def test_what_is_kept_is_bounded_in_bytes():
    replay = {"size_bytes": 3 * MIB, "answer_bytes": MIB}
    async with FakeBackend(echo()) as backend, running_proxy(backend, replay=replay) as proxy:
        for number in range(10):
            await proxy.ask(data=b"x" * (MIB - 1), headers=named(f"n{number}"))
            assert await proxy.metric("replay_bytes") <= 3 * MIB
        await proxy.ask(data=b"x" * 2 * MIB, headers=named("large"))
        got = await proxy.ask(data=b"x" * 2 * MIB, headers=named("large"))
        assert "Idempotency-Replayed" not in got.headers
    assert len(backend.exchanges) == 12


async def test_a_caller_that_hung_up_gets_the_answer_when_it_asks_again():
    release = asyncio.Event()
    async with FakeBackend(held(release, echo())) as backend, running_proxy(backend) as proxy:
        gone = proxy.asking(data=b"question", headers=named("a"))
        await backend.received(1)
        gone.cancel()
        await proxy.until("requests_total", 1, status="499")
        asking = proxy.asking(data=b"question", headers=named("a"))
        release.set()
        got = await asking
        assert (got.body, got.headers["Idempotency-Replayed"]) == (b"question", "true")
    assert len(backend.exchanges) == 1


async def test_a_caller_that_hangs_up_in_the_queue_does_not_cancel_callers_with_the_same_key():
    release = asyncio.Event()
    async with FakeBackend(held(release), echo()) as backend, running_proxy(backend, slots=1) as proxy:
        ahead = proxy.asking(data=b"{}")
        await backend.received(1)
        gone = proxy.asking(data=b"question", headers=named("a"))
        await proxy.until("queue_requests", 1)
        asking = proxy.asking(data=b"question", headers=named("a"))
        await proxy.until("queue_requests", 2)
        gone.cancel()
        await proxy.until("queue_requests", 1)
        release.set()
        assert (await asking).body == b"question"
        assert (await ahead).status == 200
        await proxy.until("in_flight", 0)


@pytest.mark.parametrize("keys", [("a", "a"), ("",), ("x" * 129,), ("a b",), ('"a',)])
async def test_what_is_no_single_name_is_refused(keys):
    headers = tuple(("Idempotency-Key", key) for key in keys)
    async with FakeBackend() as backend, running_proxy(backend) as proxy:
        caller = await proxy.connect(request_bytes(body=b"{}", headers=headers))
        assert (await caller.read_answer()).status == 400
        assert await proxy.metric("in_flight") == 0
    assert backend.exchanges == []
