"""Who may reach the admin listener: those who know its key, and no page of another site.

A browser sends requests for whatever page is open in it. So a change is refused if a page of another site had it sent.
Without a key, a listener on loopback answers only under names that no other site can have: `localhost` and addresses.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from nlpbatch.errors import InvalidRequest, NotFound, Unauthenticated
from nlpbatch.serving.access import is_from_elsewhere, knows_key
from nlpbatch.serving.hosts import is_loopback, is_nobody_elses
from nlpbatch.serving.secrets import ADMIN_KEY_VARIABLE
from proxy.config_admin import AdminSettings

PAGE: Final = "/dashboard"
_OPEN: Final = "/healthz"
_READING: Final = ("GET", "HEAD")
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def guard(app: web.Application, admin: AdminSettings) -> None:
    """Have an admin listener's application let in only who may come in; call it before the application runs.

    Args:
        app: The application.
        admin: Where it listens, and its key.

    """
    key, local = admin.key(), is_loopback(admin.host)

    @web.middleware
    async def check(request: web.Request, handler: _Handler) -> web.StreamResponse:
        if request.path == _OPEN:
            return await handler(request)
        refused = _keyless(request, admin.host, local=local) if key is None else _keyed(request, key)
        if refused is not None:
            return refused
        if request.method not in _READING and is_from_elsewhere(request):
            raise InvalidRequest("a page of another site had this request sent: nothing was changed")
        return await handler(request)

    app.middlewares.append(check)


def _keyless(request: web.Request, listens_at: str, *, local: bool) -> web.Response | None:
    try:
        host = request.url.host or ""
    except ValueError:  # such as "Host: :x"
        host = ""
    if local and not is_nobody_elses(host):
        raise NotFound(f"this is no listener of {host}: ask it at 127.0.0.1, or set admin.key_file")
    if local or not _is_of_dashboard(request):
        return None
    said = (
        f"the dashboard is closed: the admin listener is at {listens_at}, where others reach it, and has no key: set "
        f"admin.key_file, or ${ADMIN_KEY_VARIABLE}, to a key that operators have to know; or listen on 127.0.0.1"
    )
    if request.path == PAGE:
        return web.Response(status=403, text=f"{said}\n")
    raise Unauthenticated(said)


def _keyed(request: web.Request, key: str) -> web.Response | None:
    if knows_key(request, key):
        return None
    if request.path == PAGE:  # a browser asks for the key by itself, and sends it with all that follows
        headers = {"WWW-Authenticate": 'Basic realm="nlpbatch proxy", charset="UTF-8"'}
        return web.Response(status=401, text="a key is needed, as the password\n", headers=headers)
    raise Unauthenticated(
        "this admin listener has a key: send it as Authorization: Bearer KEY; commands take it from "
        f"${ADMIN_KEY_VARIABLE}"
    )


def _is_of_dashboard(request: web.Request) -> bool:
    return request.path == PAGE or request.path.startswith((f"{PAGE}/", f"{PAGE}."))
