"""A fleet for benchmarks: proxies as processes of their own on one store, and a backend that counts."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from aiohttp import web

from proxy.keys import make_key
from tests.benchmarks.processes import free_port, wait_ready
from tests.fakes.running_store import RunningStore

KEY, ENTRY = make_key()
SECRET = "the secret of a fleet for benchmarks"


@dataclass
class CountingBackend:
    """A backend that answers at once, and remembers when how many bytes came."""

    url: str = ""
    seen: list[tuple[float, int]] = field(default_factory=list)

    async def analyze(self, request: web.Request) -> web.Response:
        """Count a request."""
        body = await request.read()
        self.seen.append((time.monotonic(), len(body)))
        return web.Response(body=b"{}", content_type="application/json")

    async def readyz(self, _: web.Request) -> web.Response:
        """Say that there is room for everybody."""
        return web.json_response({"status": "ready", "workers": 200})

    def bytes_between(self, from_s: float, until_s: float) -> int:
        """Return what came in that time."""
        return sum(size for at_s, size in self.seen if from_s <= at_s < until_s)


class Backend(Protocol):
    """What runs as a backend in this process."""

    url: str

    async def analyze(self, request: web.Request) -> web.Response:
        """Answer a request."""

    async def readyz(self, request: web.Request) -> web.Response:
        """Say how many workers there are."""


AnyBackend = TypeVar("AnyBackend", bound=Backend)


@asynccontextmanager
async def running_backend(backend: AnyBackend) -> AsyncIterator[AnyBackend]:
    """Run a backend in this process; its requests end when their callers hang up."""
    app = web.Application(client_max_size=2**26)
    app.router.add_post("/v1/analyze", backend.analyze)
    app.router.add_get("/readyz", backend.readyz)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    backend.url = f"http://127.0.0.1:{port}"
    try:
        yield backend
    finally:
        await runner.cleanup()


class ProxyProcess:
    """One proxy of the fleet.

    Args:
        directory: For its configuration.
        config: The groups of `proxy.toml` besides listen and admin.

    """

    def __init__(self, directory: Path, config: str) -> None:
        self.port, self._admin_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.admin_url = f"http://127.0.0.1:{self._admin_port}"
        self.file = directory / f"proxy-{self.port}.toml"
        self.file.write_text(f'log_level = "error"\n{config}')
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def cpu_s(self) -> float:
        """Return the CPU seconds that its process has taken."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def start(self) -> None:
        """Start it; `wait_ready` returns when it is."""
        where = ["--config", str(self.file), "--port", str(self.port), "--admin-port", str(self._admin_port)]
        self._process = subprocess.Popen([sys.executable, "-m", "nlpbatch", "proxy", "serve", *where])

    def wait_ready(self) -> None:
        """Return once it is ready."""
        assert self._process is not None
        wait_ready(self.url, self._process)

    def kill(self) -> None:
        """End it with SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
            self._process.kill()


@contextmanager
def running_fleet(backend_url: str, count: int, config: str) -> Iterator[tuple[RunningStore, list[ProxyProcess]]]:
    """Run a store and so many proxies before one backend.

    Args:
        backend_url: The backend.
        count: How many proxies.
        config: Further groups of `proxy.toml`; the tenant is called `home` and has `KEY`.

    """
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        store = RunningStore(directory)
        (directory / "secret").write_text(SECRET)
        store.start()
        groups = (
            f'[shared]\nurl = "{store.url}"\nsecret_file = "{directory / "secret"}"\n'
            f'[[backends]]\nurl = "{backend_url}"\n[tenants.home]\nkeys = ["{ENTRY}"]\n{config}'
        )
        proxies = [ProxyProcess(directory, groups) for _ in range(count)]
        try:
            for proxy in proxies:
                proxy.start()
            yield store, proxies
        finally:
            for proxy in proxies:
                proxy.stop()
            store.stop()
