"""This proxy as a member of a fleet: the store, who else is alive, and what is shared with them."""

import asyncio
import hashlib
import json
import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import nlpbatch
from nlpbatch.serving.failed_keys import FailedKeys
from proxy.config import ProxySettings
from proxy.shared.budgets import SharedBudgets
from proxy.shared.claims import Claims
from proxy.shared.clock import FleetClock
from proxy.shared.demands import Demands
from proxy.shared.failures import SharedFailures
from proxy.shared.leases import Leases
from proxy.shared.members import Member, Members
from proxy.shared.store import SharedStore
from proxy.shared.upkeep import Upkeep
from proxy.traffic.budgets import Budgets

_OWN: Final = {"listen", "admin", "peer", "ledger", "keys", "log_level"}
"""Groups in which the proxies of a fleet may differ."""


class Fleet:
    """What this proxy shares with others; there is none without `shared.url`.

    Args:
        settings: The configuration to begin with.
        instance: Names this proxy for the time that it runs.

    Raises:
        ConfigError: A file with the password or the secret can't be used.

    """

    def __init__(self, settings: ProxySettings, instance: str) -> None:
        self.store = SharedStore(settings.shared)
        started_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.members = Members(
            self.store,
            Member(
                instance,
                host=socket.gethostname(),
                pid=os.getpid(),
                started_at=started_at,
                config=config_digest(settings),
                version=nlpbatch.__version__,
            ),
        )
        self.leases = Leases(self.store, self.members)
        self.demands = Demands(self.store, self.members)
        self.upkeep = Upkeep(self.store, settings.shared.lease_period_s)
        self.claims = Claims(self.store, instance, settings.replay.ttl_s)
        self._tasks: list[asyncio.Task[None]] = []

    def share_budgets(self, budgets: Budgets, clock: FleetClock) -> None:
        """Let these budgets count what all proxies admit; to be called before `start`."""
        shared = SharedBudgets(self.store, self.members, budgets, clock, self.upkeep.wake)
        self.upkeep.parts.append(shared.sync)

    def share_failures(self, failed: FailedKeys, per_minute: Callable[[], int]) -> None:
        """Let the bound of failed keys be that of all proxies; to be called before `start`."""
        self.upkeep.parts.append(SharedFailures(self.store, failed, per_minute, self.upkeep.wake).sync)

    async def start(self) -> None:
        """Join the others.

        Raises:
            ConfigError: The store can't be used; see `Store.open`.

        """
        await self.store.open()
        await self.members.beat()
        await self.leases.exchange()  # so that no quota is new to this proxy when requests come
        await self.upkeep.start()
        self.claims.start()
        self._tasks = [
            asyncio.create_task(self._beat(), name="heartbeat"),
            asyncio.create_task(self.leases.exchange_forever(), name="leases"),
        ]

    async def close(self) -> None:
        """Leave the others."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.upkeep.close()
        await self.claims.close()
        await self.members.leave()
        await self.store.close()

    def adopt(self, settings: ProxySettings, generation: int) -> None:
        """Tell the others which configuration is in force here."""
        self.claims.ttl_s = settings.replay.ttl_s
        self.members.say(config=config_digest(settings), generation=generation)

    def to_json(self) -> dict[str, Any]:
        """Return what an operator wants to see of the fleet."""
        alive = self.members.alive.values()
        return {
            "store": self.store.settings.url,
            "store_away": self.store.away,
            "proxies": [
                {
                    "id": member.id,
                    "host": member.host,
                    "pid": member.pid,
                    "started_at": member.started_at,
                    "version": member.version,
                    "generation": member.generation,
                    "config": member.config,
                    "draining": member.draining,
                    "me": member.id == self.members.me.id,
                }
                for member in alive
            ],
            "same_config": len({member.config for member in alive}) == 1,
        }

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.members.period_s)
            await self.members.beat()


def config_digest(settings: ProxySettings) -> str:
    """Return what stands for the settings in which the proxies of a fleet have to agree."""
    members = settings.model_dump(mode="json", exclude=_OWN)
    return hashlib.sha256(json.dumps(members, sort_keys=True).encode()).hexdigest()[:12]
