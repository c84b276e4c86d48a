import asyncio
import logging

import pytest

from nlpbatch.serving.logs import JsonFormatter
from tests.fakes.backend import FakeBackend, answer, drop, held
from tests.fakes.running_proxy import AUTHORIZED, ENTRY, KEY, request_bytes, running_proxy

SECRET_TEXT = "비밀스러운 문장"


async def test_it_is_alive_before_any_backend_is():
    async with FakeBackend(ready=False) as backend, running_proxy(backend, ready=False) as proxy:
        got = await proxy.ask("GET", "/healthz", headers={})
    assert (got.status, got.json) == (200, {"status": "alive"})


async def test_it_is_ready_as_soon_as_one_backend_is_and_lists_all():
    async with (
        FakeBackend(ready=False, fingerprints=("f2", "f1")) as first,
        FakeBackend(ready=False, workers=5) as second,
        running_proxy(first, second, ready=False) as proxy,
    ):
        await first.probed(1)
        got = await proxy.ask("GET", "/readyz", headers={})
        assert (got.status, got.json["ready"]) == (503, False)
        second.ready = True
        await proxy.until_ready()
        got = await proxy.ask("GET", "/readyz", headers={})
        assert (got.status, got.json["ready"]) == (200, True)
    idle = {"in_flight": 0, "breaker": "closed", "leaving": False}
    assert got.json["backends"] == [
        {"url": first.url, "ready": False, "workers": 2, "fingerprints": ["f1", "f2"], "limit": 4} | idle,
        {"url": second.url, "ready": True, "workers": 5, "fingerprints": [], "limit": 20} | idle,
    ]


async def test_it_is_no_longer_ready_when_no_backend_is():
    async with FakeBackend() as backend, running_proxy(backend) as proxy:
        assert (await proxy.ask("GET", "/readyz", headers={})).status == 200
        await backend.stop()
        await proxy.until("backend_ready", 0)
        got = await proxy.ask("GET", "/readyz", headers={})
    assert (got.status, got.json["backends"][0]["ready"]) == (503, False)


async def test_what_is_in_flight_and_waiting_is_shown():
    release = asyncio.Event()
    async with FakeBackend(held(release)) as backend, running_proxy(backend, slots=2) as proxy:
        asking = [proxy.asking(data=b"x" * 2000) for _ in range(5)]
        await proxy.until("queue_requests", 3, tenant="home")
        assert await proxy.metric("queue_bytes", tenant="home") == 6000
        assert await proxy.metric("queue_requests", tenant="guests") == 0
        assert await proxy.metric("in_flight", backend=backend.url) == 2
        assert await proxy.metric("limit", backend=backend.url) == 2
        release.set()
        await asyncio.gather(*asking)
        assert await proxy.metric("in_flight") == 0


async def test_callers_do_not_make_new_labels():
    async with FakeBackend(answer(status=404)) as backend, running_proxy(backend) as proxy:
        await proxy.ask(headers={})
        await proxy.ask("GET", "/v1/analyzers")
        await proxy.ask(headers=AUTHORIZED | {"Nlpbatch-Job": "a b"})
        before = _series(await proxy.metrics())
        for number in range(20):
            await proxy.ask("GET", f"/v1/path-{number}", headers=AUTHORIZED | {"Nlpbatch-Job": f"job-{number}"})
            await proxy.ask("GET", f"/path-{number}")
            await proxy.ask("GET", "/v1/x", headers={"Authorization": f"Bearer nlpb_{number:012x}_{'x' * 43}"})
            await proxy.ask(f"METHOD{number}", "/v1/x")
            await proxy.ask("GET", "/v1/x", headers=AUTHORIZED | {"Nlpbatch-Job": f"{number} b"})
        assert _series(await proxy.metrics()) == before


async def test_tenants_and_causes_are_the_configured_and_known_ones():
    async with FakeBackend() as backend, running_proxy(backend) as proxy:
        await proxy.ask(headers={})
        await proxy.ask()
        labels = {label for series in (await proxy.metrics()).values() for given in series for label in given}
    assert {value for name, value in labels if name == "tenant"} == {"home", "guests", "-"}
    assert {value for name, value in labels if name == "backend"} == {backend.url}


@pytest.mark.parametrize("fails", [False, True])
async def test_neither_texts_nor_keys_are_logged(fails, caplog):
    caplog.set_level(logging.DEBUG)
    body = SECRET_TEXT.encode()
    step = drop() if fails else answer(body)
    async with FakeBackend(step) as backend, running_proxy(backend) as proxy:
        await proxy.ask("POST", f"/v1/analyze?text={SECRET_TEXT}", data=body)
        await proxy.ask(data=body, headers={"Authorization": f"Bearer {KEY[:-1]}"})
        broken = await proxy.connect(
            b"GET / HTTP/1.1\r\nHost: a\r\n\0Authorization: Bearer " + KEY.encode() + b"\r\n\r\n"
        )
        assert (await broken.read_answer()).status == 400
    lines = [JsonFormatter().format(record) for record in caplog.records]
    assert [line for line in lines if '"event": "request"' in line and '"tenant": "home"' in line]
    for line in lines:
        assert SECRET_TEXT not in line
        assert "%EB%B9%84" not in line
        assert KEY[18:-1] not in line
        assert ENTRY not in line


async def test_a_log_line_names_tenant_job_wait_and_backend_of_a_request(caplog):
    caplog.set_level(logging.INFO)
    async with FakeBackend() as backend, running_proxy(backend) as proxy:
        await proxy.ask(data=b"x" * 2000, headers=AUTHORIZED | {"Nlpbatch-Job": "nightly", "X-Request-Id": "r-1"})
    (record,) = [record for record in caplog.records if record.getMessage() == "request"]
    wanted = {
        "method": "POST",
        "path": "/v1/analyze",
        "status": 200,
        "request_id": "r-1",
        "tenant": "home",
        "job": "nightly",
        "bytes": 2000,
        "backend": backend.url,
    }
    assert {name: getattr(record, name) for name in wanted} == wanted
    assert 0 <= record.queue_s <= record.seconds


async def test_a_backend_s_coming_and_going_is_logged_once_each(caplog):
    caplog.set_level(logging.INFO)
    async with FakeBackend() as backend, running_proxy(backend) as proxy:
        await backend.probed(3)
        await backend.stop()
        await proxy.until("backend_ready", 0)
        assert (await proxy.ask("GET", "/readyz", headers={})).status == 503
        await asyncio.sleep(0.2)  # some more failing checks
    logged = [(record.ready, record.levelno) for record in caplog.records if record.getMessage() == "backend"]
    assert logged == [(True, logging.INFO), (False, logging.WARNING)]


async def test_a_backend_that_was_never_there_is_logged_with_the_reason(caplog):
    caplog.set_level(logging.INFO)
    async with FakeBackend() as backend:
        await backend.stop()
        async with running_proxy(backend, ready=False):
            await asyncio.sleep(0.2)  # some failing checks
    (record,) = [record for record in caplog.records if record.getMessage() == "backend"]
    wanted = (backend.url, False, "ClientConnectorError", logging.WARNING)
    assert (record.backend, record.ready, record.reason, record.levelno) == wanted


async def test_a_caller_that_hangs_up_is_logged_as_such(caplog):
    caplog.set_level(logging.INFO)
    async with FakeBackend(held(asyncio.Event())) as backend, running_proxy(backend) as proxy:
        caller = await proxy.connect(request_bytes(body=b"{}"))
        await backend.received(1)
        await caller.close()
        await proxy.until("in_flight", 0)
    (record,) = [record for record in caplog.records if record.getMessage() == "request"]
    assert (record.status, record.tenant) == (499, "home")


def _series(samples):
    return {(name, labels) for name, series in samples.items() for labels in series}
