"""A component of a service on YARN as a scaler's target: containers drain before they end.

YARN gives a process 250 ms between SIGTERM and SIGKILL. So what is to go is asked to leave, and taken away when it has:

    SIGTERM to a container ──> its API takes its registration back, stays for runs that need it, drains, ends;
                               its `start.py` stays, or YARN would start another in its place
    no proxy has it, and nobody listens there ──> the container is taken away

A container that leaves counts no longer, so that more can be asked for meanwhile. A scaler that starts anew knows those
that leave from the proxies; one that the proxies have forgotten by then ends by itself, and YARN starts another.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from nlpbatch.errors import ServiceUnreachable
from proxy.scaler.targets import NotApplied, Registered, Units
from proxy.scaler.yarn_services import Component, Container, YarnFault, YarnServices

_CONNECT_S: Final = 2.0
_UNSEEN_S: Final = 60.0
"""How long an API may still drain that this scaler can't reach: longer than the drain's time as shipped."""
_log: Final = logging.getLogger("nlpbatch.scale")


@dataclass
class _Leaving:
    """A container that was asked to leave: where its API listens, and since when no proxy has it, if known."""

    url: str | None
    forgotten_s: float | None = None


class YarnTarget:
    """A component of a service on YARN.

    Args:
        services: Asks YARN.
        service: Name of the service.
        component: Its component whose containers are scaled.
        registered: Returns what is registered at the proxies, by name, which is the container's id.
        dry_run: Whether nothing is taken away, either.

    """

    def __init__(
        self,
        services: YarnServices,
        service: str,
        component: str,
        registered: Callable[[], Mapping[str, Registered]],
        *,
        dry_run: bool = False,
    ) -> None:
        self._dry_run = dry_run
        self._services, self._service, self._component = services, service, component
        self._read = registered
        self._leaving: dict[str, _Leaving] = {}
        self._removed: set[str] = set()
        self._now = Component(0, ())
        self._registered: Mapping[str, Registered] = {}

    @property
    def leaving(self) -> int:
        """Return how many containers were asked to leave and are still there."""
        return len(self._leaving)

    async def now(self) -> Units:
        """Return the containers that it was asked for and don't leave; take those away that have left.

        Raises:
            NotApplied: YARN or the proxies don't answer, or there is no such service or component.

        """
        return await asyncio.to_thread(self._look)

    async def apply(self, units: int) -> None:
        """Ask YARN for so many containers beside those that leave, or some of them to leave.

        Raises:
            NotApplied: It refuses, or doesn't answer.

        """
        await asyncio.to_thread(self._ask, units)

    def _look(self) -> Units:
        with _not_applied():
            self._now = self._services.component(self._service, self._component)
            self._registered = self._read()
            there = {one.id: one for one in self._now.containers}
            self._removed &= there.keys()
            self._leaving = {name: one for name, one in self._leaving.items() if name in there}
            for name in there.keys() & self._registered.keys():
                if self._registered[name].leaving:
                    self._leaving.setdefault(name, _Leaving(self._registered[name].url))
            gone = [there[name] for name, one in self._leaving.items() if self._has_left(name, one)]
            self._remove(gone)
        return Units(self._now.asked - len(self._leaving), self._now.pending)

    def _has_left(self, name: str, leaving: _Leaving) -> bool:
        known = self._registered.get(name)
        if known is not None:
            leaving.url, leaving.forgotten_s = known.url, None
            return False
        leaving.forgotten_s = leaving.forgotten_s or time.monotonic()
        # Without an address: it starts still, or serves proxies that this scaler doesn't know. It may drain.
        listens = None if leaving.url is None else _listens(leaving.url)
        return time.monotonic() - leaving.forgotten_s > _UNSEEN_S if listens is None else not listens

    def _remove(self, gone: Iterable[Container]) -> None:
        instances = {one.id: one.instance for one in gone}
        if not instances or self._dry_run:
            return
        self._services.remove(self._service, self._component, sorted(instances.values()))
        self._removed |= instances.keys()
        for name in instances:
            del self._leaving[name]
        remaining = [one for one in self._now.containers if one.id not in instances]
        removed = [*self._now.removed, *instances.values()]
        self._now = Component(self._now.asked - len(instances), remaining, removed)
        _log.info("containers removed", extra={"containers": sorted(instances.values())})

    def _ask(self, units: int) -> None:
        surplus = self._now.asked - len(self._leaving) - units
        with _not_applied():
            if surplus <= 0:
                self._services.resize(self._service, self._component, units + len(self._leaving))
                return
            waiting = min(surplus, self._now.pending)
            if waiting:
                if not self._now.pending_are_last:  # YARN gives up the last ones, whether they run or not
                    raise NotApplied(f"{self._now.pending} that wait for room are older than some that run: they stay")
                self._services.resize(self._service, self._component, self._now.asked - waiting)
            for one in self._to_leave()[: surplus - waiting]:
                self._services.terminate(one.id)
                known = self._registered.get(one.id)
                self._leaving[one.id] = _Leaving(None if known is None else known.url)
                _log.info("container leaves", extra={"container": one.id, "instance": one.instance})

    def _to_leave(self) -> list[Container]:
        """Return the containers, those first that can be done without best: not registered yet, then the youngest."""
        staying = [one for one in self._now.containers if one.id not in self._leaving.keys() | self._removed]
        return sorted(staying, key=lambda one: (one.id in self._registered, -one.number))


@contextmanager
def _not_applied() -> Iterator[None]:
    try:
        yield
    except YarnFault as error:
        raise NotApplied(str(error)) from error
    except ServiceUnreachable as error:
        raise NotApplied(error.message) from error


def _listens(url: str) -> bool | None:
    """Return whether anything listens at an address; None if that can't be known from here."""
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 0), _CONNECT_S).close()
    except ConnectionRefusedError:
        return False
    except OSError:
        return None
    return True
