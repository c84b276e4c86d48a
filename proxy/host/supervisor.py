"""What the supervisor decides: which configuration and orders its workers have, and what the host answers.

Workers share the port; everything that an operator sees or changes passes through here. A worker that is started is
brought up to date before it listens: the lock keeps changes out meanwhile, so that none is missed.
"""

import asyncio
import json
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics
from prometheus_client.exposition import generate_latest

from nlpbatch.errors import InvalidRequest, NotFound
from proxy.config import ProxySettings
from proxy.config_shared import SharedSettings
from proxy.host.assignment import Assignment
from proxy.host.audit import HostAudit
from proxy.host.exposition import PROCESS_LABEL, HostCounts
from proxy.host.merging import merged
from proxy.host.workers import Reply, Worker, WorkerRequest
from proxy.live import Snapshot
from proxy.operating.audit import Actor
from proxy.operating.changes import changed

_SETTINGS_TIMEOUT_S: Final = 30.0
"""Time for a worker to take settings over: it looks the backends' names up."""
_log = logging.getLogger("nlpbatch.proxy")


class HostMetrics:
    """What the supervisor itself counts."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # as for the workers' own
        self.registry = CollectorRegistry()
        self._generation = self._gauge("config_generation", "How often the configuration was taken over")
        self._valid = self._gauge("config_valid", "Whether the configuration file, as it is now, was taken over")
        self.config_faults: tuple[str, ...] = ()
        """What is wrong with the file as it is now, which was not taken over for that."""
        self.processes = self._gauge("processes", "Worker processes that serve")
        self.restarts = Counter(
            "nlpbatch_proxy_process_restarts", "Workers started again", [PROCESS_LABEL], registry=self.registry
        )

    def configured(self, generation: int, *, valid: bool, faults: Sequence[str] = ()) -> None:
        """Show how often the configuration was taken over, and whether it was this time, or why not."""
        self._generation.set(generation)
        self._valid.set(valid)
        self.config_faults = tuple(faults)

    def _gauge(self, name: str, about: str) -> Gauge:
        return Gauge(f"nlpbatch_proxy_{name}", about, registry=self.registry)


class Supervisor:
    """Needs a running event loop.

    Args:
        settings: The configuration to begin with, as it is in the file.
        workers: All of them.
        directory: Where they find what they are given.
        port: The port that they listen on.
        shared: What they share.

    """

    def __init__(
        self, settings: ProxySettings, workers: Sequence[Worker], directory: Path, *, port: int, shared: SharedSettings
    ) -> None:
        self.settings, self.generation = settings, 1
        self.workers = workers
        self.draining = False
        self.metrics = HostMetrics()
        self.metrics.configured(1, valid=True)
        self.metrics.processes.set_function(lambda: sum(worker.current for worker in workers))
        for worker in workers:
            self.metrics.restarts.labels(str(worker.number))
        self._counts = HostCounts()
        self._directory = directory
        self._port, self._shared = port, shared
        self.audit = HostAudit(self.ask_one)
        self._paused: set[str] = set()
        self._orders: dict[str, WorkerRequest] = {}
        """What the operator wants, by what it is about."""
        self._lock = asyncio.Lock()
        self._assign()

    async def adopt(self, settings: ProxySettings) -> None:
        """Have all workers take these settings over, or raise and change nothing.

        Raises:
            ConfigError: The certificates that https backends are checked against can't be used.

        """
        async with self._lock:
            Snapshot.of(settings)
            changes = changed(self.settings, settings)
            self.settings, self.generation = settings, self.generation + 1
            self._assign()
            self._orders.pop("log-level", None)  # the file's own holds again
            logging.getLogger().setLevel(settings.log_level.upper())
            await self._bring_up_to_date_all(self.workers)
            self.audit.reloaded(self.generation, changes)
        await self.audit.send_if_possible()

    def started(self, worker: Worker, *, again: bool = False) -> None:
        """Take note that a worker's process is a new one."""
        worker.current = False
        self._counts.started(worker.number, worker.pid)
        if again:
            self.metrics.restarts.labels(str(worker.number)).inc()

    def ended(self, worker: Worker) -> None:
        """Take note that a worker's process is gone; what it has counted stays."""
        worker.current = False
        self._counts.ended(worker.number)

    async def join(self, number: int, pid: int) -> None:
        """Bring a worker up to date that is about to listen.

        Raises:
            InvalidRequest: It isn't one of the present workers, or doesn't take over what it is given.

        """
        async with self._lock:
            worker = next((one for one in self.workers if one.number == number and one.pid == pid), None)
            if worker is None or not await self._bring_up_to_date(worker):
                raise InvalidRequest(f"process {pid} is not worker {number}, or can't be brought up to date")

    async def catch_up(self) -> None:
        """Bring the workers up to date that didn't answer when something changed, and the audit log."""
        async with self._lock:
            await self._bring_up_to_date_all([worker for worker in self.workers if not worker.current])
        await self.audit.send_if_possible()

    async def order(self, about: str, order: WorkerRequest) -> Reply:
        """Pass an operator's request on to all workers, those included that are started later.

        Args:
            about: Orders about the same thing replace each other.
            order: What each worker is asked.

        Returns:
            The first refusal, or the first answer; 204 if no worker is there to answer at the moment.

        """
        async with self._lock:
            current = [worker for worker in self.workers if worker.current]
            replies = await asyncio.gather(*(worker.ask(order) for worker in current))
            for worker, reply in zip(current, replies, strict=True):
                worker.current = reply is not None  # else it is brought up to date as soon as it answers
            given = [reply for reply in replies if reply is not None]
            refusal = next((reply for reply in given if not reply.is_success), None)
            if refusal is None:
                self._orders[about] = order
            return refusal or next(iter(given), Reply(204, "", b""))

    async def pause(self, tenant: str, order: WorkerRequest, actor: Actor, *, paused: bool) -> None:
        """Pause or resume a tenant at all workers.

        Raises:
            NotFound: There is no such tenant.

        """
        if tenant not in self.settings.tenants:
            raise NotFound(f"no tenant {tenant[:64]!r}: choose from {', '.join(self.settings.tenants)}")
        if (await self.order(f"tenant {tenant}", order)).is_success:
            self.audit.paused(tenant, actor, before=tenant in self._paused, after=paused)
            (self._paused.add if paused else self._paused.discard)(tenant)
            await self.audit.send_if_possible()

    async def drain(self, order: WorkerRequest, actor: Actor) -> None:
        """Let no worker take new work from now on."""
        before = "drain" in self._orders
        if (await self.order("drain", order)).is_success:
            self.audit.drained(actor, before=before)
            await self.audit.send_if_possible()

    async def set_log_level(self, level: str, order: WorkerRequest, actor: Actor) -> None:
        """Have all processes log from that level up."""
        root = logging.getLogger()
        if (await self.order("log-level", order)).is_success:
            self.audit.log_level_set(actor, before=logging.getLevelName(root.level).lower(), after=level)
            root.setLevel(level.upper())
            await self.audit.send_if_possible()

    async def ask_one(self, request: WorkerRequest) -> Reply | None:
        """Return the answer of any worker, to what all have in common."""
        for worker in self.workers:
            if worker.current and (reply := await worker.ask(request)) is not None:
                return reply
        return None

    async def state(self) -> dict[str, Any]:
        """Return what goes on: the sums, and each worker's own part."""
        own = await self.ask_all("/state")
        states = [json.loads(reply.body) for reply in own if reply is not None]
        sums = merged(states) | {"shared": _fleet(states)} if states else {"tenants": {}, "backends": []}
        processes = [
            {
                "process": worker.number,
                "pid": worker.pid,
                "restarts": worker.restarts,
                "serving": worker.current and reply is not None,
            }
            | ({} if reply is None else _own_part(json.loads(reply.body)))
            for worker, reply in zip(self.workers, own, strict=True)
        ]
        draining = self.draining or (bool(states) and all(state["draining"] for state in states))
        return sums | {"generation": self.generation, "draining": draining, "processes": processes}

    async def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Return whether a worker can take work, and what is known of the backends."""
        found = [json.loads(reply.body) for reply in await self.ask_all("/readyz") if reply is not None]
        return any(one["ready"] for one in found), merged(found) if found else {"backends": []}

    async def exposition(self) -> bytes:
        """Return the metrics of all workers together, in Prometheus' text format."""
        await self.count()
        return generate_latest(self.metrics.registry) + generate_latest(self)

    def collect(self) -> Iterator[Any]:
        """Yield the sums of the workers' metrics."""
        return self._counts.collect()

    async def count(self) -> None:
        """Ask all workers for their metrics: what they said last remains when they end."""
        pids = [worker.pid for worker in self.workers]
        replies = await self.ask_all("/metrics")
        for worker, pid, reply in zip(self.workers, pids, replies, strict=True):
            if reply is not None and reply.is_success:
                self.counted(worker.number, pid, reply.body.decode())

    def counted(self, number: int, pid: int, text: str) -> None:
        """Take note of a worker's metrics."""
        self._counts.counted(number, pid, text)

    async def ask_all(self, path: str) -> list[Reply | None]:
        """Return each worker's answer; None for one that gives none."""
        return list(await asyncio.gather(*(_ask_unless_ended(worker, path) for worker in self.workers)))

    async def _bring_up_to_date_all(self, workers: Sequence[Worker]) -> None:
        await asyncio.gather(*(self._bring_up_to_date(worker) for worker in workers if not worker.ended))

    async def _bring_up_to_date(self, worker: Worker) -> bool:
        """Have a worker take over the settings and the orders; return whether it has."""
        worker.current = False
        reply = await worker.ask(WorkerRequest("PUT", "/settings"), timeout_s=_SETTINGS_TIMEOUT_S)
        if reply is None or not reply.is_success:
            return False
        for order in self._orders.values():
            # A refusal is about a tenant that isn't in the settings any more.
            if await worker.ask(order) is None:
                return False
        worker.current = True
        return True

    def _assign(self) -> None:
        listen = self.settings.listen.model_copy(update={"port": self._port})
        settings = self.settings.model_copy(update={"listen": listen, "shared": self._shared})
        Assignment(settings, self.generation, os.getpid()).write(self._directory)


async def _ask_unless_ended(worker: Worker, path: str) -> Reply | None:
    return None if worker.ended else await worker.ask(WorkerRequest("GET", path))


def _fleet(states: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return what a worker knows of the fleet, which is what all know; each of them is this host itself."""
    fleets: list[dict[str, Any]] = [state["shared"] for state in states if state["shared"] is not None]
    if not fleets:
        return None
    own = {member["id"] for fleet in fleets for member in fleet["proxies"] if member["me"]}
    proxies = [member | {"me": member["id"] in own} for member in fleets[0]["proxies"]]
    return fleets[0] | {"proxies": proxies}


def _own_part(state: dict[str, Any]) -> dict[str, Any]:
    """Return a worker's state without what is the same for all."""
    return {name: value for name, value in state.items() if name != "shared"}
