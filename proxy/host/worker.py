"""A worker: the proxy on a port that it shares, with a Unix socket for the supervisor instead of the operator's."""

import json
import os
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import aiohttp
from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from nlpbatch.errors import Draining, NlpbatchError, ServiceUnreachable
from nlpbatch.serving import logs
from nlpbatch.serving.lifecycle import serve
from nlpbatch.serving.tied import end_with_parent
from nlpbatch.serving.tracing import trace_requests
from nlpbatch.wire.limits import MIB
from proxy.admin import admin_application
from proxy.app import Proxy
from proxy.console.part import part_of
from proxy.host.assignment import Assignment, supervisor_socket, worker_socket
from proxy.host.audit import ENTRIES_PATH
from proxy.host.console import PART_PATH
from proxy.host.listeners import running_on_socket
from proxy.main import PROXY, SERVICE, build_app
from proxy.shared.store import StoreAway

_BODY_BYTES: Final = 16 * MIB
"""Of what the supervisor sends: audit entries, in which a changed configuration may be large."""
_TIMEOUT_S: Final = 5.0
_JOIN_TIMEOUT_S: Final = 60.0


class SupervisorClient:
    """Asks the supervisor; needs a running event loop.

    Args:
        directory: The supervisor's.
        number: This worker's.

    """

    def __init__(self, directory: Path, number: int) -> None:
        self._me = f"/workers/{number}/{os.getpid()}"
        connector = aiohttp.UnixConnector(str(supervisor_socket(directory)))
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        self._session = aiohttp.ClientSession("http://supervisor", connector=connector, timeout=timeout)

    async def join(self) -> None:
        """Be brought up to date.

        Raises:
            ServiceUnreachable: The supervisor doesn't answer, or doesn't want this worker.

        """
        try:
            await self._ask("POST", self._me, timeout_s=_JOIN_TIMEOUT_S)
        except Draining as error:
            raise ServiceUnreachable("the supervisor does not let this worker join") from error

    async def last_counts(self, text: bytes) -> None:
        """Leave this worker's metrics behind."""
        await self._ask("PUT", f"{self._me}/counts", text)

    async def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Return whether one of the workers can take work, and what is known of the backends.

        Raises:
            Draining: The supervisor doesn't answer.

        """
        members = json.loads(await self._ask("GET", "/readyz"))
        return bool(members.pop("ready")), members

    async def exposition(self) -> bytes:
        """Return the metrics of all workers together.

        Raises:
            Draining: The supervisor doesn't answer. This worker's own metrics would make the host's counts go back.

        """
        return await self._ask("GET", "/metrics")

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def _ask(self, method: str, path: str, body: bytes = b"", *, timeout_s: float = _TIMEOUT_S) -> bytes:
        timeout = aiohttp.ClientTimeout(total=timeout_s)
        try:
            async with self._session.request(method, path, data=body or None, timeout=timeout) as answer:
                answer.raise_for_status()
                return await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Draining("the supervisor does not answer: send the request again", retry_after_s=1.0) from error


def control_application(proxy: Proxy, directory: Path) -> web.Application:
    """Return what the supervisor may ask of a worker: what an operator may, its metrics, and to take things over."""
    app = admin_application(proxy, is_worker=True, body_bytes=_BODY_BYTES)

    async def settings(_: web.Request) -> web.Response:
        given = Assignment.read(directory)
        if given.generation != proxy.generation:
            await proxy.adopt(given.settings, given.generation)
        return web.Response(status=204)

    async def entries(request: web.Request) -> web.Response:
        try:
            await proxy.operating.audit.take_over(await request.json(), proxy.live.now_s() - time.time())
        except StoreAway:
            return web.Response(
                status=503
            )  # the supervisor keeps them: this process may be killed before they are sent
        return web.Response(status=204)

    async def part(_: web.Request) -> web.Response:
        return web.json_response(part_of(proxy, time.monotonic_ns()))

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=_exposition(proxy), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def readyz(_: web.Request) -> web.Response:
        ready, members = await proxy.readiness()
        return web.json_response({"ready": ready} | members)

    app.router.add_put("/settings", settings)
    app.router.add_post(ENTRIES_PATH, entries)
    app.router.add_get(PART_PATH, part)
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/readyz", readyz)
    return app


async def run_worker(directory: Path, number: int) -> None:
    """Serve until told to stop, or until the supervisor ends.

    Args:
        directory: The supervisor's.
        number: This worker's, from 1.

    Raises:
        ConfigError: An address can't be bound, or the shared store can't be used.
        ServiceUnreachable: The supervisor doesn't answer.

    """
    given = Assignment.read(directory)
    end_with_parent(given.supervisor_pid)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the supervisor's to obey
    logs.configure(given.settings.log_level)
    supervisor = SupervisorClient(directory, number)
    try:
        app = await build_app(given.settings, supervisor)
        trace_requests(app, SERVICE)
        proxy = app[PROXY]
        _begin_with(proxy, given.generation)
        app.on_startup.append(lambda _: supervisor.join())  # before it listens, and after the proxy has started
        async with running_on_socket(control_application(proxy, directory), worker_socket(directory, number)):
            await serve(app, given.settings.listen, shared=True)
            await _leave_counts(supervisor, proxy)
    finally:
        await supervisor.close()
        if os.getppid() != given.supervisor_pid:  # it was killed, and can't do this itself
            shutil.rmtree(directory, ignore_errors=True)


def _begin_with(proxy: Proxy, generation: int) -> None:
    proxy.live.now = replace(proxy.live.now, generation=generation)
    if proxy.fleet is not None:
        proxy.fleet.members.say(generation=generation)


async def _leave_counts(supervisor: SupervisorClient, proxy: Proxy) -> None:
    with suppress(NlpbatchError):  # the supervisor has gone, and nobody asks for its counts any more
        await supervisor.last_counts(_exposition(proxy))


def _exposition(proxy: Proxy) -> bytes:
    return generate_latest(proxy.metrics.registry)
