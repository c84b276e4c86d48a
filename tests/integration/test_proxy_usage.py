"""What the proxy counts of a job's requests, so that the job can reconcile it with its own count."""

import asyncio

import pytest

from nlpbatch.errors import ConfigError
from tests.fakes.backend import FakeBackend, answer, chunked, echo, held
from tests.fakes.running_proxy import AUTHORIZED, GUEST, request_bytes, running_proxy


def of(job, **headers):
    return AUTHORIZED | {"Nlpbatch-Job": job} | headers


async def usage(proxy, job, headers=AUTHORIZED):
    got = await proxy.ask("GET", f"/v1/usage?job={job}", headers=headers)
    assert got.status == 200
    return got.json


async def test_usage_counts_analysed_and_replayed_requests_separately():
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


@pytest.mark.parametrize("size_bytes", [10, 3_000_000])
@pytest.mark.parametrize("chunks", [True, False])
async def test_an_answer_is_counted_before_its_last_byte_leaves(size_bytes, chunks):
    step = chunked(b"x" * size_bytes) if chunks else answer(b"x" * size_bytes)
    async with FakeBackend(step) as backend, running_proxy(backend) as proxy:
        got = await proxy.ask(data=b"question", headers=of("out-1"))
        found = await usage(proxy, "out-1")
    assert len(got.body) == size_bytes
    assert (found["answered"], found["answered_bytes"]) == (1, len(b"question"))
    assert (found["attempts"], found["analysed"], found["abandoned"]) == (1, 1, 0)


async def test_counts_in_a_directory_last_over_restarts(tmp_path):
    ledger = {"directory": str(tmp_path / "ledger")}
    async with FakeBackend(echo()) as backend:
        for _ in range(2):
            async with running_proxy(backend, ledger=ledger) as proxy:
                await proxy.ask(data=b"question", headers=of("out-1"))
                found = await usage(proxy, "out-1")
    assert (found["analysed"], found["analysed_bytes"]) == (2, 2 * len(b"question"))


async def test_usage_is_shown_by_day_job_and_key():
    async with FakeBackend(echo()) as backend, running_proxy(backend) as proxy:
        for job in ("out-1", "out-2"):
            await proxy.ask(data=b"question", headers=of(job))
        got = {by: (await proxy.ask("GET", f"/v1/usage?by={by}")).json["rows"] for by in ("day", "job", "key")}
    assert [row["analysed"] for row in got["day"]] == [2]
    assert [(row["job"], row["analysed"]) for row in got["job"]] == [("out-1", 1), ("out-2", 1)]
    assert [row["tenant"] for row in got["key"]] == ["home"]


async def test_a_directory_that_cannot_be_written_to_stops_the_start(tmp_path):
    (tmp_path / "file").write_text("")
    async with FakeBackend(echo()) as backend:
        with pytest.raises(ConfigError, match=r"ledger\.directory .* can't be written to"):
            async with running_proxy(backend, ledger={"directory": str(tmp_path / "file")}):
                pass


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
        ("GET", "/v1/usage?by=tenant", AUTHORIZED, 400),
        ("GET", "/v1/usage?by=day&since=yesterday", AUTHORIZED, 400),
        ("GET", "/v1/usage?job=out-1&sinse=2026-11-27", AUTHORIZED, 400),
        ("POST", "/v1/usage?job=out-1", AUTHORIZED, 405),
    ],
)
async def test_usage_without_a_job_or_a_key_is_refused(method, path, headers, status):
    async with FakeBackend(echo()) as backend, running_proxy(backend) as proxy:
        assert (await proxy.ask(method, path, headers=headers)).status == status
