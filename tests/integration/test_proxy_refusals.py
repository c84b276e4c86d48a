import asyncio
import gzip
import itertools
import json
import logging

import pytest

from nlpbatch.serving.logs import JsonFormatter
from tests.fakes.backend import FakeBackend, echo, held
from tests.fakes.running_proxy import AUTHORIZED, ENTRY, KEY, request_bytes, running_proxy

KIB = 1024
PROBLEM = "application/problem+json"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": KEY},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": f"Bearer {KEY[:-1]}"},
        {"Authorization": f"Bearer {KEY[:-1]}{'a' if KEY[-1] != 'a' else 'b'}"},
        {"Authorization": f"Bearer nlpb_{'0' * 12}_{'x' * 43}"},
        {"Authorization": f"Bearer {ENTRY}"},
        {"X-Api-Key": KEY},
    ],
)
async def test_without_a_known_key_the_backend_is_not_asked(headers):
    async with FakeBackend() as backend, running_proxy(backend) as proxy:
        got = await proxy.ask(headers=headers, data=b"{}")
        assert await proxy.metric("requests_total", tenant="-", status="401") == 1
    assert got.status == 401
    assert got.headers["Content-Type"].startswith(PROBLEM)
    assert got.headers["WWW-Authenticate"].startswith("Bearer")
    assert got.json["code"] == "unauthenticated"
    assert got.json["request_id"] == got.headers["X-Request-Id"]
    assert KEY not in got.body.decode()
    assert not backend.exchanges


async def test_bytes_that_are_no_text_are_no_key():
    async with FakeBackend() as backend, running_proxy(backend) as proxy:
        caller = await proxy.connect(request_bytes(key=None, headers={"Authorization": f"Bearer {KEY[:-1]}\xff"}))
        assert (await caller.read_answer()).status == 401
    assert not backend.exchanges


async def test_of_two_authorizations_the_first_counts():
    second = (("Authorization", f"Bearer {KEY}"),)
    first = (("Authorization", "Bearer wrong"), *second)
    async with FakeBackend() as backend, running_proxy(backend) as proxy:
        for headers, status in ((first, 401), ((*second, *first), 200)):
            caller = await proxy.connect(request_bytes(key=None, headers=headers))
            assert (await caller.read_answer()).status == status
    assert len(backend.exchanges) == 1


async def test_a_body_of_unknown_length_is_refused():
    async with FakeBackend() as backend, running_proxy(backend) as proxy:
        caller = await proxy.connect(request_bytes(headers={"Transfer-Encoding": "chunked"}) + b"2\r\n{}\r\n0\r\n\r\n")
        got = await caller.read_answer()
    assert (got.status, json.loads(got.body)["code"]) == (411, "length_required")
    assert not backend.exchanges


async def test_a_compressed_body_is_refused_for_its_bytes_are_not_its_cost():
    bomb = gzip.compress(b"x" * 10**6)
    async with FakeBackend() as backend, running_proxy(backend) as proxy:
        got = await proxy.ask(data=bomb, headers=AUTHORIZED | {"Content-Encoding": "gzip"})
        assert (got.status, got.json["code"]) == (415, "unsupported_media_type")
        plain = await proxy.ask(data=b"{}", headers=AUTHORIZED | {"Content-Encoding": "identity"})
        assert plain.status == 200
    assert len(backend.exchanges) == 1


async def test_what_is_declared_too_large_is_refused_before_it_is_sent():
    async with FakeBackend() as backend, running_proxy(backend, limits={"body_bytes": 64 * KIB}) as proxy:
        caller = await proxy.connect(request_bytes(declared_bytes=64 * KIB + 1))
        got = await caller.read_answer()
        members = json.loads(got.body)
    assert got.status == 413
    assert (members["code"], members["limit"]) == ("request_too_large", 64 * KIB)
    assert "65,537 bytes, the limit is 65,536" in members["detail"]
    assert not backend.exchanges


async def test_the_largest_body_is_taken():
    async with FakeBackend(echo()) as backend, running_proxy(backend, limits={"body_bytes": 64 * KIB}) as proxy:
        assert len((await proxy.ask(data=b"x" * 64 * KIB)).body) == 64 * KIB


async def test_a_body_that_stalls_releases_its_slot():
    limits = {"body_timeout_s": 0.1}
    async with FakeBackend() as backend, running_proxy(backend, slots=1, limits=limits) as proxy:
        caller = await proxy.connect(request_bytes(body=b"x" * 10, declared_bytes=20))
        other = proxy.asking(data=b"{}")
        got = await caller.read_answer()
        assert (await other).status == 200
        await proxy.until("in_flight", 0)
        assert await proxy.metric("requests_total", status="408") == 1
    assert got.status == 408
    assert json.loads(got.body)["code"] == "body_timeout"
    assert len(backend.exchanges) == 1


async def test_a_body_that_dribbles_has_the_same_time_in_all():
    limits = {"body_timeout_s": 0.2}
    async with FakeBackend() as backend, running_proxy(backend, slots=1, limits=limits) as proxy:
        caller = await proxy.connect(request_bytes(declared_bytes=1000))
        answer = asyncio.create_task(caller.read_answer())
        while not answer.done():
            caller.writer.write(b"x")
            await asyncio.sleep(0.01)
        assert (await answer).status == 408
    assert not backend.exchanges


async def test_a_caller_that_hangs_up_in_mid_body_releases_its_slot():
    async with FakeBackend() as backend, running_proxy(backend, slots=1) as proxy:
        caller = await proxy.connect(request_bytes(body=b"x" * 10, declared_bytes=20))
        await proxy.until("in_flight", 1)
        await caller.close()
        await proxy.until("in_flight", 0)
        assert await proxy.metric("requests_total", status="499") == 1
        assert (await proxy.ask(data=b"{}")).status == 200
    assert len(backend.exchanges) == 1


async def test_more_than_was_declared_is_not_passed_on():
    async with FakeBackend() as backend, running_proxy(backend) as proxy:
        at_once = await proxy.connect(request_bytes(body=b"{}GARBAGE", declared_bytes=2))
        assert (await at_once.read_answer()).status == 400
        later = await proxy.connect(request_bytes(body=b"{}"))
        assert (await later.read_answer()).status == 200
        later.writer.write(b"GARBAGE\r\n\r\n")
        assert (await later.read_answer()).status == 400
    assert [exchange.body for exchange in backend.exchanges] == [b"{}"]


async def test_an_unknown_path_below_v1_is_the_backend_s_to_refuse():
    async with FakeBackend(echo()) as backend, running_proxy(backend) as proxy:
        assert (await proxy.ask("GET", "/v1/nope")).status == 200
    assert backend.exchanges[0].target == "/v1/nope"


@pytest.mark.parametrize("path", ["/nope", "/", "/v1", "/v2/analyze", "//v1/analyze", "/V1/analyze"])
async def test_an_unknown_path_elsewhere_is_the_proxy_s_to_refuse(path):
    async with FakeBackend() as backend, running_proxy(backend) as proxy:
        caller = await proxy.connect(request_bytes(path, method="GET"))
        got = await caller.read_answer()
    assert got.status == 404
    assert got.headers["content-type"].startswith(PROBLEM)
    assert not backend.exchanges


async def test_a_method_that_the_proxy_s_own_paths_lack_is_refused_with_those_it_has():
    async with FakeBackend() as backend, running_proxy(backend) as proxy:
        got = await proxy.ask("POST", "/metrics")
    assert (got.status, got.json["code"]) == (405, "method_not_allowed")
    assert "GET" in got.headers["Allow"]


@pytest.mark.parametrize("job", [" a b", "é", "\xff", "x" * 129, "a/b", 'a"b', "a,b", "\t;"])
async def test_a_job_s_odd_name_is_refused(job):
    async with FakeBackend() as backend, running_proxy(backend) as proxy:
        caller = await proxy.connect(request_bytes(headers={"Nlpbatch-Job": job}))
        got = await caller.read_answer()
    members = json.loads(got.body)
    assert (got.status, members["code"], members["path"]) == (400, "invalid_request", "Nlpbatch-Job")
    assert not backend.exchanges


@pytest.mark.parametrize("job", ["x" * 128, "a.b_c:d-1", ""])
async def test_a_job_s_plain_name_is_taken(job):
    async with FakeBackend() as backend, running_proxy(backend) as proxy:
        assert (await proxy.ask(headers=AUTHORIZED | {"Nlpbatch-Job": job})).status == 200


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/v1/analyze?q=\xff", {}),
        ("/v1/\xed\x95\x9c", {}),
        ("/v1/analyze", {"traceparent": "\xff"}),
        ("/v1/x", {"Accept": "é"}),
    ],
)
async def test_bytes_that_are_not_ascii_are_refused_where_they_would_be_passed_on(target, headers):
    async with FakeBackend() as backend, running_proxy(backend) as proxy:
        caller = await proxy.connect(request_bytes(target, method="GET", headers=headers))
        got = await caller.read_answer()
        assert got.status == 400
        assert (await proxy.ask("GET", "/v1/analyzers")).status == 200
    assert len(backend.exchanges) == 1


@pytest.mark.parametrize(
    "data",
    [
        request_bytes(headers={"X-Long": "x" * 70_000}),
        request_bytes(f"/v1/analyze?q={'x' * 70_000}"),
        request_bytes(headers={f"X-{number}": "x" for number in range(1000)}),
        request_bytes(headers=(("Content-Length", "5"), ("Content-Length", "6"))),
        request_bytes(headers=(("Content-Length", "5"), ("Transfer-Encoding", "chunked"))),
        request_bytes(headers=(("Content-Length", "-5"),)),
        request_bytes(headers=(("Content-Length", "5e3"),)),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /v1/analyze HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
    ],
    ids=map(str, itertools.count()),
)
async def test_what_is_not_http_as_it_should_be_is_refused_and_harms_nobody(data):
    async with FakeBackend() as backend, running_proxy(backend) as proxy:
        caller = await proxy.connect(data)
        got = await caller.read_answer()
        assert (got.status, json.loads(got.body)["code"]) == (400, "invalid_request")
        assert got.headers["content-type"] == "application/problem+json; charset=utf-8"
        assert await caller.reader.read() == b""  # and the connection is closed
        assert (await proxy.ask("GET", "/v1/analyzers")).status == 200
    assert [exchange.target for exchange in backend.exchanges] == ["/v1/analyzers"]


async def test_bytes_after_the_declared_body_are_neither_answered_nor_logged(caplog):
    caplog.set_level(logging.DEBUG)
    async with FakeBackend(echo()) as backend, running_proxy(backend) as proxy:
        caller = await proxy.connect(request_bytes(body=b"secret", declared_bytes=1))
        got = await caller.read_answer()
        assert got.status == 400
    assert "not a request" in [record.getMessage() for record in caplog.records]
    for line in (*(JsonFormatter().format(record) for record in caplog.records), got.body.decode()):
        assert "ecret" not in line


async def test_a_body_that_waits_to_be_asked_for_is_asked_for():
    async with FakeBackend(echo()) as backend, running_proxy(backend) as proxy:
        caller = await proxy.connect(request_bytes(declared_bytes=5, headers={"Expect": "100-Continue"}))
        assert (await caller.read_head())[0] == 100
        caller.writer.write(b"hello")
        got = await caller.read_answer()
        assert (got.status, got.body) == (200, b"hello")
        caller.writer.write(request_bytes(body=b"again"))
        assert (await caller.read_answer()).body == b"again"
    assert backend.exchanges[0].header("Expect") is None


async def test_a_body_that_waits_to_be_asked_for_is_not_asked_for_in_the_queue():
    release = asyncio.Event()
    async with FakeBackend(held(release), echo()) as backend, running_proxy(backend, slots=1) as proxy:
        first = proxy.asking(data=b"{}")
        await backend.received(1)
        caller = await proxy.connect(request_bytes(declared_bytes=5, headers={"Expect": "100-continue"}))
        await proxy.until("queue_requests", 1, tenant="home")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(caller.reader.read(1), 0.1)
        release.set()
        assert (await caller.read_head())[0] == 100
        caller.writer.write(b"hello")
        assert (await caller.read_answer()).body == b"hello"
        assert (await first).status == 200


@pytest.mark.parametrize(
    ("key", "declared_bytes", "status"), [(None, 5, 401), (KEY, 10**9, 413)], ids=["no key", "too large"]
)
async def test_a_body_that_waits_to_be_asked_for_is_not_asked_for_if_it_is_refused(key, declared_bytes, status):
    async with FakeBackend() as backend, running_proxy(backend) as proxy:
        caller = await proxy.connect(
            request_bytes(declared_bytes=declared_bytes, headers={"Expect": "100-continue"}, key=key)
        )
        got = await caller.read_answer()
        assert (got.status, got.headers["content-type"].partition(";")[0]) == (status, PROBLEM)
    assert not backend.exchanges


async def test_other_expectations_are_not_met_and_do_no_harm():
    async with FakeBackend(echo()) as backend, running_proxy(backend) as proxy:
        caller = await proxy.connect(request_bytes(body=b"hello", headers={"Expect": "miracles"}))
        got = await caller.read_answer()
        assert (got.status, got.body) == (200, b"hello")
