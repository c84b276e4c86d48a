"""What the supervisor answers: to the operator, and to its workers on a Unix socket."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from nlpbatch.errors import Draining
from nlpbatch.serving.lifecycle import new_application
from nlpbatch.wire.limits import MIB
from proxy.admin import level_of
from proxy.console.access import guard
from proxy.console.routes import add_dashboard
from proxy.host.console import HostSource
from proxy.host.supervisor import Supervisor
from proxy.host.workers import Reply, WorkerRequest
from proxy.operating.routes import ADDRESS, actor_of

_RETRY_AFTER_S: Final = 1.0
_PASSED_ON: Final = ("nlpbatch-", "content-type")
_Handler = Callable[[web.Request], Awaitable[web.Response]]


def operators_application(supervisor: Supervisor) -> web.Application:
    """Return the operator's endpoints, which speak for all workers; what they have in common, one of them answers."""
    app = new_application(body_bytes=MIB, drain_retry_after_s=_RETRY_AFTER_S)

    async def state(_: web.Request) -> web.Response:
        return web.json_response(await supervisor.state())

    async def config(_: web.Request) -> web.Response:
        return web.json_response(supervisor.settings.model_dump(mode="json"))

    async def drain(request: web.Request) -> web.Response:
        await supervisor.drain(await _worker_request(request), actor_of(request))
        return web.json_response(await supervisor.state(), status=202)

    async def pause(request: web.Request) -> web.Response:
        paused = request.match_info["action"] == "pause"
        order = await _worker_request(request)
        await supervisor.pause(request.match_info["tenant"], order, actor_of(request), paused=paused)
        return web.json_response(await supervisor.state())

    async def log_level(request: web.Request) -> web.Response:
        order = await _worker_request(request)
        await supervisor.set_log_level(level_of(order.body), order, actor_of(request))
        return web.Response(status=204)

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def in_common(request: web.Request) -> web.Response:
        reply = await supervisor.ask_one(await _worker_request(request))
        if reply is None:
            raise Draining("no worker answers: send the request again", retry_after_s=_RETRY_AFTER_S)
        return _response(reply)

    app.router.add_get("/state", state)
    app.router.add_get("/config", config)
    app.router.add_post("/drain", drain)
    app.router.add_post("/tenants/{tenant}/{action:pause|resume}", pause)
    app.router.add_put("/log-level", log_level)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/metrics", _metrics_of(supervisor))
    guard(app, supervisor.settings.admin)
    add_dashboard(app, HostSource(supervisor))
    app.router.add_route("*", "/{rest:.*}", in_common)
    return app


def workers_application(supervisor: Supervisor) -> web.Application:
    """Return what workers ask for: to join, and what the host answers as a whole."""
    app = new_application(body_bytes=16 * MIB, drain_retry_after_s=_RETRY_AFTER_S)

    async def join(request: web.Request) -> web.Response:
        await supervisor.join(*map(int, (request.match_info["number"], request.match_info["pid"])))
        return web.Response(status=204)

    async def counts(request: web.Request) -> web.Response:
        number, pid = map(int, (request.match_info["number"], request.match_info["pid"]))
        supervisor.counted(number, pid, await request.text())
        return web.Response(status=204)

    async def readyz(_: web.Request) -> web.Response:
        ready, members = await supervisor.readiness()
        return web.json_response(members | {"ready": ready})

    app.router.add_post(r"/workers/{number:\d+}/{pid:\d+}", join)
    app.router.add_put(r"/workers/{number:\d+}/{pid:\d+}/counts", counts)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", _metrics_of(supervisor))
    return app


@asynccontextmanager
async def running_on_socket(app: web.Application, path: Path) -> AsyncIterator[None]:
    """Serve an application on a Unix socket for the time of the context."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.UnixSite(runner, path).start()
        yield
    finally:
        await runner.cleanup()


def _metrics_of(supervisor: Supervisor) -> _Handler:
    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=await supervisor.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return metrics


async def _worker_request(request: web.Request) -> WorkerRequest:
    """Return what a worker is to be asked for an operator, with the headers that matter and the operator's address."""
    headers = {name.lower(): value for name, value in request.headers.items() if name.lower().startswith(_PASSED_ON)}
    headers[ADDRESS.lower()] = request.remote or ""
    return WorkerRequest(request.method, request.raw_path, await request.read(), headers)


def _response(reply: Reply) -> web.Response:
    return web.Response(status=reply.status, body=reply.body, content_type=reply.content_type or None)
