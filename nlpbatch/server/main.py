"""Composition root of the API: settings in, a running server out."""

import asyncio
from pathlib import Path
from typing import Any

from aiohttp import web

from nlpbatch.server.analyzers import Analyzers
from nlpbatch.server.config import ServerSettings
from nlpbatch.server.metrics import ServerMetrics
from nlpbatch.server.outcome_cache.cache import OutcomeCache
from nlpbatch.server.outcome_cache.metrics import CacheCollector
from nlpbatch.server.pages import add_pages
from nlpbatch.server.registrar import Registrar
from nlpbatch.server.routes import Routes
from nlpbatch.server.shared_answers import SharedAnswers
from nlpbatch.serving import logs
from nlpbatch.serving.health import add_health_routes
from nlpbatch.serving.lifecycle import new_application, serve
from nlpbatch.serving.tracing import trace_requests


def build_app(settings: ServerSettings, analyzers: Analyzers, metrics: ServerMetrics) -> web.Application:
    """Return the application; until its analyzers have loaded it refuses work and isn't ready."""
    app = new_application(body_bytes=settings.limits.body_bytes, drain_retry_after_s=settings.listen.drain_timeout_s)
    limits = settings.limits.to_wire()
    cache = OutcomeCache(settings.cache)
    CacheCollector(cache, metrics.registry)
    Routes(analyzers, limits, metrics, SharedAnswers(settings.replay), cache).add_to(app)
    add_pages(app, limits, analyzers.catalogue)

    async def readiness() -> tuple[bool, dict[str, Any]]:
        return analyzers.ready, {"workers": analyzers.workers, "fingerprints": analyzers.fingerprints}

    add_health_routes(app, readiness, metrics.registry)
    return app


async def run(settings: ServerSettings, base: Path = Path()) -> None:
    """Serve until a signal ends it.

    Args:
        settings: The configuration.
        base: Directory that its paths begin at.

    Raises:
        ConfigError: A dictionary or an analyzer can't be loaded, or the address can't be bound.

    """
    logs.configure(settings.log_level)
    metrics = ServerMetrics()
    analyzers = Analyzers(settings, metrics, base)
    starting = asyncio.create_task(analyzers.start())
    try:
        app = build_app(settings, analyzers, metrics)
        trace_requests(app, "nlpbatch-api")
        registrar = Registrar(settings.registration, tls=settings.listen.tls) if settings.registration.proxies else None
        announce = None if registrar is None else registrar.registered
        await serve(app, settings.listen, starting, announce=announce)
    finally:
        starting.cancel()
        await asyncio.wait([starting])
        await analyzers.stop()
