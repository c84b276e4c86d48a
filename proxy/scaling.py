"""Watches what there is to do at all proxies, and says how many workers are wanted: see `traffic.wanted_workers`."""

import asyncio
import logging
import time
from typing import Any, Final

from proxy.config import ProxySettings
from proxy.shared.fleet import Fleet
from proxy.traffic.controller import TrafficController
from proxy.traffic.wanted_workers import Load, WantedWorkers

_PERIOD_S: Final = 1.0
_log = logging.getLogger("nlpbatch.proxy")


class Scaling:
    """Looks once a second; in a fleet, every proxy comes to the same number, give or take the time of a heartbeat.

    Args:
        settings: The configuration to begin with; `adopt` replaces it.
        traffic: What is to do here.
        fleet: The other proxies; None for one that is alone.

    """

    def __init__(self, settings: ProxySettings, traffic: TrafficController, fleet: Fleet | None) -> None:
        self._traffic = traffic
        self._fleet = fleet
        self._wanted = WantedWorkers(settings.scaling)

    @property
    def wanted_workers(self) -> int:
        """Return how many workers are wanted for all proxies together; those that there are, before the first look."""
        latest = self._wanted.latest
        return self._traffic.capacity().workers if latest is None else latest.workers

    def adopt(self, settings: ProxySettings) -> None:
        """Decide by these settings from now on."""
        self._wanted.settings = settings.scaling

    def to_json(self) -> dict[str, Any]:
        """Return what an operator wants to see."""
        latest = self._wanted.latest
        return {
            "wanted_workers": self.wanted_workers,
            "workers": self._traffic.capacity().workers,
            "reason": "not looked yet" if latest is None else latest.reason,
        }

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(_PERIOD_S)
            before = self.wanted_workers
            now = self._wanted.look(self._load(), self._traffic.capacity(), time.monotonic())
            if now.workers != before:
                _log.info("workers wanted", extra={"workers": now.workers, "before": before, "reason": now.reason})

    def _load(self) -> Load:
        own = self._traffic.load()
        if self._fleet is None:
            return own
        members = self._fleet.members
        members.say(load=own.to_json(), pinned=tuple(sorted(self._traffic.pinned(time.monotonic()))))
        others = (Load.from_json(one.load) for id_, one in members.alive.items() if id_ != members.me.id)
        return sum(others, start=own)
