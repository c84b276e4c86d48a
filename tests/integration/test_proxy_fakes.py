"""The fake backend does what its script says, seen by a plain client without a proxy."""

import asyncio

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from tests.fakes.backend import FakeBackend, answer, broken_off, chunked, drop, echo, held, raw
from tests.fakes.failing_peer import FailingPeer


@pytest.fixture
async def session():
    # No connection is kept: what is refused is not an old connection's end.
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as opened:
        yield opened


async def test_steps_are_played_in_order_and_the_last_one_stays(session):
    async with FakeBackend(answer(b"1", status=201), answer(b"2", headers={"ETag": "x"}), echo()) as backend:
        got = [await _post(session, backend, b"body") for _ in range(4)]
    assert got == [(201, b"1"), (200, b"2"), (200, b"body"), (200, b"body")]


async def test_requests_are_recorded_as_they_came():
    async with FakeBackend() as backend:
        _, writer = await asyncio.open_connection("127.0.0.1", backend.port)
        writer.write(b"POST /path?x=%7E HTTP/1.1\r\nA: 1\r\na:2\r\nContent-Length: 4\r\n\r\nbody")
        exchange = await backend.received(1)
        writer.close()
    assert (exchange.method, exchange.target, exchange.body) == ("POST", "/path?x=%7E", b"body")
    assert (exchange.all("A"), exchange.header("A"), exchange.header("B")) == (["1", "2"], "1", None)


async def test_probes_are_counted_separately_and_answer_as_configured(session):
    async with FakeBackend(ready=False, workers=3) as backend:
        async with session.get(f"{backend.url}/readyz") as got:
            assert (got.status, await got.json()) == (503, {"ready": False, "workers": 3})
        assert (backend.probes, backend.exchanges) == (1, [])


async def test_requests_at_a_time_are_counted(session):
    release = asyncio.Event()
    async with FakeBackend(held(release)) as backend:
        asking = [asyncio.create_task(_post(session, backend)) for _ in range(3)]
        await backend.received(3)
        release.set()
        await asyncio.gather(*asking)
        await _post(session, backend)
    assert backend.most_at_once == 3


async def test_an_answer_in_chunks_is_whole(session):
    async with FakeBackend(chunked(b"ab", b"c" * 100)) as backend:
        assert await _post(session, backend) == (200, b"ab" + b"c" * 100)


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (drop(), aiohttp.ServerDisconnectedError),
        (drop(reset=True), aiohttp.ClientOSError),
        (broken_off(5, 100), aiohttp.ClientPayloadError),
        (raw(b"garbage\r\n\r\n"), aiohttp.ClientResponseError),
    ],
)
async def test_a_step_that_fails_fails_the_request(step, error, session):
    async with FakeBackend(step) as backend:
        with pytest.raises(error):
            await _post(session, backend)


async def test_a_stopped_backend_refuses_and_comes_back_on_its_port(session):
    async with FakeBackend() as backend:
        await _post(session, backend)
        await backend.stop()
        with pytest.raises(aiohttp.ClientConnectorError):
            await _post(session, backend)
        await backend.start()
        assert (await _post(session, backend))[0] == 200


async def test_an_unreachable_backend_neither_accepts_nor_refuses():
    timeout = aiohttp.ClientTimeout(sock_connect=0.1)
    async with (
        FakeBackend(backlog=1) as backend,
        aiohttp.ClientSession(timeout=timeout) as session,
        backend.unreachable(),
    ):
        with pytest.raises(aiohttp.ConnectionTimeoutError):
            await _post(session, backend)


async def _post(session, backend, body=b"{}"):
    async with session.post(f"{backend.url}/", data=body) as got:
        return got.status, await got.read()


@pytest.fixture
async def peer(session):
    """Return a failing peer's address in front of a backend that echoes, and the backend."""
    async with FakeBackend(echo()) as backend, TestServer(FailingPeer(backend.url).application()) as server:
        yield str(server.make_url("")).rstrip("/"), backend


async def _fail(session, url, **fault):
    async with session.put(f"{url}/fault", json=fault) as answer:
        answer.raise_for_status()


async def _statuses(session, url, count):
    answers = [await session.post(f"{url}/v1/analyze", data=b"body") for _ in range(count)]
    return [answer.status for answer in answers]


async def test_a_failing_peer_passes_everything_on_before_its_fault_begins(session, peer):
    url, backend = peer
    async with session.post(f"{url}/v1/analyze?x=1", data=b"body", headers={"A": "1"}) as answer:
        assert (answer.status, await answer.read()) == (200, b"body")
    assert (backend.exchanges[0].target, backend.exchanges[0].header("A")) == ("/v1/analyze?x=1", "1")


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_failing_peer_fails_its_part_of_the_requests_before_or_after_the_work(session, peer, at_once):
    url, backend = peer
    await _fail(session, url, fraction=0.5, at_once=at_once)
    statuses = await _statuses(session, url, 100)
    failed = statuses.count(500)
    assert 30 <= failed <= 70
    assert len(backend.exchanges) == (100 - failed if at_once else 100)
    async with session.get(f"{url}/fault") as answer:
        assert await answer.json() == {"passed": 100 - failed, "failed": failed}


async def test_a_failing_peer_fails_the_same_requests_with_the_same_seed(session, peer):
    url, _ = peer
    runs = []
    for seed in (1, 1, 2):
        await _fail(session, url, fraction=0.5, at_once=True, seed=seed)
        runs.append(await _statuses(session, url, 30))
    assert runs[0] == runs[1] != runs[2]


async def test_a_failing_peer_stays_ready(session, peer):
    url, backend = peer
    await _fail(session, url, fraction=1.0)
    async with session.get(f"{url}/readyz") as answer:
        assert (answer.status, (await answer.json())["ready"]) == (200, True)
    assert backend.probes == 1
