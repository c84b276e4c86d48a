"""Serves the page of all runs: `/`; `/runs.json`, which it asks for again and again; `/preview.json`, ten rows."""

import asyncio
import hmac
import json
import time
from functools import partial
from typing import Any, Final

from aiohttp import BasicAuth, web

from nlpbatch.errors import ConfigError, NotFound, Unauthenticated
from nlpbatch.pipelines.overview import overview
from nlpbatch.pipelines.page import policy, to_html
from nlpbatch.pipelines.preview import preview
from nlpbatch.pipelines.records import Records

_HEADERS: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
_WANTED: Final = "a key is needed: send it as Authorization: Bearer KEY"
_AGAIN_S: Final = 1.0
"""However many look, the records are read once in so long."""


class Looks:
    """What the records say, read at most once a second for all that ask.

    Args:
        records: Where to look.

    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._lock = asyncio.Lock()
        self._found: dict[str, Any] | None = None
        self._at_s = 0.0

    async def look(self) -> dict[str, Any]:
        """Return what `overview` returns.

        Raises:
            ConfigError: As there.

        """
        async with self._lock:
            if self._found is None or time.monotonic() - self._at_s > _AGAIN_S:
                self._found = await asyncio.to_thread(overview, self._records)
                self._at_s = time.monotonic()
            return self._found


def add_runs_pages(app: web.Application, records: Records, key: str | None) -> None:
    """Add the page.

    Args:
        app: The application.
        records: Where to look.
        key: What callers have to know, as a bearer key or as the password of Basic authentication; None for no key.

    """
    looks = Looks(records)

    async def page(request: web.Request) -> web.Response:
        if not _is_known(request, key):
            # A browser asks for it by itself.
            return web.Response(
                status=401, text="a key is needed\n", headers={"WWW-Authenticate": 'Basic realm="runs"'}
            )
        found = await looks.look()
        headers = _HEADERS | {"Content-Security-Policy": policy()}
        return web.Response(text=to_html(found, live=True), content_type="text/html", headers=headers)

    async def runs(request: web.Request) -> web.Response:
        if not _is_known(request, key):
            raise Unauthenticated(_WANTED)
        try:
            found = await looks.look()
        except ConfigError as error:
            return web.Response(status=503, text=error.message)
        return web.json_response(found, dumps=partial(json.dumps, ensure_ascii=False), headers=_HEADERS)

    async def rows(request: web.Request) -> web.Response:
        if not _is_known(request, key):
            raise Unauthenticated(_WANTED)
        path, stage = request.query.get("path", ""), request.query.get("stage")
        # Only what is on the page: no path that somebody else made up.
        if path not in {run["path"] for run in (await looks.look())["runs"]}:
            raise NotFound(f"no job or recipe has its records at {path!r}")
        try:
            found = await asyncio.to_thread(preview, records, path, stage)
        except ConfigError as error:
            raise NotFound(error.message) from error
        return web.json_response(found, dumps=partial(json.dumps, ensure_ascii=False), headers=_HEADERS)

    app.router.add_get("/", page)
    app.router.add_get("/preview.json", rows)
    app.router.add_get("/runs.json", runs)


def _is_known(request: web.Request, key: str | None) -> bool:
    if key is None:
        return True
    given = request.headers.get("Authorization", "")
    scheme, _, value = given.partition(" ")
    if scheme.lower() == "basic":
        try:
            value = BasicAuth.decode(given).password
        except ValueError:
            return False
    return hmac.compare_digest(value.strip().encode(), key.encode())
