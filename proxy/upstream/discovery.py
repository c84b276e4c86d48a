"""Which backends there are: those of the configuration, and for a name with `resolve` one per address that it has."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final
from urllib.parse import urlsplit

from proxy.config import BackendSettings

_log = logging.getLogger("nlpbatch.proxy")

_LOOKUP_S: Final = 5.0
"""A reload waits for the names, so a name service that is away must not keep an operator's change for long."""

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
    """Finds the addresses of all backends.

    Args:
        lookup: Finds a name's addresses.

    """

    def __init__(self, lookup: Lookup = look_up) -> None:
        self._lookup = lookup
        self._found: dict[str, tuple[Address, ...]] = {}

    async def addresses(self, backends: Sequence[BackendSettings]) -> tuple[Address, ...]:
        """Look up all names, for a few seconds at most; one that can't be looked up keeps the addresses it had."""
        found = await asyncio.gather(*(self._addresses(backend) for backend in backends))
        return tuple(dict.fromkeys(chain.from_iterable(found)))

    async def _addresses(self, backend: BackendSettings) -> Sequence[Address]:
        return await self._resolve(backend.url) if backend.resolve else [Address(backend.url)]

    async def _resolve(self, url: str) -> Sequence[Address]:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        try:
            async with asyncio.timeout(_LOOKUP_S):
                hosts = await self._lookup(host, port)
        except (OSError, UnicodeError) as error:  # a name with an empty or a very long label can't be encoded
            reason = getattr(error, "strerror", None) or type(error).__name__
            _log.warning("name not resolved", extra={"backend": url, "reason": reason})
            return self._found.get(url, ())
        name = host if parts.scheme == "https" else None
        self._found[url] = tuple(Address(f"{parts.scheme}://{one}:{port}{parts.path}", name) for one in hosts)
        return self._found[url]
