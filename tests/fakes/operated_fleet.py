"""Several real proxies with one store in the test's own loop, each with its listener for the operator."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from nlpbatch.serving.lifecycle import running
from nlpbatch.serving.listen import EndpointSettings
from nlpbatch.serving.settings import check
from proxy.admin import admin_application
from proxy.app import Proxy
from proxy.config import ProxySettings
from proxy.main import PROXY, build_app
from tests.fakes.backend import FakeBackend
from tests.fakes.running_proxy import AUTHORIZED, TENANTS


@dataclass
class RunningMember:
    """One proxy of the fleet."""

    proxy: Proxy
    callers: aiohttp.ClientSession
    operator: aiohttp.ClientSession
    admin_url: str

    async def ask(self, key: str | None = None, *, data: bytes = b"{}", **headers: str) -> tuple[int, dict[str, Any]]:
        """Send a request with a key, by default that of the tenant home; return status and members of the answer."""
        authorized = AUTHORIZED if key is None else {"Authorization": f"Bearer {key}"}
        async with self.callers.post("/v1/analyze", data=data, headers=authorized | headers) as got:
            return got.status, json.loads(await got.read() or b"{}")

    async def limits(self) -> dict[str, Any]:
        """Return what `/v1/limits` tells the tenant home."""
        async with self.callers.get("/v1/limits", headers=AUTHORIZED) as got:
            found: dict[str, Any] = await got.json()
            return found

    async def operate(self, method: str, path: str, **members: Any) -> tuple[int, Any]:
        """Send a request to the operator's listener; return status and members of the answer."""
        async with self.operator.request(method, path, **members) as got:
            return got.status, json.loads(await got.read() or b"{}")


@asynccontextmanager
async def running_member(backend: FakeBackend, **groups: Any) -> AsyncIterator[RunningMember]:
    """Run one proxy until its backend is known to be ready."""
    members = {
        "backends": [{"url": backend.url}],
        "tenants": TENANTS,
        "upstream": {"health_period_s": 0.05},
    } | groups
    app = await build_app(check(members, ProxySettings, "test"))
    async with (
        running(app, EndpointSettings()) as listener,
        running(admin_application(app[PROXY]), EndpointSettings(), "admin") as admin_listener,
        aiohttp.ClientSession(_url(listener)) as callers,
        aiohttp.ClientSession(_url(admin_listener)) as operator,
    ):
        await until(lambda: app[PROXY].backends.to_json()[0]["ready"])
        yield RunningMember(app[PROXY], callers, operator, _url(admin_listener))


@asynccontextmanager
async def running_fleet(
    backend: FakeBackend, store_url: str, directory: Path, count: int = 2, **groups: Any
) -> AsyncIterator[list[RunningMember]]:
    """Run several proxies that share a store.

    Args:
        backend: Of all of them.
        store_url: Where the store is.
        directory: For the file with their secret.
        count: How many.
        groups: Groups of `proxy.toml`.

    """
    secret = directory / "fleet-secret"
    secret.write_text("a secret of the fleet", encoding="utf-8")
    shared = {"url": store_url, "secret_file": str(secret)} | groups.pop("shared", {})
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(running_member(backend, shared=shared, **groups)) for _ in range(count)]


async def until(condition: Any, seconds: float = 10) -> None:
    """Wait until a condition holds; it may be a coroutine function."""
    async with asyncio.timeout(seconds):
        while True:
            held = condition()
            if await held if asyncio.iscoroutine(held) else held:
                return
            await asyncio.sleep(0.01)


def _url(listener: asyncio.Server) -> str:
    return f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
