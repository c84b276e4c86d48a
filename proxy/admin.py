"""The operator's endpoints, on a listener of their own: dashboard, state, usage, keys, pause, drain, log level."""

import json
import time
from collections.abc import Mapping
from typing import Any, Final, Protocol

from aiohttp import web

from nlpbatch.errors import InvalidRequest
from nlpbatch.serving.lifecycle import new_application
from nlpbatch.serving.query import read_query
from proxy.config import ProxySettings
from proxy.console.access import guard
from proxy.console.part import part_of, totals_of
from proxy.console.routes import add_dashboard, config_of
from proxy.live import Live
from proxy.metrics import Metrics
from proxy.operating.audit import Actor
from proxy.operating.operating import Operating
from proxy.operating.routes import actor_of, add_operating_routes
from proxy.recent import Recent
from proxy.traffic.controller import TrafficController

_LEVELS: Final = ("debug", "info", "warning", "error")
_BODY_BYTES: Final = 65_536


class Controls(Protocol):
    """What the operator may see and change."""

    traffic: TrafficController
    recent: Recent
    metrics: Metrics

    @property
    def settings(self) -> ProxySettings:
        """Return the configuration in force."""
        ...

    @property
    def generation(self) -> int:
        """Return how many configurations have been in force, this one included."""
        ...

    def state(self) -> dict[str, Any]:
        """Return what goes on, as JSON members."""
        ...

    def config(self) -> dict[str, Any]:
        """Return the settings, as JSON members."""
        ...

    async def usage_of_all(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Return what was done for tenants, as JSON members; raise InvalidRequest for a wrong parameter."""
        ...

    @property
    def operating(self) -> Operating:
        """Return keys and the audit log."""
        ...

    @property
    def live(self) -> Live:
        """Return what is in force."""
        ...

    def drain(self, actor: Actor | None) -> None:
        """Refuse new work from now on, and finish what is in progress; without `actor`, leave no audit entry."""
        ...

    def pause(self, tenant: str, *, paused: bool, actor: Actor | None) -> None:
        """Let nothing of a tenant's through any more, or again; raise NotFound if there is none of that name."""
        ...

    def set_log_level(self, level: str, actor: Actor | None) -> None:
        """Log from that level up."""
        ...


def admin_application(controls: Controls, *, is_worker: bool = False, body_bytes: int = _BODY_BYTES) -> web.Application:
    """Return the application with all of them.

    Args:
        controls: The proxy.
        is_worker: Whether it is one of several processes, whose supervisor passes orders on to each and writes them to
            the audit log once.
        body_bytes: Bound of a request's body.

    """
    app = new_application(body_bytes=body_bytes, drain_retry_after_s=1.0)

    def actor(request: web.Request) -> Actor | None:
        return None if is_worker else actor_of(request)

    async def state(_: web.Request) -> web.Response:
        return web.json_response(controls.state())

    async def config(_: web.Request) -> web.Response:
        return web.json_response(controls.config())

    async def usage(request: web.Request) -> web.Response:
        return web.json_response(await controls.usage_of_all(read_query(request)))

    async def drain(request: web.Request) -> web.Response:
        controls.drain(actor(request))
        return web.json_response(controls.state(), status=202)

    async def pause(request: web.Request) -> web.Response:
        paused = request.match_info["action"] == "pause"
        controls.pause(request.match_info["tenant"], paused=paused, actor=actor(request))
        return web.json_response(controls.state())

    async def log_level(request: web.Request) -> web.Response:
        controls.set_log_level(level_of(await request.read()), actor(request))
        return web.Response(status=204)

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    app.router.add_get("/state", state)
    app.router.add_get("/config", config)
    app.router.add_get("/usage", usage)
    app.router.add_post("/drain", drain)
    app.router.add_post("/tenants/{tenant}/{action:pause|resume}", pause)
    app.router.add_put("/log-level", log_level)
    app.router.add_get("/healthz", healthz)
    add_operating_routes(app, controls.operating, controls.live.now_s)
    if not is_worker:  # for workers, the supervisor does both
        guard(app, controls.settings.admin)
        add_dashboard(app, _Source(controls))
    return app


class _Source:
    """The proxy as the dashboard asks it."""

    def __init__(self, controls: Controls) -> None:
        self._controls = controls

    @property
    def settings(self) -> ProxySettings:
        return self._controls.settings

    async def state(self) -> dict[str, Any]:
        return self._controls.state()

    async def parts(self) -> list[dict[str, Any]]:
        return [part_of(self._controls, time.monotonic_ns())]

    async def totals(self) -> dict[str, dict[str, int]]:
        return totals_of(self._controls.metrics.registry.collect())

    def config(self) -> dict[str, Any]:
        controls = self._controls
        return config_of(controls.generation, controls.metrics.config_faults, controls.operating.audit.last_reload)

    async def usage(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        return await self._controls.usage_of_all(parameters)

    async def keys(self) -> list[dict[str, Any]]:
        return self._controls.operating.keys.listed()

    async def audit(self, limit: int) -> list[dict[str, Any]]:
        entries, _ = await self._controls.operating.audit.entries(0.0, limit)
        return [entry.to_json() for entry in entries]


def level_of(body: bytes) -> str:
    """Return the log level in the body of a request.

    Raises:
        InvalidRequest: There is none.

    """
    try:
        level = json.loads(body)["level"]
    except (ValueError, KeyError, TypeError, RecursionError):
        level = None
    if level not in _LEVELS:
        raise InvalidRequest(f'send {{"level": "…"}} with one of {", ".join(_LEVELS)}', path="/level")
    return str(level)
