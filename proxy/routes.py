"""The proxy's endpoints: everything under /v1/ is passed on, the rest is its own."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from nlpbatch.serving.health import Readiness, add_health_routes
from proxy.balancer import Backend
from proxy.gateway import Gateway, expect
from proxy.metrics import Metrics


def add_routes(app: web.Application, gateway: Gateway, backends: Sequence[Backend], metrics: Metrics) -> None:
    """Add all endpoints."""
    app.router.add_route("*", "/v1/{rest:.*}", gateway.handle, expect_handler=expect)
    add_health_routes(app, _readiness(backends), metrics.registry)


def _readiness(backends: Sequence[Backend]) -> Readiness:
    async def readiness() -> tuple[bool, dict[str, Any]]:
        members = [
            {"url": backend.url, "ready": backend.ready, "workers": backend.workers, "in_flight": backend.in_flight}
            for backend in backends
        ]
        return any(backend.ready for backend in backends), {"backends": members}

    return readiness
