"""Runs an application until a signal stops it, then lets it finish the requests in progress."""

import asyncio
import logging
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from nlpbatch.errors import ConfigError
from nlpbatch.serving.connection import allow_many_connections, connection
from nlpbatch.serving.drain import DRAIN, Drain
from nlpbatch.serving.listen import EndpointSettings, ListenSettings
from nlpbatch.serving.problems import problems
from nlpbatch.serving.shortcut import take_shortcut
from nlpbatch.serving.tls import keep_current, server_context

_log = logging.getLogger("nlpbatch.serving")


def new_application(*, body_bytes: int, drain_retry_after_s: float) -> web.Application:
    """Return an empty application with the middleware and the drain of every server here."""
    app = web.Application(middlewares=[problems], client_max_size=body_bytes)
    app[DRAIN] = Drain(drain_retry_after_s)
    return app


async def _listen(
    runner: web.AppRunner, endpoint: EndpointSettings, tls: ssl.SSLContext | None, name: str
) -> asyncio.Server:
    server = runner.server
    if server is None:
        raise RuntimeError("call runner.setup() first")
    try:
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(
            lambda: connection(server, loop), endpoint.host, endpoint.port, backlog=4096, ssl=tls
        )
    except OSError as error:
        raise ConfigError(
            f"can't listen on {endpoint.host}:{endpoint.port}: {error.strerror}: choose another port"
        ) from error
    for bound in listener.sockets:
        host, port, *_ = bound.getsockname()
        _log.info("listening", extra={"listener": name, "host": host, "port": port, "tls": tls is not None})
    return listener


@asynccontextmanager
async def running(
    app: web.Application, endpoint: EndpointSettings, name: str = "service"
) -> AsyncIterator[asyncio.Server]:
    """Serve an application for the time of the context; `name` tells listeners apart in the log."""
    # handler_cancellation: a caller that has closed its connection must not keep its place in a queue.
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1.0)
    tls = server_context(endpoint.tls)
    await runner.setup()
    if runner.server is not None:
        take_shortcut(app, runner.server)
    try:
        listener = await _listen(runner, endpoint, tls, name)
        renewal = None
        if tls is not None and endpoint.tls is not None:
            renewal = asyncio.create_task(keep_current(tls, endpoint.tls), name="certificate")
        try:
            yield listener
        finally:
            listener.close()
            if renewal is not None:
                renewal.cancel()
    finally:
        await runner.cleanup()


async def serve(app: web.Application, listen: ListenSettings, starting: "asyncio.Task[None] | None" = None) -> None:
    """Serve until SIGTERM or SIGINT, then drain: refuse new work, finish the rest, close.

    Args:
        app: The application.
        listen: Address, and time to finish requests in progress.
        starting: The start, which continues while it listens already (health checks need an answer); when it fails, so
            does serving.

    Raises:
        ConfigError: The address can't be bound, or the certificate can't be used.

    """
    allow_many_connections()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(app, listen):
        await _stopped(stop, starting)
        await _drain(app[DRAIN], listen.drain_timeout_s)


async def _stopped(stop: asyncio.Event, starting: "asyncio.Task[None] | None") -> None:
    stopping = asyncio.create_task(stop.wait())
    try:
        if starting is not None:
            await asyncio.wait([stopping, starting], return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
        await stopping
    finally:
        stopping.cancel()


async def _drain(drain: Drain, timeout_s: float) -> None:
    _log.info("draining", extra={"in_progress": drain.in_progress, "timeout_s": timeout_s})
    # The listener stays open meanwhile: a refusal with Retry-After is better than a refused connection.
    drain.start()
    finished = await drain.wait_idle(timeout_s)
    _log.info("drained", extra={"finished": finished, "left": drain.in_progress})
