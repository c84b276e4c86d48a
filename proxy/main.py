"""Composition root of the proxy: settings in, a running server out."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

from aiohttp import web

from nlpbatch.serving import logs
from nlpbatch.serving.drain import DRAIN
from nlpbatch.serving.lifecycle import new_application, running, running_when_free, serve
from nlpbatch.serving.tracing import trace_requests
from proxy.admin import admin_application
from proxy.app import Proxy
from proxy.config import GIB, ProxySettings
from proxy.reload import reload_forever
from proxy.routes import Host, add_routes

PROXY: web.AppKey[Proxy] = web.AppKey("proxy", Proxy)
SERVICE: Final = "nlpbatch-proxy"
"""Its name in OpenTelemetry's spans."""


async def build_app(settings: ProxySettings, host: Host | None = None) -> web.Application:
    """Return the application; it watches its backends from start-up to clean-up. Needs a running event loop.

    Args:
        settings: The configuration to begin with.
        host: The processes of which this is one, if there are several.

    """
    # The gateway refuses by Content-Length before aiohttp would; its own limit couldn't be changed while it runs.
    app = new_application(body_bytes=GIB, drain_retry_after_s=settings.listen.drain_timeout_s)
    proxy = app[PROXY] = Proxy(settings, app[DRAIN])
    add_routes(app, proxy, host)

    async def lifespan(_: web.Application) -> AsyncIterator[None]:
        try:
            await proxy.start()
            yield
        finally:
            await proxy.close()

    app.cleanup_ctx.append(lifespan)
    return app


async def run(read: Callable[[], ProxySettings], path: Path, *, shared_port: bool = False) -> None:
    """Serve until told to stop; take over the file when it changes.

    Args:
        read: Returns the settings in the file.
        path: The file.
        shared_port: Whether a predecessor or successor may listen on the same port.

    Raises:
        ConfigError: The settings are wrong, an address can't be bound, or a certificate can't be used.

    """
    settings = read()
    logs.configure(settings.log_level)
    app = await build_app(settings)
    trace_requests(app, SERVICE)
    reloading = asyncio.create_task(reload_forever(app[PROXY], path, read), name="reload")
    try:
        if not settings.admin.enabled:
            await serve(app, settings.listen, shared=shared_port)
            return
        if shared_port:
            admin = running_when_free(admin_application(app[PROXY]), settings.admin, "admin")
            await serve(app, settings.listen, shared=True, beside=admin)
            return
        async with running(admin_application(app[PROXY]), settings.admin, "admin"):
            await serve(app, settings.listen)
    finally:
        reloading.cancel()
        await asyncio.wait([reloading])
