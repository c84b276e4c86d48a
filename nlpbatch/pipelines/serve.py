"""Serves the page of all runs: `/`; `/runs.json`, which it asks for again and again; `/preview.json`, and `/report`."""

import asyncio
import json
import time
from functools import partial
from typing import Any, Final

from aiohttp import web

from nlpbatch.errors import ConfigError, NotFound, ServiceUnreachable
from nlpbatch.pipelines.access import HEADERS, PageAccess
from nlpbatch.pipelines.overview import overview, series_around, without_batches
from nlpbatch.pipelines.page import policy, to_html
from nlpbatch.pipelines.preview import preview
from nlpbatch.pipelines.records import Records
from nlpbatch.pipelines.reports import REPORT_POLICY, read_report

_AGAIN_S: Final = 1.0
"""However many look, the records are read once in so long."""
_HISTORY_S: Final = 10.0
"""The last runs of an output change rarely."""
_OPEN: Final = 20
"""Runs whose last runs are kept."""


class Looks:
    """What the records say, read at most once a second for all that ask.

    Args:
        records: Where to look.

    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._looking: asyncio.Task[dict[str, Any]] | None = None
        self._ended_s = 0.0
        self._series: dict[str, tuple[float, dict[str, Any]]] = {}

    async def look(self) -> dict[str, Any]:
        """Return what `overview` returns.

        Raises:
            ServiceUnreachable: The directory can't be looked at now.

        """
        done = self._looking is None or (self._looking.done() and time.monotonic() - self._ended_s > _AGAIN_S)
        if self._looking is None or done:
            self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(self._looking)  # who closes the page must not stop it for others

    async def series(self, path: str) -> dict[str, Any]:
        """Return the series of a run, read at most every ten seconds.

        Raises:
            ServiceUnreachable: As `look`.

        """
        found = await self.look()
        read_s, known = self._series.get(path, (-_HISTORY_S, {}))
        if time.monotonic() - read_s > _HISTORY_S:
            known = await asyncio.to_thread(series_around, self._records, found, path)
            others = [one for one in self._series.items() if one[0] != path]
            self._series = {path: (time.monotonic(), known), **dict(others[: _OPEN - 1])}
        return known

    async def _look(self) -> dict[str, Any]:
        try:
            return await asyncio.to_thread(partial(overview, self._records, histories=False))
        except ConfigError as error:
            raise ServiceUnreachable(error.message) from error
        finally:
            self._ended_s = time.monotonic()


def add_runs_pages(app: web.Application, records: Records, access: PageAccess, *, recipes: bool = False) -> None:
    """Add the page.

    Args:
        app: The application.
        records: Where to look.
        access: Knows who may see it.
        recipes: Whether there is a page that edits recipes, too.

    """
    looks = Looks(records)

    async def page(request: web.Request) -> web.Response:
        if (instead := access.admit(request)) is not None:
            return instead
        found = without_batches(await looks.look(), None)
        headers = HEADERS | {"Content-Security-Policy": policy()}
        return web.Response(text=to_html(found, live=True, recipes=recipes), content_type="text/html", headers=headers)

    async def runs(request: web.Request) -> web.Response:
        access.check(request)
        path = request.query.get("path")
        series = {} if path is None else await looks.series(path)
        found = without_batches(await looks.look(), path, series)
        return web.json_response(found, dumps=partial(json.dumps, ensure_ascii=False), headers=HEADERS)

    async def rows(request: web.Request) -> web.Response:
        access.check(request)
        path, stage = request.query.get("path", ""), request.query.get("stage")
        # Only what is on the page: no path that somebody else made up.
        if path not in {run["path"] for run in (await looks.look())["runs"]}:
            raise NotFound(f"no job or recipe has its records at {path!r}")
        try:
            found = await asyncio.to_thread(preview, records, path, stage)
        except ConfigError as error:
            raise NotFound(error.message) from error
        return web.json_response(found, dumps=partial(json.dumps, ensure_ascii=False), headers=HEADERS)

    app.router.add_get("/", page)
    app.router.add_get("/preview.json", rows)
    _add_report_page(app, records, access, looks)
    app.router.add_get("/runs.json", runs)


def _add_report_page(app: web.Application, records: Records, access: PageAccess, looks: Looks) -> None:
    async def report(request: web.Request) -> web.Response:
        if (instead := access.admit(request)) is not None:
            return instead
        path, name = request.query.get("path", ""), request.query.get("name", "")
        if path not in {run["path"] for run in (await looks.look())["runs"]}:
            raise NotFound(f"no job or recipe has its records at {path!r}")
        try:
            body = await asyncio.to_thread(read_report, records, path, name)
        except ConfigError as error:
            raise NotFound(error.message) from error
        headers = HEADERS | {"Content-Security-Policy": REPORT_POLICY}
        return web.Response(body=body, content_type="text/html", charset="utf-8", headers=headers)

    app.router.add_get("/report", report)
