"""Past aiohttp's router and middlewares, for a service nearly all of whose requests go to one handler."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from aiohttp import web

from nlpbatch.serving.problems import PAST_ROUTER_KEY, answer

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PastRouter(NamedTuple):
    """The requests that don't need a router, which the application has to answer alike.

    Args:
        prefix: What their paths begin with.
        routed: Paths under it that the router knows.
        handler: What answers them.

    """

    prefix: str
    routed: frozenset[str]
    handler: _Handler


PAST_ROUTER: web.AppKey[PastRouter] = web.AppKey("past_router", PastRouter)


def shorten(app: web.Application, server: web.Server) -> None:
    """Let the application's requests go past its router where it says so."""
    short = app.get(PAST_ROUTER)
    if short is None:
        return
    prefix, routed, handler = short
    through_router = server.request_handler

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        # Whatever might be read in another way than it is written goes through the router.
        plain = request.raw_path.startswith(prefix) and request.path not in routed and request.path.isprintable()
        if plain and isinstance(request, web.Request):
            request[PAST_ROUTER_KEY] = app
            return await answer(app, request, handler)
        return await through_router(request)

    server.request_handler = handle
