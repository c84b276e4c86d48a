"""The running proxy: its parts, and what can be changed about them while it runs."""

import asyncio
import contextlib
import logging
import random
import uuid
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from nlpbatch.errors import InvalidRequest, NotFound
from nlpbatch.serving.drain import Drain
from nlpbatch.serving.query import read_query
from nlpbatch.serving.tls import client_context
from proxy.config import ProxySettings
from proxy.forwarding.answer_cache import AnswerCache
from proxy.forwarding.delivery import Delivery
from proxy.forwarding.gate import Gate
from proxy.forwarding.gateway import Gateway, Parts
from proxy.forwarding.response_headers import Explanations
from proxy.forwarding.single_flight import SingleFlight
from proxy.metrics import Metrics
from proxy.traffic.controller import TrafficController
from proxy.traffic.retries import RetryBudget
from proxy.upstream.backends import Backends
from proxy.upstream.client import Upstream
from proxy.upstream.discovery import Discovery
from proxy.upstream.health import Health
from proxy.usage import UsageCounter

_READING: Final = ("GET", "HEAD")
_log = logging.getLogger("nlpbatch.proxy")


class Proxy:
    """Needs a running event loop; `start` before use, `close` at the end.

    Args:
        settings: The configuration; `adopt` exchanges it.
        drain: That of the application.

    """

    def __init__(self, settings: ProxySettings, drain: Drain) -> None:
        self.settings = settings
        self.generation = 1
        self.metrics = Metrics()
        self.backends = Backends(settings, self.metrics)
        chance = random.Random()  # noqa: S311  (spreads load, guards nothing)
        self.traffic = TrafficController(settings, self.backends.all, chance=chance.random, choose=chance.randrange)
        self.gate = Gate(self.traffic, self.metrics.refused)
        upstream = settings.upstream
        self._upstream = Upstream(upstream, client_context(upstream.ca_file))
        self._budget = RetryBudget(upstream.retry_ratio, upstream.retry_least)
        self._answers = AnswerCache(settings.replay)
        self._single_flight = SingleFlight(self._answers)
        self._usage = UsageCounter(uuid.uuid4().hex, datetime.now(UTC).isoformat(timespec="milliseconds"))
        delivery = Delivery(self.gate, self._budget, self._upstream, self._usage, self.metrics)
        parts = Parts(self.gate, delivery, self._single_flight, self.metrics, self._usage)
        self.gateway = Gateway(settings, parts)
        self.explanations = Explanations(self.traffic, settings)
        self._discovery = Discovery(self.backends.set)
        self._drain = drain
        self._watched: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._watch_tenants()
        self.metrics.watch_replays(lambda: self._answers.size_bytes)
        self.metrics.configured(self.generation, valid=True)

    async def start(self) -> None:
        """Find the backends and watch them."""
        self.backends.health = Health(self._upstream, self.gate.pump)
        await self._discovery.refresh(self.settings.backends)
        self._tasks.append(asyncio.create_task(self._rediscover(), name="discovery"))

    async def close(self) -> None:
        """End everything that goes on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.backends.health is not None:
            await self.backends.health.close()
        await self._single_flight.close()
        await self._upstream.close()

    async def adopt(self, settings: ProxySettings) -> None:
        """Go by these settings from now on; what waits and what is under way stays."""
        self.settings = self.explanations.settings = settings
        self.gateway.adopt(settings)
        self.traffic.adopt(settings)
        self.backends.adopt(settings)
        self._upstream.settings, self._answers.settings = settings.upstream, settings.replay
        self._upstream.tls = client_context(settings.upstream.ca_file)
        self._budget.ratio, self._budget.least = settings.upstream.retry_ratio, settings.upstream.retry_least
        logging.getLogger().setLevel(settings.log_level.upper())
        self._watch_tenants()
        await self._discovery.refresh(settings.backends)
        self.gate.pump()
        self.generation += 1

    async def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Return whether a backend is ready, and what is known of each."""
        backends = self.backends.to_json()
        return any(backend["ready"] for backend in backends), {"backends": backends}

    async def limits(self, request: web.Request) -> web.Response:
        """Answer `GET /v1/limits`."""
        if request.method not in _READING:
            raise web.HTTPMethodNotAllowed(request.method, _READING)
        tenant, key_id = self.gateway.authenticate(request)
        return web.json_response(self.explanations.limits_of(tenant, key_id))

    async def usage(self, request: web.Request) -> web.Response:
        """Answer `GET /v1/usage?job=NAME`; a tenant sees its own jobs only."""
        if request.method not in _READING:
            raise web.HTTPMethodNotAllowed(request.method, _READING)
        tenant, _ = self.gateway.authenticate(request)
        job = read_query(request).get("job")
        if not job:
            raise InvalidRequest("job is missing: ask for /v1/usage?job=NAME", path="job")
        return web.json_response(self._usage.of(tenant, job).to_json())

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
            }
        return {
            "generation": self.generation,
            "draining": self._drain.draining,
            "in_progress": self._drain.in_progress,
            "replay_bytes": self._answers.size_bytes,
            "backends": self.backends.to_json(),
            "tenants": tenants,
        }

    def config(self) -> dict[str, Any]:
        """Return the settings as JSON members."""
        return self.settings.model_dump(mode="json")

    def drain(self) -> None:
        """Refuse new work from now on, and finish what is in progress."""
        self._drain.start()

    def pause(self, tenant: str, *, paused: bool) -> None:
        """Let nothing of a tenant's through any more, or again.

        Raises:
            NotFound: There is no such tenant.

        """
        if tenant not in self.settings.tenants:
            raise NotFound(f"no tenant {tenant[:64]!r}: choose from {', '.join(self.settings.tenants)}")
        self.traffic.pause(tenant, paused=paused)
        _log.info("tenant", extra={"tenant": tenant, "paused": paused})
        self.gate.pump()

    def set_log_level(self, level: str) -> None:
        """Log from that level up."""
        logging.getLogger().setLevel(level.upper())

    def _watch_tenants(self) -> None:
        for tenant in self.settings.tenants:
            if tenant not in self._watched:
                self._watched.add(tenant)
                self.metrics.watch_tenant(tenant, self.traffic)

    async def _rediscover(self) -> None:
        while True:
            await asyncio.sleep(self.settings.upstream.resolve_period_s)
            with contextlib.suppress(OSError):
                await self._discovery.refresh(self.settings.backends)
