"""The shared store, Redis or Valkey: every call is bounded in time, and a store that doesn't answer is away.

One answer that is late fails its own call. When none has come in time for half a second, or there is no connection, the
store is away: calls fail at once, so that no request waits for it again and again, and a task of its own asks for it
until it answers. What is called here is one atomic script each time: nothing
is left half done when a proxy dies between two commands.
"""

import asyncio
import hashlib
import hmac
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.sentinel import Sentinel
from redis.exceptions import AuthenticationError, AuthorizationError, NoPermissionError, NoScriptError, RedisError
from redis.exceptions import ConnectionError as StoreConnectionError

from nlpbatch.errors import ConfigError
from proxy.config_shared import PASSWORD_VARIABLE, SharedSettings

FORMAT: Final = "1"
"""Of what is in the store; another format is another version of nlpbatch."""
_START_TIMEOUT_S: Final = 5.0
_PROBE_PERIOD_S: Final = 0.25
_LATE_S: Final = 0.5
"""A busy machine pauses for tens of milliseconds, which says nothing of the store."""
_log = logging.getLogger("nlpbatch.proxy")

_JOIN: Final = """
-- KEYS: fleet. ARGV: format, check of the secret. Returns the format and the check that the fleet has.
redis.call('HSETNX', KEYS[1], 'format', ARGV[1])
redis.call('HSETNX', KEYS[1], 'secret', ARGV[2])
return redis.call('HMGET', KEYS[1], 'format', 'secret')
"""


class StoreAway(Exception):
    """The store gave no answer in time, or not the one that was asked for; nothing is known of what it has done."""


class Script:
    """A script that the store runs as one step.

    Args:
        source: In Lua; the first comment says what KEYS and ARGV are.

    """

    def __init__(self, source: str) -> None:
        self.source = source.strip()
        self.digest = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()


class SharedStore:
    """The connection to the store; `open` it before use.

    Args:
        settings: Where it is, and how long it may take.
        on_back: Called when it answers again after it was away.

    Raises:
        ConfigError: A file with the password or the secret can't be read, or the secret is too short.

    """

    def __init__(self, settings: SharedSettings) -> None:
        self.settings = settings
        try:
            self._secret = settings.secret()
            self._client = _client(settings)
        except ValueError as error:
            raise ConfigError(str(error)) from error
        self._probing: asyncio.Task[None] | None = None
        self._late_since_s: float | None = None
        self.away = False
        self.on_change: list[Callable[[], object]] = []
        """Called when the store goes away, and when it is back."""

    def key(self, *parts: str) -> str:
        """Return the name of a key in the store."""
        return ":".join((self.settings.prefix, *parts))

    def hidden(self, *parts: str) -> str:
        """Return what stands for these words in the store, where they can't be read: a keyed hash."""
        return hmac.digest(self._secret, "\0".join(parts).encode(), "sha256").hex()[:32]

    def admits(self, secret: str) -> bool:
        """Return whether a peer knows the fleet's secret, in time that doesn't depend on how much of it is right."""
        return hmac.compare_digest(secret.encode(), self.peer_secret.encode())

    @property
    def peer_secret(self) -> str:
        """Return what proxies of the fleet show each other."""
        return hmac.new(self._secret, b"peer", hashlib.sha256).hexdigest()

    async def open(self) -> None:
        """Join the fleet.

        Raises:
            ConfigError: The store refuses this proxy, belongs to a fleet with another secret or format, or can't be
                reached and `expected_proxies` isn't set.

        """
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                await self._join()
        except ConfigError:
            await self._client.aclose()
            raise
        except (RedisError, OSError, TimeoutError) as error:
            if isinstance(error, AuthenticationError | AuthorizationError | NoPermissionError):
                await self._client.aclose()
                raise ConfigError(
                    f"the shared store at {self.settings.url} refuses this proxy ({_reason(error)}): check username, "
                    f"and password_file or ${PASSWORD_VARIABLE}"
                ) from error
            if self.settings.expected_proxies is None:
                await self._client.aclose()
                raise ConfigError(
                    f"the shared store at {self.settings.url} can't be reached ({_reason(error)}): start it, correct "
                    "shared.url, or set shared.expected_proxies to start without it"
                ) from error
            self._lost(error)

    async def close(self) -> None:
        """Close the connection."""
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.gather(self._probing, return_exceptions=True)
        await self._client.aclose()

    async def run(
        self,
        script: Script,
        keys: Sequence[str],
        arguments: Sequence[str | int | float | bytes],
        *,
        timeout_s: float | None = None,
    ) -> Any:
        """Return what a script returns.

        Args:
            script: The script.
            keys: The keys that it uses, by their full names.
            arguments: Its further arguments.
            timeout_s: How long to wait for the answer; by default as long as a request may.

        Raises:
            StoreAway: There is no answer, or an error.

        """
        if self.away:
            raise StoreAway("the shared store is away")
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(self.settings.timeout_s if timeout_s is None else timeout_s):
                found = await self._run(script, keys, arguments)
        except (RedisError, OSError, TimeoutError) as error:
            if not isinstance(error, TimeoutError) or self._is_late(began_s):
                self._lost(error)
            raise StoreAway(f"the shared store is away ({_reason(error)})") from error
        self._late_since_s = None
        return found

    def _is_late(self, began_s: float) -> bool:
        """Count a late answer to a call of that time; return whether none has come in time for too long."""
        self._late_since_s = began_s if self._late_since_s is None else self._late_since_s
        return time.monotonic() - self._late_since_s >= _LATE_S

    async def _run(self, script: Script, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        try:
            return await self._client.evalsha(script.digest, len(keys), *keys, *arguments)
        except NoScriptError:  # the store is new to it, or was restarted
            return await self._client.eval(script.source, len(keys), *keys, *arguments)

    async def _join(self) -> None:
        check = hmac.new(self._secret, b"fleet", hashlib.sha256).hexdigest()
        found = await self._run(Script(_JOIN), [self.key("fleet")], [FORMAT, check])
        its_format, its_check = (value.decode() for value in found)
        if its_format != FORMAT:
            raise ConfigError(
                f"the shared store has a fleet of format {its_format} under the prefix {self.settings.prefix!r}, this "
                f"version writes format {FORMAT}: give shared.prefix another name, or upgrade all its proxies"
            )
        if not hmac.compare_digest(its_check, check):
            raise ConfigError(
                f"the fleet under the prefix {self.settings.prefix!r} in the shared store has another secret: use the "
                "same secret for all its proxies, or give shared.prefix another name"
            )

    def _lost(self, error: BaseException) -> None:
        if self.away:
            return
        self.away = True
        _log.error("shared store away", extra={"store": self.settings.url, "reason": _reason(error)})
        self._probing = asyncio.create_task(self._probe(), name="store")
        self._tell()

    async def _probe(self) -> None:
        """Ask until the store answers within the time that requests have for it."""
        refused = ""
        while self.away:
            await asyncio.sleep(_PROBE_PERIOD_S)
            # Each connection that was open would fail one more call after the store is back.
            await self._client.connection_pool.disconnect(inuse_connections=False)
            try:
                async with asyncio.timeout(self.settings.timeout_s):
                    await self._join()
            except (RedisError, OSError, TimeoutError):
                continue
            except ConfigError as error:  # it isn't this fleet's any more
                if error.message != refused:
                    refused = error.message
                    _log.error("shared store not joined", extra={"reason": refused})
                continue
            self.away, self._late_since_s = False, None
        _log.info("shared store back", extra={"store": self.settings.url})
        self._tell()

    def _tell(self) -> None:
        for callback in self.on_change:
            callback()


def _client(settings: SharedSettings) -> Redis:
    how: dict[str, Any] = {
        "username": settings.username,
        "password": settings.password(),
        "socket_connect_timeout": _START_TIMEOUT_S,
        # Each call here has a timeout of its own. redis-py's is asyncio.wait_for, which in Python 3.11 loses a
        # cancellation that comes just when it ends: then a task that is to stop goes on for ever.
        "socket_timeout": None,
        # A call that failed may have been carried out: whoever made it decides whether to make it again.
        "retry": None,
        "retry_on_error": [],
    }
    url = settings.url or ""
    if not url.startswith("redis+sentinel://"):
        if url.startswith("rediss://") and settings.ca_file is not None:
            how["ssl_ca_certs"] = settings.ca_file
        return Redis.from_url(url, **how)
    hosts, _, service = url.removeprefix("redis+sentinel://").partition("/")
    pairs = [(host, int(port or 26379)) for host, _, port in (pair.partition(":") for pair in hosts.split(","))]
    sentinel = Sentinel(pairs, socket_connect_timeout=_START_TIMEOUT_S)  # type: ignore[no-untyped-call]
    master: Redis = sentinel.master_for(service.rstrip("/"), **how)
    return master


def _reason(error: BaseException) -> str:
    # Messages of the store itself may repeat arguments.
    if isinstance(error, StoreConnectionError | OSError) or not str(error):
        return type(error).__name__
    return f"{type(error).__name__} {str(error).split(' ', 1)[0]}"
