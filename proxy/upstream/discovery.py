"""Which backends there are: those of the configuration, and for a name with `resolve` one per address that it has."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from proxy.config import BackendSettings

_log = logging.getLogger("nlpbatch.proxy")

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Address:
    """One backend's address.

    Args:
        url: Where it is.
        server_name: The name that its certificate is for, if `url` has an address instead.

    """

    url: str
    server_name: str | None = None


async def look_up(host: str, port: int) -> Sequence[str]:
    """Return the addresses that a name has, IPv6 in brackets.

    Raises:
        OSError: It has none, or nobody says.

    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    hosts = {str(address[0]): family for family, _, _, _, address in found}
    return [f"[{host}]" if family == socket.AF_INET6 else host for host, family in sorted(hosts.items())]


class Discovery:
    """Keeps the addresses of all backends up to date.

    Args:
        on_change: Told all addresses when they have changed.
        lookup: Finds a name's addresses.

    """

    def __init__(self, on_change: Callable[[Sequence[Address]], None], lookup: Lookup = look_up) -> None:
        self._on_change = on_change
        self._lookup = lookup
        self._found: dict[str, tuple[Address, ...]] = {}
        self._told: tuple[Address, ...] = ()

    async def refresh(self, backends: Sequence[BackendSettings]) -> None:
        """Look all names up; one that can't be looked up keeps the addresses it had."""
        addresses: list[Address] = []
        for backend in backends:
            addresses += await self._resolve(backend.url) if backend.resolve else [Address(backend.url)]
        current = tuple(dict.fromkeys(addresses))
        if current != self._told:
            self._told = current
            self._on_change(current)

    async def _resolve(self, url: str) -> Sequence[Address]:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        try:
            hosts = await self._lookup(host, port)
        except OSError as error:
            _log.warning("name not resolved", extra={"backend": url, "reason": error.strerror or str(error)})
            return self._found.get(url, ())
        name = host if parts.scheme == "https" else None
        self._found[url] = tuple(Address(f"{parts.scheme}://{one}:{port}{parts.path}", name) for one in hosts)
        return self._found[url]
