"""The host as the dashboard asks it: each worker for its part, any worker for what all have in common."""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from nlpbatch.errors import Draining
from proxy.config import ProxySettings
from proxy.console.part import totals_of
from proxy.console.routes import config_of
from proxy.host.supervisor import Supervisor
from proxy.host.workers import WorkerRequest

PART_PATH: Final = "/part"
"""Where a worker tells its part."""
_RETRY_AFTER_S: Final = 1.0


class HostSource:
    """Asks the workers.

    Args:
        supervisor: Knows them.

    """

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    @property
    def settings(self) -> ProxySettings:
        """Return the configuration in force, as it is in the file."""
        return self._supervisor.settings

    async def state(self) -> dict[str, Any]:
        """Return what `/state` tells."""
        return await self._supervisor.state()

    async def parts(self) -> list[dict[str, Any]]:
        """Return what each worker tells that answers."""
        replies = await self._supervisor.ask_all(PART_PATH)
        return [json.loads(reply.body) for reply in replies if reply is not None and reply.is_success]

    async def totals(self) -> dict[str, dict[str, int]]:
        """Return what was answered since the start, also by workers that have ended."""
        await self._supervisor.count()
        return totals_of(self._supervisor.collect())

    def config(self) -> dict[str, Any]:
        """Return the configuration's generation, the faults of the file as it is now, and the last reload."""
        supervisor = self._supervisor
        return config_of(supervisor.generation, supervisor.metrics.config_faults, supervisor.audit.last_reload)

    async def usage(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Return what `/usage` tells."""
        return await self._ask_one(f"/usage?{urlencode(parameters)}")

    async def keys(self) -> list[dict[str, Any]]:
        """Return what `/keys` tells."""
        found: list[dict[str, Any]] = (await self._ask_one("/keys"))["keys"]
        return found

    async def audit(self, limit: int) -> list[dict[str, Any]]:
        """Return the last entries of the audit log, the oldest first."""
        found: list[dict[str, Any]] = (await self._ask_one(f"/audit?limit={limit}"))["entries"]
        return found

    async def _ask_one(self, path: str) -> dict[str, Any]:
        reply = await self._supervisor.ask_one(WorkerRequest("GET", path))
        if reply is None or not reply.is_success:
            raise Draining(f"no worker answers {path.partition('?')[0]}: ask again", retry_after_s=_RETRY_AFTER_S)
        found: dict[str, Any] = json.loads(reply.body)
        return found
