import asyncio
import logging
from contextlib import asynccontextmanager

import aiohttp
import pytest

from nlpbatch.serving.lifecycle import running
from nlpbatch.serving.listen import EndpointSettings
from nlpbatch.serving.settings import check
from proxy.admin import admin_application
from proxy.config import ProxySettings
from proxy.main import PROXY, build_app
from tests.fakes.backend import FakeBackend, held
from tests.fakes.running_proxy import AUTHORIZED, TENANTS


@asynccontextmanager
async def serving(backend):
    """Run both listeners; give a session for callers and one for the operator."""
    members = {
        "backends": [{"url": backend.url}],
        "tenants": TENANTS,
        "upstream": {"health_period_s": 0.05},
        "concurrency": {"policy": "fixed", "per_worker": 0.5},
        "classes": {"interactive": {"extra_slots": 0}},
    }
    app = await build_app(check(members, ProxySettings, "test"))
    async with (
        running(app, EndpointSettings()) as listener,
        running(admin_application(app[PROXY]), EndpointSettings(), "admin") as admin_listener,
        aiohttp.ClientSession(_url(listener), headers=AUTHORIZED) as callers,
        aiohttp.ClientSession(_url(admin_listener)) as operator,
    ):
        await _until(operator, lambda state: state["backends"][0]["ready"])
        yield callers, operator


def _url(listener):
    return f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"


async def _state(operator):
    async with operator.get("/state") as got:
        assert got.status == 200
        return await got.json()


async def _until(operator, true_of):
    async with asyncio.timeout(10):
        while not true_of(await _state(operator)):
            await asyncio.sleep(0.01)


async def _asked(session, method, path, **members):
    async with session.request(method, path, **members) as got:
        return got.status, await got.read() if got.status == 204 else await got.json()


async def test_state_shows_backends_tenants_and_requests():
    release = asyncio.Event()
    async with FakeBackend(held(release)) as backend, serving(backend) as (callers, operator):
        asking = [asyncio.create_task(_asked(callers, "POST", "/v1/analyze", data=b"{}")) for _ in range(3)]
        await _until(operator, lambda state: state["tenants"]["home"]["queue_requests"] == 2)
        state = await _state(operator)
        assert state["tenants"]["home"]["in_flight"] == 1
        assert (state["draining"], state["in_progress"], state["generation"]) == (False, 3, 1)
        assert state["backends"][0] | {"url": backend.url, "in_flight": 1, "ready": True} == state["backends"][0]
        release.set()
        await asyncio.gather(*asking)


async def test_a_paused_tenant_is_refused_with_the_reason_until_it_is_resumed():
    async with FakeBackend() as backend, serving(backend) as (callers, operator):
        assert (await _asked(operator, "POST", "/tenants/home/pause"))[0] == 200
        status, problem = await _asked(callers, "POST", "/v1/analyze", data=b"{}")
        assert (status, problem["code"]) == (503, "tenant_paused")
        assert problem["retry_after_s"] > 0
        assert (await _asked(operator, "POST", "/tenants/home/resume"))[1]["tenants"]["home"]["paused"] is False
        assert (await _asked(callers, "POST", "/v1/analyze", data=b"{}"))[0] == 200


async def test_drained_it_refuses_new_work_and_finishes_the_rest():
    release = asyncio.Event()
    async with FakeBackend(held(release)) as backend, serving(backend) as (callers, operator):
        first = asyncio.create_task(_asked(callers, "POST", "/v1/analyze", data=b"{}"))
        await backend.received(1)
        assert (await _asked(operator, "POST", "/drain"))[0] == 202
        status, problem = await _asked(callers, "POST", "/v1/analyze", data=b"{}")
        assert (status, problem["code"]) == (503, "draining")
        release.set()
        assert (await first)[0] == 200


async def test_the_settings_in_force_can_be_read_back():
    async with FakeBackend() as backend, serving(backend) as (_, operator):
        status, members = await _asked(operator, "GET", "/config")
    assert status == 200
    assert check(members, ProxySettings, "test").backends[0].url == backend.url


async def test_the_log_level_changes():
    async with FakeBackend() as backend, serving(backend) as (_, operator):
        assert (await _asked(operator, "PUT", "/log-level", json={"level": "error"}))[0] == 204
        assert logging.getLogger().level == logging.ERROR


@pytest.mark.parametrize(
    ("method", "path", "members", "status", "code"),
    [
        ("PUT", "/log-level", {"json": {"level": "loud"}}, 400, "invalid_request"),
        ("PUT", "/log-level", {"data": b"["}, 400, "invalid_request"),
        ("PUT", "/log-level", {"data": b"x" * 70_000}, 413, "request_too_large"),
        ("POST", "/tenants/nobody/pause", {}, 404, "not_found"),
        ("POST", "/tenants/home/stop", {}, 404, "not_found"),
        ("GET", "/drain", {}, 405, "method_not_allowed"),
        ("GET", "/", {}, 404, "not_found"),
    ],
)
async def test_a_request_that_cannot_be_served_is_refused_with_its_code(method, path, members, status, code):
    async with FakeBackend() as backend, serving(backend) as (_, operator):
        got, problem = await _asked(operator, method, path, **members)
    assert (got, problem["code"]) == (status, code)
