import asyncio
import os
import re

import pytest

from tests.fakes.backend import FakeBackend, answer, echo, held
from tests.fakes.running_proxy import AUTHORIZED, GUEST, TENANTS, request_bytes, running_proxy

KIB = 1024
MIB = 1024 * KIB


def job(name, key=AUTHORIZED):
    return key | {"Nlpbatch-Job": name}


def after(seconds):
    async def step(exchange):
        await asyncio.sleep(seconds)
        await echo()(exchange)

    return step


def jobs(backend):
    return [exchange.header("Nlpbatch-Job") for exchange in backend.exchanges]


@pytest.mark.parametrize(("in_flight", "backends"), [(1, 1), (3, 1), (2, 2)])
async def test_backends_never_have_more_than_their_limit(in_flight, backends):
    async with FakeBackend(after(0.005)) as first, FakeBackend(after(0.005)) as second:
        some = [first, second][:backends]
        async with running_proxy(*some, slots=in_flight) as proxy:
            got = await asyncio.gather(*(proxy.ask(data=b"{}") for _ in range(20 * in_flight)))
    assert {one.status for one in got} == {200}
    assert [backend.most_at_once for backend in some] == [in_flight] * backends


async def test_a_full_queue_says_when_to_come_back():
    release = asyncio.Event()
    queue = {"requests": 1}
    async with FakeBackend(held(release)) as backend, running_proxy(backend, slots=1, queue=queue) as proxy:
        first, second = proxy.asking(data=b"{}"), proxy.asking(data=b"{}")
        await proxy.until("queue_requests", 1)
        got = await proxy.ask(data=b"{}")
        assert (got.status, got.json["code"]) == (429, "queue_full")
        assert got.headers["Content-Type"].startswith("application/problem+json")
        assert 0 < got.json["retry_after_s"] <= int(got.headers["Retry-After"]) <= 30
        assert re.search(r"tenant home would have 2 requests waiting, the limit is 1", got.json["detail"])
        assert await proxy.metric("refused_total", tenant="home", cause="queue_requests") == 1
        assert await proxy.metric("requests_total", tenant="home", status="429") == 1
        release.set()
        assert {(await first).status, (await second).status} == {200}


async def test_a_queue_that_is_full_of_bytes_takes_no_more():
    release = asyncio.Event()
    queue = {"size_bytes": 100 * KIB}
    async with FakeBackend(held(release)) as backend, running_proxy(backend, slots=1, queue=queue) as proxy:
        await proxy.connect(request_bytes(declared_bytes=1))
        await proxy.until("in_flight", 1)
        await proxy.connect(request_bytes(declared_bytes=90 * KIB))
        await proxy.until("queue_bytes", 90 * KIB, tenant="home")
        got = await proxy.ask(data=b"x" * 20 * KIB)
        assert (got.status, got.json["code"]) == (429, "queue_full")
        assert "112,640 bytes waiting, the limit is 102,400" in got.json["detail"]


async def test_a_request_that_waits_too_long_is_refused():
    release = asyncio.Event()
    async with FakeBackend(held(release)) as backend, running_proxy(backend, slots=1, wait_s=0.1) as proxy:
        first = proxy.asking(data=b"{}")
        await backend.received(1)
        got = await proxy.ask(data=b"{}")
        assert (got.status, got.json["code"]) == (503, "no_capacity")
        assert 0 < got.json["retry_after_s"] <= int(got.headers["Retry-After"]) <= 30
        assert await proxy.metric("refused_total", tenant="home", cause="waited") == 1
        assert await proxy.metric("queue_requests") == 0
        release.set()
        assert (await first).status == 200
    assert len(backend.exchanges) == 1


async def test_a_request_that_would_wait_too_long_is_refused_on_arrival():
    async with FakeBackend(after(0.02)) as backend, running_proxy(backend, slots=1, wait_s=0.5) as proxy:
        learn = [proxy.asking(data=b"x" * 10 * KIB) for _ in range(25)]
        await asyncio.gather(*learn[:16])  # a third of a second
        burst = [proxy.asking(data=b"x" * 10 * KIB) for _ in range(60)]
        await proxy.until("queue_requests", 0)
        got = await asyncio.gather(*learn, *burst)
        assert await proxy.metric("refused_total", cause="wait") > 20
        refused = [one for one in got if "the wait would be" in (one.json or {}).get("detail", "")]
    assert {(one.status, one.json["code"]) for one in refused} == {(503, "no_capacity")}
    assert len(backend.exchanges) == [one.status for one in got].count(200)


async def test_a_tenant_that_floods_neither_refuses_nor_starves_another():
    release = asyncio.Event()
    queue = {"requests": 10}
    async with FakeBackend(held(release)) as backend, running_proxy(backend, slots=1, queue=queue) as proxy:
        flood = [proxy.asking(data=b"x" * 60 * KIB, headers=job("flood")) for _ in range(50)]
        await proxy.until("refused_total", 39, tenant="home")
        guest = proxy.asking(data=b"x" * 60 * KIB, headers=job("guest", GUEST))
        await proxy.until("queue_requests", 1, tenant="guests")
        release.set()
        assert (await guest).status == 200
        assert sorted(one.status for one in await asyncio.gather(*flood)) == [200] * 11 + [429] * 39
        assert await proxy.metric("refused_total", tenant="guests") == 0
    assert "guest" in jobs(backend)[:3]


async def test_a_job_with_many_requests_waiting_does_not_starve_another_of_its_tenant():
    release = asyncio.Event()
    async with FakeBackend(held(release)) as backend, running_proxy(backend, slots=1) as proxy:
        wide = [proxy.asking(data=b"x" * 60 * KIB, headers=job("wide")) for _ in range(30)]
        await proxy.until("queue_requests", 29)
        narrow = [proxy.asking(data=b"x" * 60 * KIB, headers=job("narrow")) for _ in range(2)]
        await proxy.until("queue_requests", 31)
        release.set()
        await asyncio.gather(*wide, *narrow)
    assert jobs(backend)[:6].count("narrow") == 2


async def test_weights_are_the_shares_of_what_is_served():
    release = asyncio.Event()
    tenants = TENANTS | {"home": TENANTS["home"] | {"weight": 3.0}}
    flows = [job("a", AUTHORIZED), job("b", GUEST)] * 30
    async with FakeBackend(held(release)) as backend, running_proxy(backend, slots=1, tenants=tenants) as proxy:
        asking = [proxy.asking(headers=headers) for headers in flows]
        await proxy.until("queue_requests", 59)
        release.set()
        await asyncio.gather(*asking)
    assert jobs(backend)[1:33].count("a") == pytest.approx(24, abs=1)


async def test_headers_are_enough_to_enter_the_queue():
    release = asyncio.Event()
    async with FakeBackend(held(release, echo())) as backend, running_proxy(backend, slots=1) as proxy:
        first = proxy.asking(data=b"{}")
        await backend.received(1)
        caller = await proxy.connect(request_bytes(declared_bytes=MIB))
        await proxy.until("queue_bytes", MIB, tenant="home")
        release.set()
        assert (await first).status == 200
        body = os.urandom(MIB)
        caller.writer.write(body)
        assert (await caller.read_answer()).body == body


async def test_a_body_is_not_read_before_its_turn():
    release = asyncio.Event()
    body = os.urandom(8 * MIB)
    async with FakeBackend(held(release, echo())) as backend, running_proxy(backend, slots=1) as proxy:
        first = proxy.asking(data=b"{}")
        await backend.received(1)
        caller = await proxy.connect(request_bytes(body=body), send_buffer_bytes=64 * KIB)
        await proxy.until("queue_requests", 1)
        taken = await _taken_when_it_stalls(caller, len(body))
        assert taken < len(body) / 2, "the rest stays with the caller; what was taken is in the system's buffers, too"
        release.set()
        assert (await first).status == 200
        assert (await caller.read_answer()).body == body


async def _taken_when_it_stalls(caller, size_bytes):
    """Return how much of the body has left the caller, once that doesn't change any more."""
    left = None
    while left != (left := caller.writer.transport.get_write_buffer_size()):
        await asyncio.sleep(0.1)
    return size_bytes - left


@pytest.mark.parametrize("sent_bytes", [0, 1, 64 * KIB])
async def test_a_caller_that_hangs_up_in_the_queue_leaves_it(sent_bytes):
    release = asyncio.Event()
    async with FakeBackend(held(release)) as backend, running_proxy(backend, slots=1) as proxy:
        first = proxy.asking(data=b"{}")
        await backend.received(1)
        caller = await proxy.connect(request_bytes(body=b"x" * sent_bytes, declared_bytes=64 * KIB))
        await proxy.until("queue_requests", 1)
        await caller.close()
        await proxy.until("queue_requests", 0)
        assert await proxy.metric("queue_bytes") == 0
        assert await proxy.metric("requests_total", status="499") == 1
        release.set()
        assert (await first).status == 200
        assert (await proxy.ask()).status == 200
    assert len(backend.exchanges) == 2


async def test_many_that_hang_up_leave_nothing_behind():
    release = asyncio.Event()
    async with FakeBackend(held(release)) as backend, running_proxy(backend, slots=1) as proxy:
        first = proxy.asking(data=b"{}")
        await backend.received(1)
        names = [{"Nlpbatch-Job": f"job-{number}"} for number in range(100)]
        callers = [await proxy.connect(request_bytes(declared_bytes=KIB, headers=name)) for name in names]
        await proxy.until("queue_requests", 100)
        for caller in callers:
            await caller.close()
        await proxy.until("queue_requests", 0)
        release.set()
        assert (await first).status == 200
        await proxy.until("in_flight", 0)
    assert len(backend.exchanges) == 1


async def test_a_backend_that_becomes_ready_gets_what_waits():
    async with FakeBackend(ready=False) as backend, running_proxy(backend, ready=False) as proxy:
        asking = [proxy.asking(data=b"{}") for _ in range(5)]
        await proxy.until("queue_requests", 5)
        backend.ready = True
        assert {got.status for got in await asyncio.gather(*asking)} == {200}


async def test_requests_are_counted_whether_they_waited_or_not():
    async with FakeBackend(answer(b"x" * 500)) as backend, running_proxy(backend) as proxy:
        for size_bytes in (1, 5000):
            await proxy.ask(data=b"x" * size_bytes)
        assert await proxy.metric("wait_seconds_count", tenant="home") == 2
        assert await proxy.metric("request_bytes_total", tenant="home") == 1024 + 5000
        assert await proxy.metric("answer_bytes_total", tenant="home") == 1000
        assert await proxy.metric("upstream_seconds_count", backend=backend.url) == 2
