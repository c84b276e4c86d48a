"""Callers that are slow, silent or many: none of them holds what others need."""

import asyncio
import socket
import time

import pytest

from nlpbatch.serving import connection, reading
from tests.fakes.backend import FakeBackend, answer, echo
from tests.fakes.running_proxy import request_bytes, running_proxy

MIB = 1024 * 1024


@pytest.mark.parametrize("sent", [b"", b"POST /v1/analyze HTTP/1.1\r\nHost: a\r\n"])
async def test_a_connection_without_a_whole_head_is_closed_after_a_while(sent, monkeypatch):
    monkeypatch.setattr(connection, "_SILENCE_S", 0.3)
    async with FakeBackend() as backend, running_proxy(backend) as proxy:
        caller = await proxy.connect(sent)
        async with asyncio.timeout(10):
            assert await caller.reader.read() == b""
        another = await proxy.connect(request_bytes(body=b"{}"))  # those of the session are as old as the silent one
        assert (await another.read_answer()).status == 200


async def test_a_connection_is_closed_when_nothing_follows_its_last_answer(monkeypatch):
    monkeypatch.setattr(connection, "_SILENCE_S", 0.3)
    async with FakeBackend(echo()) as backend, running_proxy(backend) as proxy:
        caller = await proxy.connect(request_bytes(body=b"hello"))
        assert (await caller.read_answer()).body == b"hello"
        async with asyncio.timeout(10):
            assert await caller.reader.read() == b""


async def test_a_caller_that_stops_reading_is_given_up(monkeypatch):
    monkeypatch.setattr(reading, "_STALL_S", 0.2)
    async with FakeBackend(answer(b"x" * 16 * MIB)) as backend, running_proxy(backend) as proxy:
        raw = socket.create_connection(("127.0.0.1", proxy.port))
        raw.sendall(request_bytes(body=b"{}"))
        await backend.received(1)
        await proxy.until("in_flight", 0)
        await proxy.until("requests_total", 1)
        await _until_reset(raw)
        assert (await proxy.ask("GET", "/healthz", headers={})).status == 200
    raw.close()


async def _until_reset(raw):
    """Read what arrived before the proxy gave up, which is less than the whole."""
    raw.setblocking(False)
    size = 0
    async with asyncio.timeout(10):
        while True:
            try:
                chunk = await asyncio.get_running_loop().sock_recv(raw, MIB)
            except ConnectionResetError:
                break
            if not chunk:
                break
            size += len(chunk)
    assert size < 16 * MIB


async def test_a_caller_that_reads_slowly_but_steadily_gets_its_whole_answer(monkeypatch):
    monkeypatch.setattr(reading, "_STALL_S", 0.2)
    async with FakeBackend(answer(b"x" * 8 * MIB)) as backend, running_proxy(backend) as proxy:
        caller = await proxy.connect(request_bytes(body=b"{}"))
        _, headers = await caller.read_head()
        left, started_s = int(headers["content-length"]), time.monotonic()
        while left:
            left -= len(await caller.reader.read(MIB // 2))
            await asyncio.sleep(0.05)
        assert time.monotonic() - started_s > 0.4


async def test_thousands_of_idle_connections_harm_nobody():
    async with FakeBackend(echo()) as backend, running_proxy(backend) as proxy:
        idle = [await proxy.connect(request_bytes(declared_bytes=5)[:30]) for _ in range(3000)]
        assert (await proxy.ask(data=b"hello")).body == b"hello"
        assert len(idle) == 3000
