"""Paths of the dashboard at the admin listener: the page, `/dashboard.json`, and `/dashboard/what-if`."""

import asyncio
import json
import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Protocol

from aiohttp import web

from nlpbatch.errors import InvalidRequest, NlpbatchError
from nlpbatch.serving.pages import add_resources, page_resources
from proxy.config import ProxySettings
from proxy.console.access import PAGE
from proxy.console.overview import Told, overview
from proxy.console.what_if import WhatIf
from proxy.planning.proposal import editable
from proxy.recent import Slice, joined

_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_USAGE_S: Final = 5.0
"""However many look, the ledger is read once in so long."""
_LOOK_S: Final = 0.5
"""And everything else."""
_AUDIT_ENTRIES: Final = 50


class Source(Protocol):
    """Whom the dashboard asks: a proxy, or the supervisor of several processes."""

    @property
    def settings(self) -> ProxySettings:
        """Return the configuration in force."""
        ...

    async def state(self) -> dict[str, Any]:
        """Return what `/state` tells."""
        ...

    async def parts(self) -> list[dict[str, Any]]:
        """Return what each process tells, see `part.part_of`."""
        ...

    async def totals(self) -> dict[str, dict[str, int]]:
        """Return what was answered since the start, see `part.totals_of`."""
        ...

    def config(self) -> dict[str, Any]:
        """Return the configuration's generation, the faults of the file as it is now, and the last reload."""
        ...

    async def usage(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Return what `/usage` tells."""
        ...

    async def keys(self) -> list[dict[str, Any]]:
        """Return what `/keys` tells."""
        ...

    async def audit(self, limit: int) -> list[dict[str, Any]]:
        """Return the last entries of the audit log, the oldest first."""
        ...


def config_of(generation: int, faults: Sequence[str], last_reload: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what the dashboard shows of the configuration, as JSON members."""
    return {"generation": generation, "valid": not faults, "faults": list(faults), "last_reload": last_reload}


def _slices_of(parts: Sequence[Mapping[str, Any]]) -> list[Slice]:
    return joined([[Slice.from_json(one) for one in part["slices"]] for part in parts])


class Dashboard:
    """Looks at a source for all that watch it.

    Args:
        source: Whom it asks.

    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._what_if = WhatIf(os.getpid())
        self._looking: asyncio.Task[dict[str, Any]] | None = None
        self._looked_s = 0.0
        self._usage: dict[str, Any] | None = None
        self._used_s = float("-inf")

    async def look(self) -> dict[str, Any]:
        """Return what there is to see, at most half a second old."""
        looking = self._looking
        if looking is None or (looking.done() and time.monotonic() - self._looked_s > _LOOK_S):
            looking = self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(looking)  # somebody who closes the page must not stop it for others

    async def what_if(self, members: Any) -> dict[str, Any]:
        """Return what a change would do, see `what_if`."""
        parts, state = await self._source.parts(), await self._source.state()
        slices = await asyncio.to_thread(_slices_of, parts)
        return await self._what_if.ask(members, self._source.settings, slices, state["backends"])

    def limits(self) -> dict[str, Any]:
        """Return the limits that may be edited, as JSON members."""
        return {"limits": editable(self._source.settings)}

    async def _look(self) -> dict[str, Any]:
        source = self._source
        try:
            told = Told(
                source.settings,
                await source.state(),
                await source.parts(),
                await source.totals(),
                source.config(),
                await self._read_usage(),
                await source.keys(),
                list(reversed(await source.audit(_AUDIT_ENTRIES))),
            )
            # Not on the event loop: with hundreds of jobs it takes a tenth of a second.
            return await asyncio.to_thread(overview, told, time.time())
        finally:
            self._looked_s = time.monotonic()

    async def _read_usage(self) -> dict[str, Any] | None:
        """Return what was used today and this month; what was known before, while the ledger is away."""
        if time.monotonic() - self._used_s < _USAGE_S:
            return self._usage
        self._used_s = time.monotonic()
        today = datetime.now(UTC).date()
        day = {"since": today.isoformat(), "until": today.isoformat()}
        month = day | {"since": today.replace(day=1).isoformat()}
        try:
            of_day, jobs, of_month = [
                await self._source.usage(asked)
                for asked in ({"by": "tenant"} | day, {"by": "job"} | day, {"by": "tenant"} | month)
            ]
        except NlpbatchError as error:
            self._usage = (self._usage or {}) | {"away": error.message}
            return self._usage
        self._usage = {
            "day": today.isoformat(),
            "today": of_day["rows"],
            "month": of_month["rows"],
            "jobs": jobs["rows"],
            "missing": of_month["missing"],
            "away": None,
        }
        return self._usage


def add_dashboard(app: web.Application, source: Source) -> None:
    """Add the paths.

    Args:
        app: That of the admin listener.
        source: Whom the dashboard asks.

    """
    dashboard = Dashboard(source)

    async def look(_: web.Request) -> web.Response:
        return _json(await dashboard.look())

    async def limits(_: web.Request) -> web.Response:
        return _json(dashboard.limits())

    async def what_if(request: web.Request) -> web.Response:
        try:
            members = json.loads(await request.read())
        except (ValueError, RecursionError):
            raise InvalidRequest('send {"edits": […]} as JSON') from None
        return _json(await dashboard.what_if(members))

    add_resources(app, page_resources("proxy.console", PAGE))
    app.router.add_get(f"{PAGE}.json", look)
    app.router.add_get(f"{PAGE}/limits", limits)
    app.router.add_post(f"{PAGE}/what-if", what_if)


def _json(members: Mapping[str, Any]) -> web.Response:
    return web.json_response(members, dumps=partial(json.dumps, ensure_ascii=False), headers=_HEADERS)
