"""Connections to backends: kept for the next request, and never when something about them is in doubt."""

import asyncio
import ssl
from contextlib import asynccontextmanager

import aiohttp
import pytest

from proxy.upstream import connections
from proxy.upstream.connections import Connections, Destination, Message
from tests.fakes.backend import FakeBackend, answer, broken_off, chunked, drop, echo, raw

MIB = 1024 * 1024
POST = Message("POST", "/v1/analyze", (("Content-Type", "text/plain"),), b"hello")


def at(backend):
    return Destination(backend.url, ssl.create_default_context(), None, 5.0)


@asynccontextmanager
async def opened():
    subject = Connections()
    try:
        yield subject
    finally:
        await subject.close()


async def ask(subject, destination, message=POST):
    async with asyncio.timeout(10), subject.sent(destination, message) as got:
        return got.status, await got.content.read()


async def test_a_request_goes_out_as_it_is_with_host_and_length():
    async with FakeBackend(echo()) as backend, opened() as subject:
        assert await ask(subject, at(backend)) == (200, b"hello")
        (exchange,) = backend.exchanges
    assert (exchange.method, exchange.target, exchange.body) == ("POST", "/v1/analyze", b"hello")
    host = backend.url.removeprefix("http://")
    assert exchange.headers == [("Host", host), ("Content-Type", "text/plain"), ("Content-Length", "5")]


async def test_the_path_of_a_backend_goes_before_that_of_a_request():
    async with FakeBackend(echo()) as backend, opened() as subject:
        destination = at(backend)
        await ask(subject, destination._replace(url=f"{backend.url}/behind"))
    assert backend.exchanges[0].target == "/behind/v1/analyze"


async def test_one_connection_serves_one_request_after_the_other():
    async with (
        FakeBackend(echo(), answer(b"", status=204), chunked(b"a", b"b"), echo()) as backend,
        opened() as subject,
    ):
        destination = at(backend)
        got = [await ask(subject, destination) for _ in range(4)]
    assert got == [(200, b"hello"), (204, b""), (200, b"ab"), (200, b"hello")]
    assert backend.connections == 1


async def test_requests_at_the_same_time_have_a_connection_each():
    async with FakeBackend(echo()) as backend, opened() as subject:
        destination = at(backend)
        await asyncio.gather(*(ask(subject, destination) for _ in range(5)))
        assert backend.connections == 5
        await asyncio.gather(*(ask(subject, destination) for _ in range(5)))
        assert backend.connections == 5


async def test_the_answer_to_head_has_no_body_whatever_its_length_says():
    async with FakeBackend(answer(b"hello"), echo()) as backend, opened() as subject:
        assert await ask(subject, at(backend), Message("HEAD", "/v1/analyze")) == (200, b"")


async def test_interim_answers_are_passed_over():
    early = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    async with FakeBackend(raw(early)) as backend, opened() as subject:
        assert await ask(subject, at(backend)) == (200, b"ok")


async def test_an_answer_without_a_length_ends_with_its_connection():
    async with FakeBackend(raw(b"HTTP/1.1 200 OK\r\n\r\nall of it"), echo()) as backend, opened() as subject:
        destination = at(backend)
        assert await ask(subject, destination) == (200, b"all of it")
        assert await ask(subject, destination) == (200, b"hello")
    assert backend.connections == 2


@pytest.mark.parametrize("step", [raw(b"220 mail.example ESMTP\r\n"), drop(), drop(reset=True), broken_off(10, 100)])
async def test_what_is_no_whole_answer_is_an_error_and_its_connection_is_not_used_again(step):
    async with FakeBackend(step, echo()) as backend, opened() as subject:
        destination = at(backend)
        with pytest.raises(aiohttp.ClientError):
            await ask(subject, destination)
        assert await ask(subject, destination) == (200, b"hello")
    assert backend.connections == 2


async def test_a_connection_whose_answer_was_not_read_to_its_end_is_not_used_again():
    async with FakeBackend(answer(b"x" * 4 * MIB), echo()) as backend, opened() as subject:
        destination = at(backend)
        async with subject.sent(destination, POST) as got:
            assert got.content_length == 4 * MIB
        assert await ask(subject, destination) == (200, b"hello")
    assert backend.connections == 2


async def test_a_connection_that_the_backend_has_closed_is_not_used_again():
    async with FakeBackend(echo()) as backend, opened() as subject:
        destination = at(backend)
        await ask(subject, destination)
        await backend.stop()
        await backend.start()
        await asyncio.sleep(0.05)
        assert await ask(subject, destination) == (200, b"hello")


async def test_a_request_that_asks_only_is_sent_again_if_its_connection_closes_just_then():
    async with FakeBackend(echo(), drop(), echo()) as backend, opened() as subject:
        destination = at(backend)
        await ask(subject, destination)
        assert await ask(subject, destination, Message("GET", "/v1/analyzers")) == (200, b"")
        assert [exchange.method for exchange in backend.exchanges] == ["POST", "GET", "GET"]


async def test_a_connection_that_is_idle_for_long_is_closed(monkeypatch):
    monkeypatch.setattr(connections, "_IDLE_S", 0.05)
    async with FakeBackend(echo()) as backend, opened() as subject:
        destination = at(backend)
        await ask(subject, destination)
        async with asyncio.timeout(10):
            while backend._serving:
                await asyncio.sleep(0.01)
        assert await ask(subject, destination) == (200, b"hello")


async def test_a_long_body_arrives_whole():
    body = bytes(range(256)) * 4096 * 16
    async with FakeBackend(echo()) as backend, opened() as subject:
        assert await ask(subject, at(backend), POST._replace(body=body)) == (200, body)


async def test_a_backend_that_is_not_there_is_an_error_of_its_own():
    async with FakeBackend() as backend, opened() as subject:
        await backend.stop()
        with pytest.raises(aiohttp.ClientConnectorError):
            await ask(subject, at(backend))
        with pytest.raises(aiohttp.ClientConnectorError):
            await ask(subject, at(backend)._replace(url=f"http://{'a' * 64}.example:80"))


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://api.example:8701", "api.example:8701"),
        ("http://api.example:80/a", "api.example"),
        ("https://api.example", "api.example"),
        ("http://[::1]:8701", "[::1]:8701"),
        ("http://한국.example:8701", "xn--3e0b707e.example:8701"),
    ],
)
def test_the_host_header_is_that_of_the_address(url, host):
    assert connections._address(url).header == host
