"""A real proxy on a port of the system's choice, in the test's own loop, and callers for it."""

import asyncio
import contextlib
import io
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from nlpbatch.serving.lifecycle import running
from nlpbatch.serving.listen import EndpointSettings
from nlpbatch.serving.settings import check
from nlpbatch.wire.media import JSON, PROBLEM_JSON
from proxy.config import ProxySettings
from proxy.keys import make_key
from proxy.main import PROXY, build_app
from tests.fakes.backend import FakeBackend

KEY, ENTRY = make_key()
GUEST_KEY, GUEST_ENTRY = make_key()
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}
GUEST = {"Authorization": f"Bearer {GUEST_KEY}"}
TENANTS = {"home": {"keys": [ENTRY]}, "guests": {"keys": [GUEST_ENTRY]}}


@dataclass
class Answer:
    """An answer, read to its end."""

    status: int
    headers: Any
    body: bytes
    json: Any = None


@dataclass
class Proxy:
    """A proxy that runs, seen from outside; callers that are still connected at its end are hung up."""

    session: aiohttp.ClientSession
    port: int
    inner: Any
    """What runs: `proxy.app.Proxy`."""
    callers: "list[RawCaller]" = field(default_factory=list)

    async def ask(self, method: str = "POST", path: str = "/v1/analyze", *, headers=AUTHORIZED, data=None) -> Answer:
        """Send a request with the key, unless other headers are given, and read the answer."""
        body = io.BytesIO(data) if data else None
        async with self.session.request(method, path, headers=headers, data=body) as answer:
            body = await answer.read()
            members = json.loads(body) if answer.content_type in {JSON, PROBLEM_JSON} and body[:1] == b"{" else None
            return Answer(answer.status, answer.headers, body, members)

    def asking(self, *arguments, **keywords) -> asyncio.Task[Answer]:
        """Send one without waiting for its answer."""
        return asyncio.create_task(self.ask(*arguments, **keywords))

    async def metrics(self) -> dict[str, dict[frozenset, float]]:
        """Return all samples: name to labels to value."""
        text = (await self.ask("GET", "/metrics", headers={})).body.decode()
        samples: dict[str, dict[frozenset, float]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                samples.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
        return samples

    async def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that have these labels."""
        samples = (await self.metrics()).get(f"nlpbatch_proxy_{name}", {})
        return sum(value for given, value in samples.items() if given >= labels.items())

    async def until(self, name: str, value: float, **labels: str) -> None:
        """Wait until a metric has that value."""
        async with asyncio.timeout(10):
            while await self.metric(name, **labels) != value:
                await asyncio.sleep(0.005)

    async def until_ready(self, backends: int = 1) -> None:
        """Wait until so many backends are known to be ready."""
        await self.until("backend_ready", backends)

    async def connect(self, data: bytes = b"", *, send_buffer_bytes: int | None = None) -> "RawCaller":
        """Return a raw connection, after sending these bytes."""
        raw = socket.socket()
        if send_buffer_bytes is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer_bytes)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", self.port))
        caller = RawCaller(*await asyncio.open_connection(sock=raw, limit=2**20))
        caller.writer.write(data)
        self.callers.append(caller)
        return caller


@dataclass
class RawCaller:
    """One connection to the proxy."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def read_head(self) -> tuple[int, dict[str, str]]:
        """Return status and headers, these in lower case."""
        async with asyncio.timeout(10):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in head[1:] if line)
        return int(head[0].split(" ")[1]), {name.lower(): value.strip() for name, _, value in pairs}

    async def read_answer(self) -> Answer:
        """Return the whole answer, which has a Content-Length."""
        status, headers = await self.read_head()
        async with asyncio.timeout(10):
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return Answer(status, headers, body)

    async def close(self) -> None:
        """Hang up."""
        self.writer.close()
        with contextlib.suppress(ConnectionError):  # the proxy was first
            await self.writer.wait_closed()


@asynccontextmanager
async def running_proxy(
    *backends: FakeBackend | str, ready: bool = True, slots: int = 8, wait_s: float = 30.0, **groups: Any
) -> AsyncIterator[Proxy]:
    """Run a proxy in front of these backends, by default until all of them are known to be ready.

    Args:
        backends: Fakes, or addresses.
        ready: Whether to wait for them.
        slots: Requests that each may have at a time; they state two workers.
        wait_s: How long a request may wait.
        groups: Groups of `proxy.toml`.

    """
    urls = [{"url": backend if isinstance(backend, str) else backend.url} for backend in backends]
    upstream = {"health_period_s": 0.05} | groups.pop("upstream", {})
    fixed = {
        "concurrency": {"policy": "fixed", "per_worker": slots / 2},
        "classes": {"interactive": {"max_wait_s": wait_s, "extra_slots": 0}, "batch": {"max_wait_s": wait_s}},
    }
    members = {"backends": urls, "tenants": TENANTS, "upstream": upstream} | fixed | groups
    app = await build_app(check(members, ProxySettings, "test"))
    async with running(app, EndpointSettings()) as listener:
        port = listener.sockets[0].getsockname()[1]
        timeout = aiohttp.ClientTimeout(total=20)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", timeout=timeout) as session:
            proxy = Proxy(session, port, app[PROXY])
            if ready:
                await proxy.until_ready(len(backends))
            try:
                yield proxy
            finally:
                for caller in proxy.callers:
                    await caller.close()


def request_bytes(
    target: str = "/v1/analyze",
    *,
    method: str = "POST",
    body: bytes = b"",
    declared_bytes: int | None = None,
    headers: dict[str, str] | tuple[tuple[str, str], ...] = (),
    key: str | None = KEY,
) -> bytes:
    """Return a request as it goes over the wire; `declared_bytes` may lie."""
    pairs = list(headers.items() if isinstance(headers, dict) else headers)
    if key is not None:
        pairs.append(("Authorization", f"Bearer {key}"))
    if body or declared_bytes is not None:
        pairs.append(("Content-Length", str(len(body) if declared_bytes is None else declared_bytes)))
    lines = [f"{method} {target} HTTP/1.1", "Host: proxy", *(f"{name}: {value}" for name, value in pairs), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body
