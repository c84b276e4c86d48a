"""Registers backends and lets them go: what the running proxy does with `registrations`."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from nlpbatch.errors import InvalidRequest
from proxy.config_service import RegistrationSettings
from proxy.live import Live
from proxy.shared.fleet import Fleet
from proxy.traffic.controller import TrafficController
from proxy.upstream.backends import Backends
from proxy.upstream.client import Upstream
from proxy.upstream.discovery import Address
from proxy.upstream.registrations import Registrations

_LOOK_S: Final = 1.0
_log = logging.getLogger("nlpbatch.proxy")


class Registry:
    """The registrations of the running proxy; `watch` is to be run for as long as it does.

    Args:
        live: Has the settings in force.
        backends: The present ones.
        traffic: Knows what runs are pinned to.
        upstream: Tries addresses.
        fleet: The other proxies; None for a proxy that is alone.

    """

    def __init__(
        self, live: Live, backends: Backends, traffic: TrafficController, upstream: Upstream, fleet: Fleet | None
    ) -> None:
        self._live = live
        self._backends = backends
        self._traffic = traffic
        self._upstream = upstream
        self._fleet = fleet
        self._all = Registrations(None if fleet is None else fleet.store)
        self._changed = asyncio.Event()

    @property
    def settings(self) -> RegistrationSettings:
        """Return the settings in force."""
        return self._live.now.settings.registration

    @property
    def failed_keys_per_minute(self) -> int:
        """Return how many requests with a wrong secret an address may send before it has to wait."""
        return self._live.now.settings.limits.failed_keys_per_minute

    @property
    def addresses(self) -> Sequence[Address]:
        """Return the addresses of all that are registered; none while registration is off."""
        return self._all.addresses() if self.settings.is_on else ()

    @property
    def leaving(self) -> frozenset[str]:
        """Return the addresses of those that leave."""
        return self._all.leaving()

    def to_json(self) -> list[dict[str, Any]]:
        """Return what an operator wants to see."""
        return [one | {"ready": self._is_ready(str(one["url"]))} for one in self._all.to_json()]

    async def register(self, url: str, name: str = "") -> None:
        """Count a backend from now on; it has to answer, whatever it says.

        Args:
            url: Its address.
            name: Its own, for those who look at the state.

        Raises:
            InvalidRequest: Nothing answers there, or there are too many.
            StoreAway: The other proxies can't be told now.

        """
        known = url in self._all
        if not known and (reason := await self._upstream.try_address(url)) is not None:
            _log.warning("registration refused", extra={"backend": url, "reason": reason})
            raise InvalidRequest(
                f"nothing answers at {url} ({reason}), seen from this proxy: set registration.advertise of the API",
                path="/url",
            )
        if not await self._all.register(url, self.settings.ttl_s, name):
            raise InvalidRequest("too many backends are registered: let those that ended expire", path="/url")
        self._changed.set()
        if not known:
            _log.info("backend registered", extra={"backend": url})

    async def deregister(self, url: str, name: str = "") -> list[str] | None:
        """Let a backend go; if runs need it for a version that no other one has, it leaves, and these are returned.

        None is returned where it is registered, and this proxy hasn't asked it for its versions yet.

        Raises:
            StoreAway: The other proxies can't be told now.

        """
        before = self._all.urls
        # First: of two that leave at the same moment, perhaps at different proxies, each must know of the other.
        await self._all.register(url, self.settings.ttl_s, name, leaving=True)
        going = self._all.leaving() | (before - self._all.urls)
        backend = self._backends.find(url)
        if url in before and (backend is None or not backend.asked):
            self._changed.set()
            return None
        needed = [] if backend is None else self._traffic.needed_for(backend, self._pinned(), going)
        if not needed:
            await self._all.remove(url)
        self._changed.set()
        _log.info("backend leaves", extra={"backend": url, "needed_for": needed})
        return needed

    def _is_ready(self, url: str) -> bool:
        backend = self._backends.find(url)
        return backend is not None and backend.ready

    def _pinned(self) -> frozenset[str]:
        others = () if self._fleet is None else self._fleet.members.alive.values()
        return self._traffic.pinned(time.monotonic()).union(*(one.pinned for one in others))

    async def watch(self, take_over: Callable[[], Awaitable[None]]) -> None:
        """Have changes taken over, also those at other proxies and those that time makes; until cancelled."""
        before: object = None
        while True:
            await self._wait()
            try:
                if self.settings.is_on:
                    await self._all.look()
                now = frozenset(self.addresses), self.leaving
                if now != before:
                    await take_over()
                    before = now
            except Exception as error:  # noqa: BLE001 - whatever the store holds, it is asked again
                _log.error("registrations not read", extra={"reason": type(error).__name__})

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_LOOK_S):
                await self._changed.wait()
        except TimeoutError:
            return
        self._changed.clear()
