"""Composition root of the API: settings in, a running server out."""

from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from nlpbatch.server.analyzers import Analyzers
from nlpbatch.server.config import ServerSettings
from nlpbatch.server.metrics import Metrics
from nlpbatch.server.routes import Routes
from nlpbatch.serving import logs
from nlpbatch.serving.health import add_health_routes
from nlpbatch.serving.lifecycle import new_application, serve

ANALYZERS: web.AppKey[Analyzers] = web.AppKey("analyzers", Analyzers)


def build_app(settings: ServerSettings) -> web.Application:
    """Return the application; its analyzers load when it starts up and end when it is cleaned up."""
    metrics = Metrics()
    analyzers = Analyzers(settings, metrics)
    app = new_application(body_bytes=settings.limits.body_bytes, drain_retry_after_s=settings.listen.drain_timeout_s)
    app[ANALYZERS] = analyzers
    Routes(analyzers, settings.limits.to_wire(), metrics).add_to(app)

    async def readiness() -> tuple[bool, dict[str, Any]]:
        return analyzers.ready, {"workers": analyzers.workers}

    add_health_routes(app, readiness, metrics.registry)

    async def lifespan(_: web.Application) -> AsyncIterator[None]:
        await analyzers.start()
        yield
        await analyzers.stop()

    app.cleanup_ctx.append(lifespan)
    return app


async def run(settings: ServerSettings) -> None:
    """Serve until told to stop.

    Raises:
        ConfigError: An analyzer can't be loaded, or the address can't be bound.

    """
    logs.configure(settings.log_level)
    await serve(build_app(settings), settings.listen.to_listen())
