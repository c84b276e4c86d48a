"""Composition root of the proxy: settings in, a running server out."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from nlpbatch.serving import logs
from nlpbatch.serving.lifecycle import new_application, serve
from proxy.admission import Bounds
from proxy.balancer import Backend
from proxy.config import ProxySettings
from proxy.gate import Gate
from proxy.gateway import Gateway
from proxy.health import check_forever
from proxy.keys import KeyRing
from proxy.limits import FixedLimit
from proxy.metrics import Metrics
from proxy.routes import add_routes
from proxy.upstream import Upstream


async def build_app(settings: ProxySettings) -> web.Application:
    """Return the application; it watches its backends from start-up to clean-up. Needs a running event loop."""
    metrics = Metrics()
    backends = [Backend(backend.url, FixedLimit(settings.limits.in_flight)) for backend in settings.backends]
    weights = {name: tenant.weight for name, tenant in settings.tenants.items()}
    queue = settings.queue
    gate = Gate(backends, weights, Bounds(queue.requests, queue.size_bytes, queue.max_wait_s), metrics.refused)
    upstream = Upstream(settings.upstream)
    keys = KeyRing({name: tenant.keys for name, tenant in settings.tenants.items()})
    gateway = Gateway(keys, gate, upstream, settings.limits, metrics)
    for backend in backends:
        metrics.watch_backend(backend)
    for tenant in settings.tenants:
        metrics.watch_tenant(tenant, gate)
    app = new_application(body_bytes=settings.limits.body_bytes, drain_retry_after_s=settings.listen.drain_timeout_s)
    add_routes(app, gateway, backends, metrics)

    async def lifespan(_: web.Application) -> AsyncIterator[None]:
        checks = asyncio.create_task(check_forever(backends, gate, upstream, settings.upstream.health_period_s))
        yield
        checks.cancel()
        await asyncio.wait([checks])
        await upstream.close()

    app.cleanup_ctx.append(lifespan)
    return app


async def run(settings: ProxySettings) -> None:
    """Serve until told to stop.

    Raises:
        ConfigError: The address can't be bound.

    """
    logs.configure(settings.log_level)
    await serve(await build_app(settings), settings.listen)
