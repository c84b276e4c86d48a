import asyncio
import json
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.fakes.backend import FakeBackend, answer, broken_off, drop, echo, hang, held, raw
from tests.fakes.running_proxy import request_bytes, running_proxy

MIB = 2**20
ASK_ONCE = {"health_period_s": 60}
"""The proxy learns of a failure from a request, not from a health check."""


@asynccontextmanager
async def preferring(*others, upstream=None):
    """Yield a proxy with one backend that echoes and is busy, so that it prefers the others, which are not."""
    release = asyncio.Event()
    for other in others:
        other.ready = False
    async with (
        FakeBackend(held(release), echo()) as busy,
        running_proxy(*others, busy, ready=False, upstream=upstream or {}) as proxy,
    ):
        await proxy.until_ready(1)
        asking = proxy.asking(data=b"x" * 100_000)
        await busy.received(1)
        for other in others:
            other.ready = True
        await proxy.until_ready(1 + len(others))
        yield proxy
        release.set()
        assert (await asking).status == 200


async def test_a_request_goes_to_another_backend_when_the_first_refuses_connections():
    async with FakeBackend() as down, preferring(down) as proxy:
        await down.stop()
        assert (await proxy.ask(data=b"hello")).body == b"hello"
        assert await proxy.metric("backend_ready", backend=down.url) == 0
        assert await proxy.metric("in_flight", backend=down.url) == 0


async def test_a_request_goes_to_the_one_backend_that_is_left():
    async with FakeBackend() as first, FakeBackend() as second, preferring(first, second) as proxy:
        await first.stop()
        await second.stop()
        assert (await proxy.ask(data=b"hello")).body == b"hello"


async def test_a_request_goes_to_another_backend_when_the_first_is_out_of_reach():
    upstream = {"connect_timeout_s": 0.1}
    async with FakeBackend(backlog=1) as lost, preferring(lost, upstream=upstream) as proxy, lost.unreachable():
        assert (await proxy.ask(data=b"hello")).body == b"hello"
        assert await proxy.metric("backend_ready", backend=lost.url) == 0
    assert not lost.exchanges


async def test_with_the_only_backend_gone_the_request_fails_with_a_code():
    async with FakeBackend() as backend, running_proxy(backend, upstream=ASK_ONCE) as proxy:
        await backend.stop()
        got = await proxy.ask(data=b"{}")
        assert (got.status, got.json["code"]) == (502, "backend_failed")
        assert await proxy.metric("in_flight") == 0


async def test_with_the_only_backend_known_to_be_gone_the_request_waits_for_it_and_then_fails():
    async with FakeBackend(ready=False) as backend, running_proxy(backend, ready=False, wait_s=0.1) as proxy:
        got = await proxy.ask(data=b"{}")
        assert (got.status, got.json["code"]) == (503, "no_capacity")
        assert 1 <= int(got.headers["Retry-After"]) <= 30
        assert await proxy.metric("queue_requests") == 0
    assert not backend.exchanges


async def test_a_backend_that_comes_back_gets_what_waited():
    async with FakeBackend(echo()) as backend, running_proxy(backend) as proxy:
        await backend.stop()
        await proxy.until("backend_ready", 0)
        waiting = proxy.asking(data=b"hello")
        await proxy.until("queue_requests", 1)
        await backend.start()
        assert (await waiting).body == b"hello"


async def test_a_restarted_backend_is_not_asked_on_old_connections():
    async with FakeBackend(echo()) as backend, running_proxy(backend, upstream=ASK_ONCE) as proxy:
        for _ in range(3):
            assert (await proxy.ask(data=b"hello")).status == 200
            await backend.stop()
            await backend.start()
    assert len(backend.exchanges) == 3


async def test_a_backend_that_never_answers_is_given_up():
    async with FakeBackend(hang(), echo()) as backend, running_proxy(backend, upstream={"timeout_s": 0.1}) as proxy:
        got = await proxy.ask(data=b"{}")
        assert (got.status, got.json["code"]) == (504, "service_timeout")
        assert "within 0.1 s" in got.json["detail"]
        assert await proxy.metric("in_flight") == 0
        assert (await proxy.ask(data=b"hello")).body == b"hello"


@pytest.mark.parametrize(
    "step",
    [
        drop(),
        drop(reset=True),
        broken_off(0, 1000),
        broken_off(10, 1000),
        broken_off(10, 1000, reset=True),
        raw(b"these are not the bytes you are looking for\r\n\r\n"),
        raw(b"\x15\x03\x03\x00\x02\x02\x28"),
        raw(b"HTTP/1.1 twohundred OK\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
        raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\n"),
    ],
)
async def test_a_broken_answer_is_a_failed_backend_and_not_a_short_success(step):
    async with FakeBackend(step, echo()) as backend, running_proxy(backend, upstream=ASK_ONCE) as proxy:
        got = await proxy.ask(data=b"{}")
        assert (got.status, got.json["code"]) == (502, "backend_failed")
        assert got.headers["Content-Type"].startswith("application/problem+json")
        assert await proxy.metric("in_flight") == 0
        assert await proxy.metric("requests_total", status="502") == 1
        assert (await proxy.ask(data=b"hello")).body == b"hello"


@pytest.mark.parametrize(
    "step",
    [
        broken_off(2 * MIB, 10 * MIB),
        broken_off(2 * MIB, 10 * MIB, reset=True),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
    ],
)
async def test_a_streamed_answer_that_breaks_off_breaks_off_for_the_caller_too(step):
    async with FakeBackend(step, echo()) as backend, running_proxy(backend, upstream=ASK_ONCE) as proxy:
        with pytest.raises(aiohttp.ClientError):
            await proxy.ask(data=b"{}")
        await proxy.until("in_flight", 0)
        assert await proxy.metric("requests_total", status="502") == 1
        assert (await proxy.ask(data=b"hello")).body == b"hello"


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (b"Content-Length: 9999999\r\n\r\n" + b"x" * 2 * MIB, b""),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", b"not the size of a chunk\r\n"),
    ],
)
async def test_a_streamed_answer_that_does_not_go_on_breaks_off_after_its_time(first, then):
    halfway = asyncio.Event()

    async def step(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\n" + first)
        await halfway.wait()
        await exchange.send(then)
        await asyncio.Event().wait()

    async with FakeBackend(step) as backend, running_proxy(backend, upstream={"timeout_s": 0.2}) as proxy:
        caller = await proxy.connect(request_bytes(body=b"{}"))
        assert (await caller.read_head())[0] == 200
        halfway.set()
        rest = await caller.reader.read(-1)  # to the end of the connection, which is not the answer's:
        assert len(rest) < 9_999_999
        assert not rest.endswith(b"0\r\n\r\n")
        await proxy.until("in_flight", 0)
        assert await proxy.metric("requests_total", status="504") == 1


async def test_a_caller_that_does_not_read_its_answer_does_not_hold_its_slot_for_ever():
    upstream = {"timeout_s": 0.3}
    async with FakeBackend(answer(b"x" * 50 * MIB)) as backend, running_proxy(backend, upstream=upstream) as proxy:
        await proxy.connect(request_bytes(body=b"{}"))
        await backend.received(1)
        await proxy.until("in_flight", 0)
        assert await proxy.metric("requests_total", status="504") == 1


async def test_a_caller_that_hangs_up_in_mid_answer_is_no_failure_of_the_backend():
    async with FakeBackend(answer(b"x" * 50 * MIB)) as backend, running_proxy(backend) as proxy:
        caller = await proxy.connect(request_bytes(body=b"{}"))
        assert (await caller.read_head())[0] == 200
        await caller.close()
        await proxy.until("in_flight", 0)
        assert await proxy.metric("requests_total", status="499") == 1
        assert await proxy.metric("requests_total") == 1


async def test_a_caller_that_hangs_up_in_flight_releases_its_slot_and_the_backend_notices():
    async with FakeBackend(hang(), echo()) as backend, running_proxy(backend, slots=1) as proxy:
        caller = await proxy.connect(request_bytes(body=b"{}"))
        exchange = await backend.received(1)
        await caller.close()
        assert (await proxy.ask(data=b"hello")).body == b"hello"
        assert await proxy.metric("requests_total", status="499") == 1
        async with asyncio.timeout(5):
            assert await exchange.reader.read(1) == b""


async def test_a_backend_s_own_refusal_is_passed_on_and_does_not_make_it_unready():
    problem = json.dumps({"code": "no_capacity", "retry_after_s": 0.5}).encode()
    headers = {"Content-Type": "application/problem+json", "Retry-After": "1"}
    overloaded = answer(problem, status=503, headers=headers)
    async with FakeBackend(overloaded) as backend, running_proxy(backend, upstream=ASK_ONCE) as proxy:
        got = await proxy.ask(data=b"{}")
        assert (got.status, got.body, got.headers["Retry-After"]) == (503, problem, "1")
        assert await proxy.metric("backend_ready") == 1


async def test_a_header_that_could_not_be_passed_on_is_left_out():
    odd = b"HTTP/1.1 200 OK\r\nETag: \xff\r\nServer-Timing: a\r\nContent-Length: 2\r\n\r\n{}"
    async with FakeBackend(raw(odd)) as backend, running_proxy(backend) as proxy:
        got = await proxy.ask()
    assert (got.status, got.body, got.headers.get("ETag"), got.headers["Server-Timing"]) == (200, b"{}", None, "a")


@pytest.mark.parametrize(
    "said",
    [
        answer(b"garbage"),
        answer(b"\xff"),
        answer(b"[]"),
        answer(b'"ready"'),
        answer(b'{"workers": "many"}'),
        answer(b'{"workers": null}'),
        answer(b'{"workers": Infinity}'),
        answer(b"[" * 60_000),
        answer(b" " * MIB + b"{}"),
        answer(b"{}", headers={"Content-Type": "text/html; charset=nonsense"}, status=404),
        answer(b"{}", status=302, headers={"Location": "/"}),
        answer(b"", status=500),
        raw(b"garbage"),
        broken_off(1, 100),
        drop(reset=True),
    ],
)
async def test_whatever_a_backend_says_of_itself_it_is_asked_again(said):
    async with FakeBackend(readyz=said) as backend, running_proxy(backend, ready=False) as proxy:
        await backend.probed(2)
        assert await proxy.metric("backend_ready") == 0
        backend.readyz = None
        await proxy.until_ready()


async def test_a_backend_that_does_not_say_whether_it_is_ready_delays_no_other():
    async with (
        FakeBackend(readyz=hang()) as silent,
        FakeBackend(ready=False) as backend,
        running_proxy(silent, backend, ready=False) as proxy,
    ):
        waiting = proxy.asking(data=b"{}")
        await proxy.until("queue_requests", 1)
        backend.ready = True
        async with asyncio.timeout(0.5):  # a check is given up after a second
            assert (await waiting).status == 200


async def test_one_backend_s_failures_harm_no_request_to_another():
    once = {"retry_ratio": 0.0, "retry_min": 0}  # a second attempt would be counted at both
    async with (
        FakeBackend(drop(reset=True)) as bad,
        FakeBackend(echo()) as good,
        running_proxy(bad, good, upstream=once) as proxy,
    ):
        got = await asyncio.gather(*(proxy.ask(data=b"hello") for _ in range(50)))
    statuses = [one.status for one in got]
    assert statuses.count(200) == len(good.exchanges) > 0
    assert statuses.count(502) == len(bad.exchanges) > 0
    assert len(statuses) == len(good.exchanges) + len(bad.exchanges)
