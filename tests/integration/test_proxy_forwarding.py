import asyncio
import gzip
import os

import pytest

from nlpbatch.wire.media import ARROW_STREAM
from tests.fakes.backend import FakeBackend, answer, chunked, echo
from tests.fakes.running_proxy import AUTHORIZED, GUEST, KEY, request_bytes, running_proxy

MIB = 2**20


@pytest.mark.parametrize("size_bytes", [1, 65_536, 3 * MIB])
async def test_a_binary_body_goes_there_and_back_byte_for_byte(size_bytes):
    body = os.urandom(size_bytes)
    async with FakeBackend(echo()) as backend, running_proxy(backend) as proxy:
        got = await proxy.ask(data=body, headers=AUTHORIZED | {"Content-Type": ARROW_STREAM})
    assert got.status == 200
    assert got.body == body
    assert backend.exchanges[0].body == body
    assert backend.exchanges[0].all("Content-Length") == [str(size_bytes)]
    assert backend.exchanges[0].header("Transfer-Encoding") is None


async def test_an_answer_of_many_mebibytes_is_passed_on_intact():
    body = os.urandom(20 * MIB)
    async with FakeBackend(answer(body)) as backend, running_proxy(backend) as proxy:
        got = await proxy.ask()
        assert await proxy.metric("answer_bytes_total", tenant="home") == len(body)
    assert got.body == body
    assert got.headers["Content-Length"] == str(len(body))


async def test_an_answer_without_content_length_is_passed_on_intact():
    pieces = [os.urandom(size) for size in (1, 100_000, 2 * MIB)]
    async with FakeBackend(chunked(*pieces)) as backend, running_proxy(backend) as proxy:
        got = await proxy.ask()
        assert await proxy.metric("answer_bytes_total", tenant="home") >= sum(map(len, pieces))
    assert got.body == b"".join(pieces)


async def test_a_compressed_answer_stays_compressed():
    body = gzip.compress(b"x" * 1000)
    async with (
        FakeBackend(answer(body, headers={"Content-Encoding": "gzip"})) as backend,
        running_proxy(backend) as proxy,
    ):
        caller = await proxy.connect(request_bytes(body=b"{}"))
        got = await caller.read_answer()
    assert (got.headers["content-encoding"], got.body) == ("gzip", body)


async def test_only_known_headers_reach_the_backend_and_the_key_never_does():
    passed = {
        "Content-Type": "application/json; charset=utf-8",
        "Accept": ARROW_STREAM,
        "If-Match": '"abc"',
        "Idempotency-Key": "k-1",
        "Priority": "u=6",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "tracestate": "congo=t61rcWkgMzE",
        "Nlpbatch-Job": "nightly:7",
        "X-Request-Id": "r-1",
    }
    stopped = {
        "Cookie": "a=b",
        "Forwarded": "for=1",
        "X-Other": "1",
        "Proxy-Authorization": "Basic x",
        "TE": "trailers",
    }
    async with FakeBackend() as backend, running_proxy(backend) as proxy:
        await proxy.ask(data=b"{}", headers=AUTHORIZED | passed | stopped)
        await proxy.ask(data=b"{}", headers=GUEST | {"Idempotency-Key": "k-1"})
    sent = dict(backend.exchanges[0].headers)
    named = sent["Idempotency-Key"]
    assert {name: sent.pop(name) for name in passed} == passed | {"Idempotency-Key": named}
    # Backends share answers by it, and it is another one for another tenant.
    assert named not in {"k-1", backend.exchanges[1].header("Idempotency-Key")}
    assert set(sent) == {"Host", "Content-Length"}
    assert KEY not in str(backend.exchanges[0].headers)


async def test_headers_between_two_neighbours_stay_between_them():
    hop = {
        "Connection": "close, X-Private",
        "X-Private": "1",
        "Keep-Alive": "timeout=5",
        "Server": "x",
        "Set-Cookie": "a=b",
    }
    async with FakeBackend(answer(headers=hop)) as backend, running_proxy(backend) as proxy:
        caller = await proxy.connect(request_bytes(headers={"Connection": "keep-alive, X-Mine", "X-Mine": "1"}))
        got = await caller.read_answer()
    assert backend.exchanges[0].all("X-Mine") == []
    assert not {"x-private", "keep-alive", "set-cookie"} & set(got.headers)
    assert got.headers.get("connection", "keep-alive") == "keep-alive"


async def test_the_backend_s_explanations_come_back():
    said = {
        "Content-Type": "application/problem+json",
        "ETag": '"fingerprint"',
        "Server-Timing": "queue;dur=1.5",
        "Retry-After": "7",
        "Allow": "GET",
        "Content-Encoding": "lz4",
    }
    async with FakeBackend(answer(b"{}", status=412, headers=said)) as backend, running_proxy(backend) as proxy:
        got = await proxy.ask()
        assert await proxy.metric("requests_total", tenant="home", status="412") == 1
    assert got.status == 412
    assert {name: got.headers[name] for name in said} == said


@pytest.mark.parametrize("large", [False, True])
async def test_the_request_id_is_the_same_on_both_sides(large):
    body = b"x" * (2 * MIB if large else 2)
    async with FakeBackend(answer(body)) as backend, running_proxy(backend) as proxy:
        given = await proxy.ask(headers=AUTHORIZED | {"X-Request-Id": "given-1"})
        made = await proxy.ask()
    assert given.headers["X-Request-Id"] == backend.exchanges[0].header("X-Request-Id") == "given-1"
    assert made.headers["X-Request-Id"] == backend.exchanges[1].header("X-Request-Id") != "given-1"


@pytest.mark.parametrize(
    "target",
    [
        "/v1/analyze?fields=form,tag&analyzer=default",
        "/v1/analyze?q=%ED%95%9C%EA%B5%AD&x=%7E~%2F%2f+%20&&=&a",
        "/v1/analyze?",
        "/v1/a%2Fb/%ec%95%88?x=%",
        "/v1/analyze?url=http://x/../y",
        "/v1//analyze",
    ],
)
async def test_path_and_query_reach_the_backend_as_the_caller_wrote_them(target):
    async with FakeBackend() as backend, running_proxy(backend) as proxy:
        caller = await proxy.connect(request_bytes(target, method="GET"))
        assert (await caller.read_answer()).status == 200
    assert backend.exchanges[0].target == target.removesuffix("?")


async def test_an_absolute_target_reaches_the_configured_backend_only():
    async with FakeBackend() as backend, running_proxy(backend) as proxy:
        caller = await proxy.connect(request_bytes("http://elsewhere.example/v1/analyzers?x=%7E", method="GET"))
        assert (await caller.read_answer()).status == 200
    assert backend.exchanges[0].target == "/v1/analyzers?x=%7E"
    assert backend.exchanges[0].header("Host") == backend.url.removeprefix("http://")


@pytest.mark.parametrize("target", ["/v1/../metrics", "/v1/%2e%2E/metrics", "/v1/x/..%2F..%2Fmetrics", "/v1/./analyze"])
async def test_there_is_no_way_out_of_v1(target):
    async with FakeBackend() as backend, running_proxy(backend) as proxy:
        caller = await proxy.connect(request_bytes(target, method="GET"))
        assert (await caller.read_answer()).status == 404
    assert not backend.exchanges


async def test_a_backend_below_a_path_gets_it_in_front():
    # Its /readyz is below the path, too, and is no probe to this fake: any answer will do.
    async with FakeBackend() as backend, running_proxy(f"{backend.url}/nlp/") as proxy:
        await proxy.ask("GET", "/v1/analyzers?x=1")
    targets = [exchange.target for exchange in backend.exchanges]
    assert set(targets) == {"/nlp/readyz", "/nlp/v1/analyzers?x=1"}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
async def test_every_method_is_passed_on(method):
    async with FakeBackend(answer(status=405, headers={"Allow": "GET"})) as backend, running_proxy(backend) as proxy:
        got = await proxy.ask(method, "/v1/analyze")
    assert (got.status, got.headers["Allow"]) == (405, "GET")
    assert backend.exchanges[0].method == method


async def test_a_head_is_answered_without_a_body():
    async with FakeBackend(answer(b"x" * 500)) as backend, running_proxy(backend) as proxy:
        caller = await proxy.connect(request_bytes(method="HEAD") + request_bytes("/v1/next", method="GET"))
        assert (await caller.read_head())[0] == 200
        assert (await caller.read_answer()).body == b"x" * 500
    assert [exchange.method for exchange in backend.exchanges] == ["HEAD", "GET"]


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body_stays_one(status):
    async with (
        FakeBackend(answer(b"", status=status, headers={"ETag": '"x"'})) as backend,
        running_proxy(backend) as proxy,
    ):
        got = await proxy.ask("GET", "/v1/analyzers")
        assert (got.status, got.body, got.headers["ETag"]) == (status, b"", '"x"')
        assert (await proxy.ask("GET", "/v1/analyzers")).status == status


async def test_a_redirect_is_not_followed():
    async with (
        FakeBackend(answer(status=302, headers={"Location": "/v1/elsewhere"})) as backend,
        running_proxy(backend) as proxy,
    ):
        assert (await proxy.ask("GET", "/v1/analyzers")).status == 302
    assert len(backend.exchanges) == 1


async def test_a_header_given_twice_arrives_twice():
    twice = (
        ("Accept", "application/json"),
        ("Accept", ARROW_STREAM),
        ("Priority", "u=1"),
        ("Priority", "i"),
    )
    async with FakeBackend() as backend, running_proxy(backend) as proxy:
        caller = await proxy.connect(request_bytes(headers=twice))
        assert (await caller.read_answer()).status == 200
    assert backend.exchanges[0].all("Accept") == ["application/json", ARROW_STREAM]
    assert backend.exchanges[0].all("Priority") == ["u=1", "i"]


async def test_connections_to_the_backend_are_kept():
    async with FakeBackend() as backend, running_proxy(backend, upstream={"health_period_s": 60}) as proxy:
        for _ in range(5):
            await proxy.ask(data=b"{}")
    assert backend.connections == 1


async def test_pipelined_requests_are_answered_in_order():
    async with FakeBackend(echo()) as backend, running_proxy(backend) as proxy:
        caller = await proxy.connect(b"".join(request_bytes(body=bytes([number])) for number in range(5)))
        assert [(await caller.read_answer()).body for _ in range(5)] == [bytes([number]) for number in range(5)]


async def test_many_requests_at_once_each_get_their_own_answer():
    bodies = [os.urandom(10_000) for _ in range(100)]
    async with FakeBackend(echo()) as backend, running_proxy(backend) as proxy:
        got = await asyncio.gather(*(proxy.ask(data=body) for body in bodies))
    assert [one.body for one in got] == bodies
