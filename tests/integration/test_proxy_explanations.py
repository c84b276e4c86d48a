import asyncio
import json
import re

import pytest

from nlpbatch import AsyncClient
from tests.fakes.backend import FakeBackend, echo, held
from tests.fakes.running_proxy import AUTHORIZED, ENTRY, GUEST_ENTRY, KEY, running_proxy

KIB = 1024


def tenants(**quota):
    return {"home": {"keys": [ENTRY], "quota": quota}, "guests": {"keys": [GUEST_ENTRY]}}


async def limits(proxy):
    return json.loads((await proxy.ask("GET", "/v1/limits")).body)


async def test_over_the_rate_the_answer_says_when_to_come_back_and_what_is_left():
    quota = tenants(bytes_per_s=10 * KIB, burst_bytes=20 * KIB)
    async with FakeBackend(echo()) as backend, running_proxy(backend, tenants=quota) as proxy:
        first = await proxy.ask(data=b"x" * 15 * KIB)
        assert first.headers["RateLimit-Policy"] == '"tenant";q=20480;w=2;qu="content-bytes"'
        left = int(re.fullmatch(r'"tenant";r=(\d+);t=2', first.headers["RateLimit"])[1])
        assert 5 * KIB <= left < 7 * KIB
        got = await proxy.ask(data=b"x" * 15 * KIB)
        assert (got.status, got.json["code"], got.json["cause"]) == (429, "quota_exceeded", "rate")
        assert 0 < got.json["retry_after_s"] < 1.5  # a second's worth is missing, and the promise is a little later
        assert got.headers["Retry-After"] in {"1", "2"}
        assert "tenant home may send 10,240 bytes a second" in got.json["detail"]
    assert len(backend.exchanges) == 1


async def test_what_can_never_pass_is_refused_for_good():
    quota = tenants(bytes_per_s=10 * KIB, burst_bytes=20 * KIB)
    async with FakeBackend() as backend, running_proxy(backend, tenants=quota) as proxy:
        got = await proxy.ask(data=b"x" * 21 * KIB)
        assert (got.status, got.json["code"]) == (413, "request_too_large")
        assert "Retry-After" not in got.headers
        assert (await limits(proxy))["quotas"]["tenant"]["left_bytes"] == 20 * KIB  # nothing was charged


async def test_requests_at_a_time_are_bounded_with_those_that_wait():
    release = asyncio.Event()
    quota = tenants(concurrency=3)
    async with FakeBackend(held(release)) as backend, running_proxy(backend, slots=1, tenants=quota) as proxy:
        asking = [proxy.asking(data=b"{}") for _ in range(3)]
        await proxy.until("queue_requests", 2)
        got = await proxy.ask(data=b"{}")
        assert (got.status, got.json["code"], got.json["cause"]) == (429, "quota_exceeded", "concurrency")
        release.set()
        assert {(await one).status for one in asking} == {200}


async def test_limits_show_what_may_be_sent_what_is_used_and_how_long_the_queue_is():
    release = asyncio.Event()
    quota = tenants(bytes_per_s=10 * KIB, burst_bytes=20 * KIB, concurrency=5)
    async with FakeBackend(held(release)) as backend, running_proxy(backend, slots=1, tenants=quota) as proxy:
        asking = [proxy.asking(data=b"x" * 2 * KIB) for _ in range(2)]
        await proxy.until("queue_requests", 1)
        found = await limits(proxy)
        assert found["tenant"] == "home"
        assert (found["in_flight"], found["paused"]) == (1, False)
        assert found["queue"] | {"requests": 1, "size_bytes": 2 * KIB} == found["queue"]
        home = found["quotas"]["tenant"]
        assert 16 * KIB <= home["left_bytes"] <= 17 * KIB
        assert (home["requests"], home["concurrency"], home["bytes_per_s"]) == (2, 5, 10 * KIB)
        assert found["classes"]["interactive"]["may_claim"]
        release.set()
        await asyncio.gather(*asking)


async def test_a_client_reads_its_limits():
    quota = tenants(bytes_per_s=10 * KIB, burst_bytes=20 * KIB, concurrency=3)
    async with (
        FakeBackend() as backend,
        running_proxy(backend, tenants=quota) as proxy,
        AsyncClient(f"http://127.0.0.1:{proxy.port}", api_key=KEY) as client,
    ):
        found = await client.limits()
    assert (found.tenant, found.in_flight, found.paused) == ("home", 0, False)
    own = found.quotas["tenant"]
    assert (own.bytes_per_s, own.burst_bytes, own.concurrency, own.requests) == (10 * KIB, 20 * KIB, 3, 0)
    assert found.classes["interactive"].may_claim


async def test_limits_are_for_those_with_a_key():
    async with FakeBackend() as backend, running_proxy(backend) as proxy:
        assert (await proxy.ask("GET", "/v1/limits", headers={})).status == 401
        assert (await proxy.ask("POST", "/v1/limits")).status == 405


async def test_a_job_gets_advice_and_the_time_that_it_waited():
    release = asyncio.Event()
    async with FakeBackend(held(release)) as backend, running_proxy(backend, slots=2) as proxy:
        asking = [proxy.asking(data=b"x" * KIB, headers=AUTHORIZED | {"Nlpbatch-Job": "wide"}) for _ in range(30)]
        await proxy.until("queue_requests", 28)
        release.set()
        got = await asyncio.gather(*asking)
        alone = await proxy.ask(data=b"x")
    advice = [re.fullmatch(r"outstanding=(\d+), wanted=(\d+)", one.headers["Nlpbatch-Advice"]) for one in got]
    assert max(int(one[1]) for one in advice) >= 28
    assert all(1 <= int(one[2]) <= 10 for one in advice)
    assert "Nlpbatch-Advice" not in alone.headers  # who names no job is none
    assert all(re.search(r"admission;dur=\d", one.headers["Server-Timing"]) for one in got)


@pytest.mark.parametrize("prefer", ["wait=0", "respond-async, wait=0", 'wait="0"'])
async def test_a_request_that_prefers_not_to_wait_is_refused_at_once(prefer):
    release = asyncio.Event()
    async with FakeBackend(held(release)) as backend, running_proxy(backend, slots=1) as proxy:
        first = proxy.asking(data=b"{}")
        await backend.received(1)
        got = await proxy.ask(data=b"{}", headers=AUTHORIZED | {"Prefer": prefer})
        assert (got.status, got.json["code"]) == (503, "no_capacity")
        assert "Retry-After" in got.headers
        release.set()
        assert (await first).status == 200


async def test_a_class_that_the_tenant_may_not_claim_counts_as_the_other():
    jobs_only = {"home": {"keys": [ENTRY], "classes": ["batch"]}}
    async with FakeBackend() as backend, running_proxy(backend, tenants=jobs_only) as proxy:
        await proxy.ask(data=b"{}", headers=AUTHORIZED | {"Priority": "u=0"})
        assert await proxy.metric("wait_seconds_count", tenant="home", **{"class": "batch"}) == 1
        assert not (await limits(proxy))["classes"]["interactive"]["may_claim"]
