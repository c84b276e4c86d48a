"""The proxy's endpoints: `/v1/limits` and `/v1/usage` are its own, everything else under /v1/ is passed on."""

from aiohttp import web

from nlpbatch.serving.health import add_health_routes
from nlpbatch.serving.shortcut import SHORTCUT
from nlpbatch.wire.media import LIMITS_PATH, USAGE_PATH
from proxy.app import Proxy
from proxy.forwarding.gateway import expect


def add_routes(app: web.Application, proxy: Proxy) -> None:
    """Add all endpoints."""
    # Every method: another one isn't the backends' to refuse.
    app.router.add_route("*", LIMITS_PATH, proxy.limits)
    app.router.add_route("*", USAGE_PATH, proxy.usage)
    app[SHORTCUT] = app.router.add_route("*", "/v1/{rest:.*}", proxy.gateway.handle, expect_handler=expect)
    add_health_routes(app, proxy.readiness, proxy.metrics.registry)
    app.on_response_prepare.append(proxy.response_headers.on_response_prepare)
