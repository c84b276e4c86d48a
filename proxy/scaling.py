"""Watches what there is to do at all proxies, and says how many workers are wanted: see `traffic.wanted_workers`.

In a fleet all say the same number: that of the proxy that has run longest, which has seen most. While the store is
away, what others said last still counts, and the greatest number is said: nobody ends workers that others need.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from proxy.config import ProxySettings
from proxy.shared.fleet import Fleet
from proxy.shared.members import Member
from proxy.traffic.controller import TrafficController
from proxy.traffic.wanted_workers import Load, WantedWorkers

_PERIOD_S: Final = 1.0
_UNKNOWN: Final = {"wanted_workers": None, "reason": "the proxy has just started, or has not asked all backends yet"}
_log = logging.getLogger("nlpbatch.proxy")


class Scaling:
    """Looks once a second.

    Args:
        settings: The configuration to begin with; `adopt` replaces it.
        traffic: What is to do here.
        fleet: The other proxies; None for one that is alone.

    """

    def __init__(self, settings: ProxySettings, traffic: TrafficController, fleet: Fleet | None) -> None:
        self._traffic = traffic
        self._fleet = fleet
        self._wanted = WantedWorkers(settings.scaling)
        self._began_s: float | None = None
        self._registering_s = _registering_s(settings)
        self._said: Mapping[str, Any] | None = None

    @property
    def wanted_workers(self) -> int | None:
        """Return how many workers are wanted for all proxies together; None while that isn't known."""
        return None if self._said is None else int(self._said["wanted_workers"])

    def adopt(self, settings: ProxySettings) -> None:
        """Decide by these settings from now on."""
        self._wanted.settings = settings.scaling
        self._registering_s = _registering_s(settings)

    def to_json(self) -> dict[str, Any]:
        """Return what an operator wants to see."""
        settings = self._wanted.settings
        bounds = {"min_workers": settings.min_workers, "max_workers": settings.max_workers}
        return {**(_UNKNOWN if self._said is None else self._said), **bounds}

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(_PERIOD_S)
            self.look(time.monotonic())

    def look(self, now_s: float) -> None:
        """Decide what is wanted now."""
        before = self.wanted_workers
        self._began_s = now_s if self._began_s is None else self._began_s
        own, capacity = self._traffic.load(), self._traffic.capacity()
        if now_s - self._began_s < self._registering_s:
            capacity = replace(capacity, known=False)
        if self._fleet is None:
            latest = self._wanted.look({"": own}, capacity, now_s)
            self._said = latest.to_json() if latest.settled else None
        else:
            members = self._fleet.members
            loads = {id_: Load.from_json(one.load) for id_, one in members.alive.items()} | {members.me.id: own}
            latest = self._wanted.look(loads, capacity, now_s)
            wanted = latest.to_json() if latest.settled else None
            members.say(load=own.to_json(), wanted=wanted, pinned=tuple(sorted(self._traffic.pinned(now_s))))
            self._said = agreed(members.alive.values(), store_away=self._fleet.store.away)
        if before != self.wanted_workers and self._said is not None:
            extra = {"workers": self.wanted_workers, "before": before, "reason": self._said["reason"]}
            _log.info("workers wanted", extra=extra)


def _registering_s(settings: ProxySettings) -> float:
    """Return after how long all backends that register themselves have done so, at a proxy that has just started."""
    return settings.registration.ttl_s if settings.registration.is_on else 0.0


def agreed(members: Iterable[Member], *, store_away: bool) -> Mapping[str, Any] | None:
    """Return what all proxies of a fleet say is wanted; None while none of them knows."""
    known = [(one.started_at, one.id, one.wanted) for one in members if one.wanted is not None]
    if not known:
        return None
    if store_away:
        return max((wanted for _, _, wanted in known), key=lambda wanted: int(wanted["wanted_workers"]))
    return min(known, key=lambda one: one[:2])[2]
