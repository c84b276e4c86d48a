"""The three endpoints that every server here has beside its work."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

import nlpbatch
from nlpbatch.serving.drain import DRAIN
from nlpbatch.wire.contract import CONTRACT_VERSION

Readiness = Callable[[], Awaitable[tuple[bool, dict[str, Any]]]]
"""Returns whether work can be taken now, and members that say more."""

Exposition = Callable[[], Awaitable[bytes]]
"""Returns metrics in Prometheus' text format."""


def add_health_routes(
    app: web.Application, readiness: Readiness, registry: CollectorRegistry, exposition: Exposition | None = None
) -> None:
    """Add `/healthz` (the process runs), `/readyz` (it can take work; 503 if not) and `/metrics` (Prometheus).

    Args:
        app: Where to add them.
        readiness: What `/readyz` says.
        registry: What `/metrics` shows.
        exposition: What it shows instead.

    """
    disable_created_metrics()  # type: ignore[no-untyped-call]  # one more series per metric, without a use

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def readyz(request: web.Request) -> web.Response:
        ready, members = await readiness()
        ready = ready and not request.app[DRAIN].draining
        stated = {"ready": ready, "version": nlpbatch.__version__, "contract": CONTRACT_VERSION}
        return web.json_response(stated | members, status=200 if ready else 503)

    async def metrics(_: web.Request) -> web.Response:
        body = generate_latest(registry) if exposition is None else await exposition()
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
