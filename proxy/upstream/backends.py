"""The present backends: created, watched and removed as their addresses appear and disappear."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from proxy.config import ConcurrencySettings, ProxySettings
from proxy.metrics import Metrics
from proxy.traffic.breaker import Breaker, Ejections, ejection_rule
from proxy.traffic.concurrency import new_limit
from proxy.traffic.slots import Backend
from proxy.upstream.discovery import Address

if TYPE_CHECKING:
    from proxy.upstream.health import Health


class Backends:
    """All backends, in a list that others may keep: it is changed in place.

    Args:
        settings: The configuration; `adopt` replaces it.
        metrics: Shows them.

    """

    def __init__(self, settings: ProxySettings, metrics: Metrics) -> None:
        self.all: list[Backend] = []
        self._metrics = metrics
        self._ejections = Ejections()
        self._concurrency = settings.concurrency
        self.health: Health | None = None
        self.adopt(settings)

    def adopt(self, settings: ProxySettings) -> None:
        """Limit and eject by these settings from now on."""
        self._ejections.rule = ejection_rule(settings.upstream)
        if settings.concurrency != self._concurrency:
            self._concurrency = settings.concurrency
            for backend in self.all:
                _replace_limit(backend, settings.concurrency)

    def set(self, addresses: Sequence[Address]) -> None:
        """Have exactly these; requests at one that goes end there."""
        urls = {address.url for address in addresses}
        for backend in [one for one in self.all if one.url not in urls]:
            self._remove(backend)
        known = {backend.url for backend in self.all}
        for address in addresses:
            if address.url not in known:
                self._add(address)

    def find(self, url: str) -> Backend | None:
        """Return the one at an address."""
        return next((backend for backend in self.all if backend.url == url), None)

    def leave(self, urls: frozenset[str]) -> None:
        """Let exactly these leave."""
        for backend in self.all:
            backend.leaving = backend.url in urls

    def to_json(self) -> list[dict[str, Any]]:
        """Return what is known of each."""
        return [
            {
                "url": backend.url,
                "ready": backend.ready,
                "workers": backend.workers,
                "fingerprints": sorted(backend.fingerprints),
                "in_flight": backend.in_flight,
                "limit": backend.limit.value,
                "breaker": backend.breaker.state,
                "leaving": backend.leaving,
            }
            for backend in self.all
        ]

    def _add(self, address: Address) -> None:
        name = address.server_name
        connection = {} if name is None else {"server_hostname": name}
        backend = Backend(address.url, new_limit(self._concurrency), Breaker(self._ejections), connection)
        self.all.append(backend)
        self._metrics.watch_backend(backend, time.monotonic)
        if self.health is not None:
            self.health.watch(backend)

    def _remove(self, backend: Backend) -> None:
        self.all.remove(backend)
        backend.ready = False
        backend.breaker.retire()
        self._metrics.forget_backend(backend.url)
        if self.health is not None:
            self.health.forget(backend)


def _replace_limit(backend: Backend, settings: ConcurrencySettings) -> None:
    backend.limit = new_limit(settings)
    if backend.workers:
        backend.limit.stated(backend.workers)
