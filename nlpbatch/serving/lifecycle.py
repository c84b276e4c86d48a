"""Runs an application until a signal stops it, then lets it finish the requests in progress."""

import asyncio
import errno
import logging
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import Final

from aiohttp import web

from nlpbatch.errors import ConfigError
from nlpbatch.serving.connection import allow_many_connections, connection
from nlpbatch.serving.drain import DRAIN, Drain
from nlpbatch.serving.listen import EndpointSettings, ListenSettings
from nlpbatch.serving.notify import notify_ready
from nlpbatch.serving.past_router import shorten
from nlpbatch.serving.problems import problems
from nlpbatch.serving.reuse_port import close_without_loss
from nlpbatch.serving.tls import keep_current, server_context

_log = logging.getLogger("nlpbatch.serving")
_LAST_REQUEST_S: Final = 5.0
"""For how long a process that hands over waits for one more request on each silent connection: one that is closed at
once might have a request on its way, which would fail."""
_OTHERS_S: Final = 0.3
"""Time in which processes that are stopped at the same moment have all closed their listeners."""
_LOOK_S: Final = 0.05
_TAKE_OVER_S: Final = 0.2
"""How often to try for an address that another process has."""


def new_application(*, body_bytes: int, drain_retry_after_s: float) -> web.Application:
    """Return an empty application with the middleware and the drain of every server here."""
    app = web.Application(middlewares=[problems], client_max_size=body_bytes)
    app[DRAIN] = Drain(drain_retry_after_s)
    return app


async def _listen(
    runner: web.AppRunner, endpoint: EndpointSettings, tls: ssl.SSLContext | None, name: str, *, shared: bool
) -> asyncio.Server:
    server = runner.server
    if server is None:
        raise RuntimeError("call runner.setup() first")
    try:
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(
            lambda: connection(server, loop),
            endpoint.host,
            endpoint.port,
            backlog=4096,
            ssl=tls,
            reuse_port=shared or None,
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
    app: web.Application, endpoint: EndpointSettings, name: str = "service", *, shared: bool = False
) -> AsyncIterator[asyncio.Server]:
    """Serve an application for the time of the context.

    Args:
        app: The application.
        endpoint: Where to listen.
        name: Tells listeners apart in the log.
        shared: Whether other processes listen there as well.

    """
    async with _running(app, endpoint, name, shared=shared) as (_, listener):
        yield listener


@asynccontextmanager
async def _running(
    app: web.Application, endpoint: EndpointSettings, name: str = "service", *, shared: bool
) -> AsyncIterator[tuple[web.AppRunner, asyncio.Server]]:
    # handler_cancellation: a caller that has closed its connection must not keep its place in a queue.
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1.0)
    tls = server_context(endpoint.tls)
    await runner.setup()
    if runner.server is not None:
        shorten(app, runner.server)
    try:
        listener = await _listen(runner, endpoint, tls, name, shared=shared)
        renewal = None
        if tls is not None and endpoint.tls is not None:
            renewal = asyncio.create_task(keep_current(tls, endpoint.tls), name="certificate")
        try:
            yield runner, listener
        finally:
            listener.close()
            if renewal is not None:
                renewal.cancel()
    finally:
        await runner.cleanup()


@asynccontextmanager
async def running_when_free(app: web.Application, endpoint: EndpointSettings, name: str) -> AsyncIterator[None]:
    """Serve an application for the time of the context, from when its address is free: a predecessor may have it."""
    server_context(endpoint.tls)  # a certificate that can't be used is an error now
    task = asyncio.create_task(_run_when_free(app, endpoint, name), name=name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _run_when_free(app: web.Application, endpoint: EndpointSettings, name: str) -> None:
    warned = False
    while not _is_free(endpoint):
        if not warned:
            _log.warning("address in use", extra={"listener": name, "host": endpoint.host, "port": endpoint.port})
            warned = True
        await asyncio.sleep(_TAKE_OVER_S)
    try:
        async with running(app, endpoint, name):
            await asyncio.Event().wait()
    except ConfigError as error:
        _log.error("not listening", extra={"listener": name, "fault": error.message})  # the work goes on without it


def _is_free(endpoint: EndpointSettings) -> bool:
    try:
        socket.create_server((endpoint.host, endpoint.port)).close()
    except OSError as error:
        return error.errno != errno.EADDRINUSE
    return True


async def serve(
    app: web.Application,
    listen: ListenSettings,
    starting: "asyncio.Task[None] | None" = None,
    *,
    shared: bool = False,
    beside: AbstractAsyncContextManager[object] | None = None,
    announce: Callable[[int], AbstractAsyncContextManager[object]] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then drain: refuse new work, finish the rest, close.

    Args:
        app: The application.
        listen: Address, and time to finish requests in progress.
        starting: The start, which continues while it listens already (health checks need an answer); when it fails, so
            does serving.
        shared: Whether other processes listen there as well. Then the drain refuses nothing: new connections go to
            the others, and requests on those that are there are answered, the last time with `Connection: close`.
        beside: Is left when the drain begins.
        announce: Makes, of the port in use, a context that is left before the drain begins, however long that takes.

    Raises:
        ConfigError: The address can't be bound, or the certificate can't be used.

    """
    allow_many_connections()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if shared:
        app.on_response_prepare.append(partial(_close_when_handing_over, app[DRAIN]))
    async with _running(app, listen, shared=shared) as (runner, listener):
        notify_ready()
        port = listener.sockets[0].getsockname()[1]
        async with beside or nullcontext(), nullcontext() if announce is None else announce(port):
            await _stopped(stop, starting)
        if shared:
            await _hand_over(app[DRAIN], runner, listener, listen.drain_timeout_s)
        else:
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


async def _hand_over(drain: Drain, runner: web.AppRunner, listener: asyncio.Server, timeout_s: float) -> None:
    """Let other processes have the new connections, and wait until the present ones have had their last request."""
    _log.info("handing over", extra={"in_progress": drain.in_progress, "timeout_s": timeout_s})
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    await close_without_loss(listener)
    # Not earlier: callers connect again at once, and listeners that are leaving as well would delay them.
    await asyncio.sleep(_OTHERS_S)
    drain.hand_over()
    while (ran_s := loop.time() - began_s) < timeout_s:
        silent = runner.server.connections if runner.server is not None and ran_s < _LAST_REQUEST_S else []
        if not drain.in_progress and not silent:
            break
        await asyncio.sleep(_LOOK_S)
    drain.start()
    _log.info("drained", extra={"finished": not drain.in_progress, "left": drain.in_progress})


async def _close_when_handing_over(drain: Drain, _: web.Request, response: web.StreamResponse) -> None:
    if drain.handing_over:
        response.force_close()
        response.headers["Connection"] = "close"
