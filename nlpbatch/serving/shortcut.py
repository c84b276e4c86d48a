"""Lets requests of one route pass by aiohttp's router and chain of middlewares, a twentieth of a small request's time.

The route is a catch-all such as `/v1/{rest:.*}`. What may belong to another route still goes through the router.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from nlpbatch.serving.problems import problems

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SHORTCUT: Final = web.AppKey("shortcut", web.AbstractRoute)
"""The route of an application that most requests take; `problems` has to be its only middleware."""


def take_shortcut(app: web.Application, server: web.Server) -> None:
    """Let the server of an application use its shortcut, if it has one."""
    route = app.get(SHORTCUT)
    if route is not None and route.resource is not None:
        server.request_handler = _shortened(app, route, server.request_handler)  # type: ignore[assignment]


def _shortened(app: web.Application, route: web.AbstractRoute, routed: _Handler) -> _Handler:
    start = _start_of(route)
    others = tuple(_start_of(other) for other in app.router.routes() if other.resource is not route.resource)
    match = web.UrlMappingMatchInfo({}, route)
    match.add_app(app)
    match.freeze()

    def handle(request: web.Request) -> Awaitable[web.StreamResponse]:
        path = request.rel_url.raw_path
        # A percent sign may hide the path of another route.
        if not path.startswith(start) or path.startswith(others) or "%" in path:
            return routed(request)
        request._match_info = match  # noqa: SLF001  (as the application does; answers find its signals there)
        return problems(request, route.handler)

    return handle


def _start_of(route: web.AbstractRoute) -> str:
    """Return what each path of a route begins with."""
    return route.resource.canonical.partition("{")[0] if route.resource is not None else "/"
