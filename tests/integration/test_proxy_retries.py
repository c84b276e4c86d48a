import asyncio

from tests.fakes.backend import FakeBackend, answer, drop, echo
from tests.fakes.running_proxy import AUTHORIZED, running_proxy

DEAD = answer(b'{"code": "internal"}', status=500)


async def ask_many(proxy, count, body=b"fine"):
    return [await proxy.ask(data=body + b"%d" % number) for number in range(count)]


async def test_what_a_backend_failed_is_asked_of_another():
    async with (
        FakeBackend(DEAD) as bad,
        FakeBackend(echo()) as good,
        running_proxy(bad, good, upstream={"retry_ratio": 1.0}) as proxy,
    ):
        got = await ask_many(proxy, 4)
        assert {one.status for one in got} == {200}
        assert await proxy.metric("retries_total") == len(bad.exchanges)
        assert await proxy.metric("in_flight") == 0


async def test_with_the_budget_used_up_failures_are_passed_on():
    upstream = {"retry_ratio": 0.0, "retry_min": 2, "eject_failures": 1000}
    async with (
        FakeBackend(DEAD) as first,
        FakeBackend(DEAD) as second,
        running_proxy(first, second, upstream=upstream) as proxy,
    ):
        got = await ask_many(proxy, 20)
    assert {one.status for one in got} == {500}
    assert len(first.exchanges) + len(second.exchanges) == 22


async def test_a_backend_that_fails_different_requests_in_a_row_gets_none_for_a_while():
    upstream = {"eject_failures": 3, "eject_s": 60.0}
    async with (
        FakeBackend(drop()) as bad,
        FakeBackend(echo()) as good,
        running_proxy(bad, good, upstream=upstream) as proxy,
    ):
        got = await ask_many(proxy, 40)
        assert await proxy.metric("backend_ejected") == 1
    assert {one.status for one in got} == {200}
    assert len(bad.exchanges) == 3


async def test_an_ejected_backend_gets_one_to_try_and_comes_back():
    upstream = {"eject_failures": 2, "eject_s": 0.1}
    async with (
        FakeBackend(drop(), drop(), echo()) as healing,
        FakeBackend(echo()) as good,
        running_proxy(healing, good, upstream=upstream) as proxy,
    ):
        async with asyncio.timeout(10):
            while len(healing.exchanges) < 6:
                assert (await proxy.ask(data=b"fine")).status == 200
        await proxy.until("backend_ejected", 0)


async def test_a_document_that_fails_everywhere_ejects_nobody():
    async def poisoned(exchange):
        await (DEAD if exchange.body.startswith(b"poison") else echo())(exchange)

    upstream = {"eject_failures": 2, "retry_ratio": 1.0}
    async with (
        FakeBackend(poisoned) as first,
        FakeBackend(poisoned) as second,
        running_proxy(first, second, upstream=upstream) as proxy,
    ):
        poison = AUTHORIZED | {"Idempotency-Key": "the-same"}
        for _ in range(6):
            assert (await proxy.ask(data=b"poison", headers=poison)).status == 500
        assert await proxy.metric("backend_ejected") == 0
        assert {one.status for one in await ask_many(proxy, 10)} == {200}


async def test_the_last_backend_is_not_ejected():
    upstream = {"eject_failures": 1, "eject_s": 60.0}
    async with FakeBackend(DEAD, DEAD, DEAD, echo()) as only, running_proxy(only, upstream=upstream) as proxy:
        got = await ask_many(proxy, 4)
    assert [one.status for one in got] == [500, 500, 500, 200]
