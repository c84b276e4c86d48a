"""Tells proxies where this API is, for as long as it runs, and that it leaves.

start ──> PUT to each proxy, again and again before the registration ends
stop ───> DELETE at each; one that still needs this version for a run is asked again, until leave_timeout_s
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from nlpbatch.server.config import RegisterSettings
from nlpbatch.serving.listen import TlsSettings
from nlpbatch.serving.registered import PATH
from nlpbatch.serving.tls import client_context, client_kept_current

_TIMEOUT_S: Final = 10.0
_AGAIN_S: Final = 1.0
_OFTEN: Final = 3
"""Registrations in the time that one lasts: two may be lost."""
_ATTEMPTS: Final = 5
"""To take a registration back: one lost answer must not end what a run still needs."""
_SHOWN: Final = 300
_log = logging.getLogger("nlpbatch.server")


class Registrar:
    """Registers this API at proxies.

    Args:
        settings: Which proxies, and how.
        tls: The certificate with which this API listens, which it also shows to proxies that ask for one.

    Raises:
        ConfigError: The certificates that https:// proxies are checked against can't be used.

    """

    def __init__(self, settings: RegisterSettings, *, tls: TlsSettings | None) -> None:
        self._settings = settings
        self._scheme = "http" if tls is None else "https"
        self._headers = {"Authorization": f"Bearer {settings.secret()}"}
        self._own = (None, None) if tls is None else (tls.cert_file, tls.key_file)
        self._tls = client_context(settings.ca_file, *self._own)

    @asynccontextmanager
    async def registered(self, port: int) -> AsyncIterator[None]:
        """Be registered for the time of the context; leaving it takes as long as runs need this API.

        Args:
            port: Where this API listens.

        """
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        connector = aiohttp.TCPConnector(ssl=self._tls)
        async with (
            client_kept_current(self._tls, *self._own),
            aiohttp.ClientSession(headers=self._headers, timeout=timeout, connector=connector) as session,
        ):
            stop = asyncio.Event()
            tasks = [
                asyncio.create_task(self._register(session, proxy, port, stop), name=f"registration at {proxy}")
                for proxy in self._settings.proxies
            ]
            try:
                yield
            finally:
                # Not cancelled: a registration on its way would count after it was taken back.
                stop.set()
                await asyncio.gather(*tasks, return_exceptions=True)
                await asyncio.gather(*(self._leave(session, proxy, port) for proxy in self._settings.proxies))

    async def _register(self, session: aiohttp.ClientSession, proxy: str, port: int, stop: asyncio.Event) -> None:
        """Register again and again, until told to stop."""
        said: str | None = None
        while not stop.is_set():
            ttl_s, fault = 0.0, ""
            try:
                answer = await self._ask(session, "PUT", proxy, port)
                ttl_s = float(answer["ttl_s"])
            except _FAILURES as error:
                fault = _reason(error)
            if fault != said:
                if fault:
                    _log.warning("not registered", extra={"proxy": proxy, "reason": fault})
                else:
                    _log.info("registered", extra={"proxy": proxy})
            said = fault
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ttl_s / _OFTEN if ttl_s else _AGAIN_S):
                    await stop.wait()

    async def _leave(self, session: aiohttp.ClientSession, proxy: str, port: int) -> None:
        """Take it back, and wait as long as runs need this API there."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + self._settings.leave_timeout_s
        said: list[str] = []
        failures = 0
        while True:
            try:
                needed = list((await self._ask(session, "DELETE", proxy, port))["needed_for"])
            except _FAILURES as error:
                failures += 1
                if failures == _ATTEMPTS:
                    _log.warning("not deregistered", extra={"proxy": proxy, "reason": _reason(error)})
                    return  # the registration ends by itself
                await asyncio.sleep(_AGAIN_S)
                continue
            failures = 0
            if not needed:
                return
            if needed != said:
                _log.info("still needed", extra={"proxy": proxy, "fingerprints": needed})
                said = needed
            if loop.time() >= until_s:
                _log.warning("leaves though needed", extra={"proxy": proxy, "fingerprints": needed})
                return
            await asyncio.sleep(_AGAIN_S)

    async def _ask(self, session: aiohttp.ClientSession, method: str, proxy: str, port: int) -> Any:
        members = {"url": await asyncio.to_thread(self._url, proxy, port)}
        if self._settings.name is not None:
            members["name"] = self._settings.name
        async with session.request(method, f"{proxy.rstrip('/')}{PATH}", json=members) as answer:
            if answer.status >= 400:  # noqa: PLR2004
                problem = await answer.json(content_type=None)
                detail = problem.get("detail", "") if isinstance(problem, dict) else ""
                raise _Refused(f"HTTP {answer.status}: {str(detail)[:_SHOWN]}")
            return await answer.json()

    def _url(self, proxy: str, port: int) -> str:
        if self._settings.advertise is not None:
            parts = urlsplit(self._settings.advertise)
            return self._settings.advertise if parts.port else f"{self._settings.advertise}:{port}"
        return f"{self._scheme}://{_own_address(proxy)}:{port}"


class _Refused(Exception):
    """A proxy's answer that is an error; the message is for the log."""


_FAILURES: Final = (aiohttp.ClientError, TimeoutError, OSError, _Refused, KeyError, TypeError, ValueError)
"""Of a question to a proxy: no answer, a refusal, or an answer that isn't a proxy's."""


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, _Refused) else type(error).__name__


def _own_address(proxy: str) -> str:
    """Return the address by which this machine reaches a proxy, an IPv6 one in brackets; nothing is sent."""
    parts = urlsplit(proxy)
    family, kind, _, _, address = socket.getaddrinfo(
        parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80), type=socket.SOCK_DGRAM
    )[0]
    with socket.socket(family, kind) as one:
        one.connect(address)
        host = str(one.getsockname()[0])
    return f"[{host}]" if family == socket.AF_INET6 else host
