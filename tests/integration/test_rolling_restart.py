"""A new proxy takes the port over from the present one under load, and no request fails."""

import asyncio
from contextlib import AsyncExitStack

import aiohttp
import pytest

from nlpbatch.serving.reuse_port import reserved
from tests.fakes.backend import FakeBackend
from tests.fakes.running_host import PlainLoad, configuration, starting
from tests.fakes.running_proxy import AUTHORIZED
from tests.fakes.running_store import running_store

ONE = ("--reuse-port",)
SEVERAL = ("--processes", "2")


@pytest.fixture(autouse=True)
def store_program(tmp_path):
    with running_store(tmp_path):
        pass


@pytest.fixture
def port():
    with reserved("127.0.0.1", 0) as free:
        yield free


async def serve(stack, file, port, admin_port, how):
    """Start another generation; return it when it listens and knows its backend to be ready."""
    arguments = ("--port", str(port), "--admin-port", str(admin_port), *how)
    host = await stack.enter_async_context(starting(file, *arguments))
    workers = 1 if how == ONE else 2
    await host.logged("listening", workers, listener="service")
    await host.logged("backend", workers, ready=True)
    return host


@pytest.mark.parametrize("how", [ONE, SEVERAL])
@pytest.mark.parametrize("fresh", [False, True])
async def test_three_restarts_under_load_fail_no_request_of_a_caller_that_never_sends_again(tmp_path, port, how, fresh):
    with reserved("127.0.0.1", 0) as admin_port:
        pass
    async with FakeBackend() as backend, AsyncExitStack() as stack:
        file = configuration(tmp_path, backend)
        present = await serve(stack, file, port, admin_port, how)
        async with PlainLoad(f"http://127.0.0.1:{port}", callers=32, fresh=fresh) as load:
            for _ in range(3):
                successor = await serve(stack, file, port, admin_port, how)
                await load.more(100)
                assert await present.stop() == 0
                await load.more(100)
                await successor.logged("listening", listener="admin")  # the address is free now
                present = successor
        print(f"{load.answered} answered, {len(load.failures)} failed, longest {load.longest_s:.2f} s")
        assert load.failures == []


async def test_a_silent_connection_gets_one_more_answer_and_is_closed_then(tmp_path, port):
    async with (
        FakeBackend() as backend,
        AsyncExitStack() as stack,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=AUTHORIZED) as session,
    ):
        file = configuration(tmp_path, backend)
        present = await serve(stack, file, port, 0, ONE)
        async with session.post("/v1/analyze", data=b"{}") as got:
            assert (got.status, got.headers.get("Connection")) == (200, None)
        await serve(stack, file, port, 0, ONE)
        present.child.terminate()
        await present.logged("handing over")
        await asyncio.sleep(1)  # it doesn't close the connection at once
        async with session.post("/v1/analyze", data=b"{}") as got:
            assert (got.status, got.headers["Connection"]) == (200, "close")
        assert await present.stop() == 0


async def test_a_connection_that_stays_silent_is_closed_before_the_drain_times_out(tmp_path, port):
    async with (
        FakeBackend() as backend,
        AsyncExitStack() as stack,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=AUTHORIZED) as session,
    ):
        host = await serve(stack, configuration(tmp_path, backend), port, 0, ONE)
        async with session.post("/v1/analyze", data=b"{}") as got:
            assert got.status == 200
        host.child.terminate()
        async with asyncio.timeout(20):
            assert await host.child.wait() == 0
        assert host.events("drained")[0]["finished"]
