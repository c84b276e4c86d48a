"""The running proxy: its parts, and what can be changed about them while it runs.

Longer than most files here, because all parts meet in it; each does its work elsewhere.
"""

import asyncio
import logging
import random
import ssl
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from nlpbatch.errors import NoCapacity, NotFound
from nlpbatch.serving.drain import Drain
from nlpbatch.serving.query import read_query
from nlpbatch.serving.tls import keep_client_current
from proxy.config import ProxySettings
from proxy.forwarding.answer_cache import AnswerCache
from proxy.forwarding.delivery import Delivery
from proxy.forwarding.gate import Gate
from proxy.forwarding.gateway import Gateway, Parts
from proxy.forwarding.limits import budgets_of, limits_of
from proxy.forwarding.peer_answers import PeerAnswers
from proxy.forwarding.response_headers import ResponseHeaders
from proxy.forwarding.single_flight import SingleFlight
from proxy.ledger import queries
from proxy.ledger.book import BookAway, Query, Reading
from proxy.ledger.ledger import Ledger
from proxy.live import Live, Snapshot
from proxy.metrics import Metrics
from proxy.operating.audit import NOBODY, Actor
from proxy.operating.changes import changed
from proxy.operating.operating import Operating
from proxy.recent import Recent
from proxy.request_log import RequestLog
from proxy.scaling import Scaling
from proxy.shared.clock import FleetClock
from proxy.shared.fleet import Fleet
from proxy.traffic.controller import TrafficController
from proxy.traffic.demand import Demand
from proxy.traffic.quotas import Quota
from proxy.traffic.retries import RetryBudget
from proxy.upstream.backends import Backends
from proxy.upstream.client import Upstream
from proxy.upstream.discovery import Address, Discovery, Lookup, look_up
from proxy.upstream.health import Health
from proxy.upstream.registry import Registry

_READING: Final = ("GET", "HEAD")
_LEDGER_AGAIN_S: Final = 1.0
_log = logging.getLogger("nlpbatch.proxy")


class Proxy:
    """Needs a running event loop; `start` before use, `close` at the end.

    Args:
        settings: The configuration to begin with; `adopt` replaces it.
        drain: That of the application.
        lookup: Finds the addresses of backends' names.

    Raises:
        ConfigError: The certificates that https backends are checked against, or the shared store's password or secret,
            can't be used.

    """

    def __init__(self, settings: ProxySettings, drain: Drain, lookup: Lookup = look_up) -> None:
        clock = FleetClock()
        self.live = Live(Snapshot.of(settings), clock.now_s)
        self.metrics = Metrics()
        self.backends = Backends(settings, self.metrics)
        instance = uuid.uuid4().hex
        self.fleet = Fleet(settings, instance) if settings.shared.url is not None else None
        leases = None if self.fleet is None else self.fleet.leases
        chance = random.Random()  # noqa: S311  (spreads load, guards nothing)
        self.traffic = TrafficController(
            settings,
            self.backends.all,
            chance=chance.random,
            choose=chance.randrange,
            make_quota=Quota if leases is None else leases.make_quota,
            epoch_offset_s=clock.offset_s,
        )
        self.scaling = Scaling(settings, self.traffic, self.fleet)
        self.metrics.watch_scaling(lambda: self.scaling.wanted_workers)
        self.gate = Gate(self.traffic, self.metrics.refused, None if leases is None else leases.refresh)
        upstream = settings.upstream
        self._upstream = Upstream(self.live)
        self._budget = RetryBudget(upstream.retry_ratio, upstream.retry_min)
        self._answers = AnswerCache(settings.replay)
        self._single_flight = SingleFlight(self._answers)
        self._peers = None
        if self.fleet is not None:
            self.fleet.share_budgets(self.traffic.budgets, clock)
            self._peers = PeerAnswers(self.fleet, self._single_flight, self.live, self.metrics)
        self.operating = Operating(settings, instance, live=self.live, clock=clock, fleet=self.fleet)
        store = None if self.fleet is None else self.fleet.store
        self.ledger = Ledger(settings.ledger, store, self.metrics.ledger_failed)
        delivery = Delivery(self.gate, self._budget, self._upstream, self.ledger, self.metrics)
        self.recent = Recent()
        self._request_log = RequestLog(settings.request_log, self.metrics.request_log_lost)
        request_log = self._request_log if self._request_log.is_on else None
        parts = Parts(
            self.gate,
            delivery,
            self._single_flight,
            self.metrics,
            self.ledger,
            self.recent,
            self._peers,
            request_log,
        )
        self.gateway = Gateway(self.live, parts)
        if self.fleet is not None:
            failed = self.gateway.failed_keys
            self.fleet.share_failures(failed, lambda: self.settings.limits.failed_keys_per_minute)
        self.response_headers = ResponseHeaders(self.traffic)
        self._discovery = Discovery(lookup)
        self.registry = Registry(self.live, self.backends, self.traffic, self._upstream, self.fleet)
        self._drain = drain
        self._watched: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._watch_tenants()
        self.metrics.watch_replays(lambda: self._answers.size_bytes)
        self.metrics.watch_ledger(lambda: self.ledger.pending_entries, lambda: self.ledger.pending_s)
        self.metrics.watch_budgets(lambda: self.traffic.budgets.all(time.monotonic()))
        self.metrics.configured(self.generation, valid=True)
        if self.fleet is not None:
            self.fleet.leases.watch(self.traffic.quotas)
            self.metrics.watch_fleet(self.fleet)

    @property
    def settings(self) -> ProxySettings:
        """Return the configuration in force."""
        return self.live.now.settings

    @property
    def generation(self) -> int:
        """Return how many configurations have been in force, this one included."""
        return self.live.now.generation

    async def start(self) -> None:
        """Join the fleet, open the ledger, find the backends and watch them.

        Raises:
            ConfigError: The shared store, the ledger's directory or the file of keys can't be used.

        """
        self.operating.start()
        if self.fleet is not None:
            await self.fleet.start()
        await self.ledger.start()
        if self._peers is not None:
            await self._peers.start()
        self.backends.health = Health(self._upstream, self.gate.pump)
        await self.take_over_backends()
        self._tasks.append(asyncio.create_task(self._rediscover(), name="discovery"))
        self._tasks.append(asyncio.create_task(self._request_log.run(), name="request log"))
        self._tasks.append(asyncio.create_task(keep_client_current(self._client_certificate), name="certificate"))
        self._tasks.append(asyncio.create_task(self.scaling.watch(), name="scaling"))
        self._tasks.append(asyncio.create_task(self.registry.watch(self.take_over_backends), name="registrations"))
        if self.fleet is not None:
            exchange = self.fleet.demands.exchange_forever(self.traffic.queue.demand, self._share_with_others)
            self._tasks.append(asyncio.create_task(exchange, name="demands"))

    async def close(self) -> None:
        """End everything that goes on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.backends.health is not None:
            await self.backends.health.close()
        if self._peers is not None:
            await self._peers.close()
        await self._single_flight.close()
        await self._upstream.close()
        await self.ledger.close()
        await self._request_log.close()
        if self.fleet is not None:
            await self.fleet.close()

    async def adopt(self, settings: ProxySettings, generation: int | None = None) -> None:
        """Take over these settings as a whole, or raise and change nothing; waiting and running requests stay.

        Args:
            settings: The configuration.
            generation: Its number, if a supervisor counts, which also writes the audit log; by default the next one.

        Raises:
            ConfigError: The certificates that https backends are checked against can't be used.

        """
        before, snapshot = self.settings, Snapshot.of(settings, generation or self.generation + 1)
        self._swap(snapshot, await self._addresses(settings))
        if generation is None:
            self.operating.audit.reloaded(self.generation, changed(before, settings))

    def _swap(self, snapshot: Snapshot, addresses: Sequence[Address]) -> None:
        """Put a snapshot in force, and reconcile what has state with it: no request is decided in between."""
        self.live.now = snapshot
        settings, upstream = snapshot.settings, snapshot.settings.upstream
        self.traffic.adopt(settings)
        self.backends.adopt(settings)
        self.scaling.adopt(settings)
        self.backends.set(addresses)
        self._answers.settings = settings.replay
        self._budget.ratio, self._budget.min_retries = upstream.retry_ratio, upstream.retry_min
        self._watch_tenants()
        logging.getLogger().setLevel(settings.log_level.upper())
        if self.fleet is not None:
            self.fleet.adopt(settings, snapshot.generation)
        self.gate.pump()

    def _share_with_others(self, others: Sequence[Demand]) -> None:
        self.traffic.share_with_others(others)
        self.gate.pump()

    async def take_over_backends(self) -> None:
        """Look up the backends and use exactly those; unless the configuration has changed meanwhile, which did so."""
        snapshot = self.live.now
        addresses = await self._addresses(snapshot.settings)
        if self.live.now is snapshot:
            self.backends.set(addresses)
            self.backends.leave(self.registry.leaving)

    async def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Return whether a backend is ready, and what is known of each."""
        backends = self.backends.to_json()
        return any(backend["ready"] for backend in backends), {"backends": backends}

    async def limits(self, request: web.Request) -> web.Response:
        """Answer `GET /v1/limits`."""
        if request.method not in _READING:
            raise web.HTTPMethodNotAllowed(request.method, _READING)
        tenant, key_id = self.gateway.authenticate(request)
        return web.json_response(limits_of(self.traffic, self.settings, tenant, key_id))

    async def usage(self, request: web.Request) -> web.Response:
        """Answer `GET /v1/usage`; a tenant sees its own counts only."""
        if request.method not in _READING:
            raise web.HTTPMethodNotAllowed(request.method, _READING)
        tenant, _ = self.gateway.authenticate(request)
        query = queries.query_of_tenant(read_query(request), tenant, self.ledger.today)
        reading = await self._read_ledger(query)
        if query.by is None:
            return web.json_response(queries.usage_of(reading, query.job or "").to_json())
        return web.json_response(queries.rows_to_json(reading, query))

    async def usage_of_all(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Return the counts of all tenants, as the operator asks for them.

        Raises:
            InvalidRequest: A parameter can't be used.
            NoCapacity: The ledger can't be reached at this moment.

        """
        query = queries.query_of_operator(parameters, self.ledger.today)
        return queries.rows_to_json(await self._read_ledger(query), query)

    async def _read_ledger(self, query: Query) -> Reading:
        try:
            return await self.ledger.read(query)
        except BookAway as error:
            raise NoCapacity(f"{error}: ask again when it is back", retry_after_s=_LEDGER_AGAIN_S) from error

    def state(self) -> dict[str, Any]:
        """Return what an operator wants to see."""
        traffic = self.traffic
        tenants = {}
        for name in self.settings.tenants:
            waiting = traffic.queue.of(name)
            tenants[name] = {
                "queue_requests": waiting.requests,
                "queue_bytes": waiting.size_bytes,
                "in_flight": traffic.in_flight(name),
                "paused": name in traffic.queue.paused,
                "budget": budgets_of(traffic, name),
            }
        return {
            "generation": self.generation,
            "draining": self._drain.draining,
            "in_progress": self._drain.in_progress,
            "replay_bytes": self._answers.size_bytes,
            "backends": self.backends.to_json(),
            "registrations": self.registry.to_json(),
            "scaling": self.scaling.to_json(),
            "tenants": tenants,
            "shared": None if self.fleet is None else self.fleet.to_json(),
            "peer_answers": None if self._peers is None else self._peers.to_json(),
        }

    def config(self) -> dict[str, Any]:
        """Return the settings as JSON members."""
        return self.settings.model_dump(mode="json")

    def drain(self, actor: Actor | None = NOBODY) -> None:
        """Refuse new work from now on, and finish what is in progress; without `actor`, leave no audit entry."""
        before = self._drain.draining
        self._drain.start()
        if actor is not None:
            self.operating.audit.drained(actor, before=before)
        if self.fleet is not None:
            self.fleet.members.say(draining=True)

    def pause(self, tenant: str, *, paused: bool, actor: Actor | None = NOBODY) -> None:
        """Let nothing of a tenant's through any more, or again; without `actor`, leave no audit entry.

        Raises:
            NotFound: There is no such tenant.

        """
        if tenant not in self.settings.tenants:
            raise NotFound(f"no tenant {tenant[:64]!r}: choose from {', '.join(self.settings.tenants)}")
        before = tenant in self.traffic.queue.paused
        self.traffic.pause(tenant, paused=paused)
        if actor is not None:
            self.operating.audit.paused(tenant, actor, before=before, after=paused)
        self.gate.pump()

    def set_log_level(self, level: str, actor: Actor | None = NOBODY) -> None:
        """Log from that level up; without `actor`, leave no audit entry."""
        root = logging.getLogger()
        before = logging.getLevelName(root.level).lower()
        root.setLevel(level.upper())
        if actor is not None:
            self.operating.audit.log_level_set(actor, before=before, after=level)

    def _client_certificate(self) -> tuple[ssl.SSLContext, str | None, str | None]:
        upstream = self.settings.upstream
        return self.live.now.tls, upstream.cert_file, upstream.key_file

    async def _addresses(self, settings: ProxySettings) -> tuple[Address, ...]:
        found = await self._discovery.addresses(settings.backends)
        return tuple(dict.fromkeys((*found, *self.registry.addresses)))

    def _watch_tenants(self) -> None:
        for tenant in self.settings.tenants:
            if tenant not in self._watched:
                self._watched.add(tenant)
                self.metrics.watch_tenant(tenant, self.traffic)

    async def _rediscover(self) -> None:
        while True:
            await asyncio.sleep(self.settings.upstream.resolve_period_s)
            try:
                await self.take_over_backends()
            except Exception as error:  # noqa: BLE001 - whatever a name service does, it is asked again
                _log.error("backends not looked up", extra={"reason": type(error).__name__})
