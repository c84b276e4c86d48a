"""The proxy's endpoints: `/v1/limits` and `/v1/usage` are its own, everything else under /v1/ is passed on."""

from typing import Any, Protocol

from aiohttp import web

from nlpbatch.serving.health import add_health_routes
from nlpbatch.serving.past_router import PAST_ROUTER, PastRouter
from nlpbatch.wire.media import LIMITS_PATH, USAGE_PATH
from proxy.app import Proxy
from proxy.forwarding.gateway import expect
from proxy.registration import add_registration_routes


class Host(Protocol):
    """What a process tells of all processes of its host, of which callers know nothing."""

    async def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Return whether one of them can take work, and what is known of the backends."""
        ...

    async def exposition(self) -> bytes:
        """Return the metrics of all together."""
        ...


def add_routes(app: web.Application, proxy: Proxy, host: Host | None = None) -> None:
    """Add all endpoints; `host` if the proxy is one of several processes."""
    # Every method: another one isn't the backends' to refuse.
    app.router.add_route("*", LIMITS_PATH, proxy.limits)
    app.router.add_route("*", USAGE_PATH, proxy.usage)
    app.router.add_route("*", "/v1/{rest:.*}", proxy.gateway.handle, expect_handler=expect)
    app[PAST_ROUTER] = PastRouter("/v1/", frozenset({LIMITS_PATH, USAGE_PATH}), proxy.gateway.handle)
    if host is None:
        add_health_routes(app, proxy.readiness, proxy.metrics.registry)
    else:
        add_health_routes(app, host.readiness, proxy.metrics.registry, host.exposition)
    add_registration_routes(app, proxy.registry)
    app.on_response_prepare.append(proxy.response_headers.on_response_prepare)
