"""What the proxy tells of a job's requests, so that the job can reconcile it with its own count."""

import asyncio

import pytest

from tests.fakes.backend import FakeBackend, answer, echo, held
from tests.fakes.running_proxy import AUTHORIZED, GUEST, request_bytes, running_proxy


def of(job, **headers):
    return AUTHORIZED | {"Nlpbatch-Job": job} | headers


async def usage(proxy, job, headers=AUTHORIZED):
    got = await proxy.ask("GET", f"/v1/usage?job={job}", headers=headers)
    assert got.status == 200
    return got.json


async def test_what_was_analysed_and_what_was_replayed_are_told_apart():
    async with FakeBackend(echo()) as backend, running_proxy(backend) as proxy:
        for _ in range(3):
            await proxy.ask(data=b"question", headers=of("out-1", **{"Idempotency-Key": "a"}))
        await proxy.ask(data=b"another", headers=of("out-1"))
        await proxy.ask(data=b"of another job", headers=of("out-2"))
        found = await usage(proxy, "out-1")
    assert (found["analysed"], found["analysed_bytes"]) == (2, len(b"question") + len(b"another"))
    assert (found["replayed"], found["replayed_bytes"]) == (2, 2 * len(b"question"))
    assert found["job"] == "out-1"


async def test_what_a_backend_had_analysed_for_another_proxy_is_a_replay():
    step = answer(headers={"Idempotency-Replayed": "true"})
    async with FakeBackend(step) as backend, running_proxy(backend) as proxy:
        got = await proxy.ask(data=b"question", headers=of("out-1", **{"Idempotency-Key": "a"}))
        found = await usage(proxy, "out-1")
    assert got.headers["Idempotency-Replayed"] == "true"
    assert (found["analysed"], found["replayed"], found["replayed_bytes"]) == (0, 1, len(b"question"))


async def test_a_caller_that_hangs_up_is_counted_and_so_is_the_analysis_that_it_did_not_wait_for():
    release = asyncio.Event()
    async with FakeBackend(held(release, echo())) as backend, running_proxy(backend) as proxy:
        pair = (("Nlpbatch-Job", "out-1"), ("Idempotency-Key", "a"))
        caller = await proxy.connect(request_bytes(body=b"question", headers=pair))
        await backend.received(1)
        await caller.close()
        async with asyncio.timeout(10):
            while not (await usage(proxy, "out-1"))["abandoned"]:
                await asyncio.sleep(0.01)
        release.set()
        async with asyncio.timeout(10):
            while not (found := await usage(proxy, "out-1"))["analysed"]:
                await asyncio.sleep(0.01)
    assert (found["abandoned"], found["analysed"], found["analysed_bytes"]) == (1, 1, len(b"question"))


async def test_refusals_and_failures_are_counted():
    async with FakeBackend(answer(413)) as backend, running_proxy(backend) as proxy:
        await proxy.ask(data=b"question", headers=of("out-1"))
        found = await usage(proxy, "out-1")
    assert (found["failed"], found["refused"], found["analysed"]) == (1, 0, 0)


async def test_a_tenant_sees_its_own_jobs_only():
    async with FakeBackend(echo()) as backend, running_proxy(backend) as proxy:
        await proxy.ask(data=b"question", headers=of("out-1"))
        assert (await usage(proxy, "out-1", GUEST))["analysed"] == 0


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/v1/usage", AUTHORIZED, 400),
        ("GET", "/v1/usage?job=", AUTHORIZED, 400),
        ("GET", "/v1/usage?job=out-1", {}, 401),
        ("POST", "/v1/usage?job=out-1", AUTHORIZED, 405),
    ],
)
async def test_what_cannot_be_told_is_refused(method, path, headers, status):
    async with FakeBackend(echo()) as backend, running_proxy(backend) as proxy:
        assert (await proxy.ask(method, path, headers=headers)).status == status
