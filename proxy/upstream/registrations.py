"""Backends that registered themselves: an API on a port that nobody knew before says where it is, again and again.

    PUT    /registrations  {"url": "http://10.0.0.5:41234", "name": "api-1"}  ──> a backend for `ttl_s` from now
    DELETE /registrations  {"url": …}                        ──> gone at once, or leaving

A backend that leaves while a run is pinned to a version that no other one has gets the requests of that run, and
nothing else, until the run has ended: the answer to DELETE says so, and the API asks again.

In a fleet the store has them, so that one registration counts at every proxy; it is read once a second. While the store
is away, a proxy keeps those that it knew.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from proxy.shared.store import Script, SharedStore, StoreAway
from proxy.upstream.discovery import Address

_TIMEOUT_S: Final = 2.0
"""No request waits for these calls."""
_AWAY_S: Final = 5.0
"""How long a look at a store that is away has registrations count: some looks longer than until the next one."""
_MAX: Final = 10_000
"""Backends that may be registered: more can only be a mistake."""

_EXCHANGE: Final = Script("""
-- KEYS: when each registration ends (sorted set), what is known of each (hash).
-- ARGV: an address or '', microseconds that it lasts (0: it is gone), what is known, the most that there may be.
-- Returns 1 if it was taken or there was nothing to take, then address, microseconds that are left, what is known.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
  redis.call('ZREM', KEYS[1], gone)
  redis.call('HDEL', KEYS[2], gone)
end
local taken = 1
if ARGV[1] ~= '' then
  if ARGV[2] == '0' then
    redis.call('ZREM', KEYS[1], ARGV[1])
    redis.call('HDEL', KEYS[2], ARGV[1])
  elseif redis.call('ZSCORE', KEYS[1], ARGV[1]) or redis.call('ZCARD', KEYS[1]) < tonumber(ARGV[4]) then
    redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
    redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
  else taken = 0 end
end
local found = {taken}
local all = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for i = 1, #all, 2 do
  table.insert(found, all[i])
  table.insert(found, string.format('%.0f', all[i + 1] - now))
  table.insert(found, redis.call('HGET', KEYS[2], all[i]) or '')
end
return found
""")


@dataclass(frozen=True, slots=True)
class Registration:
    """A backend that is registered.

    Args:
        url: Its address.
        until_s: When it counts as gone, unless it registers again; on the monotonic clock.
        name: Its own; '' for one without.
        leaving: Whether it gets only what no other one can answer.

    """

    url: str
    until_s: float
    name: str = ""
    leaving: bool = False

    @property
    def known(self) -> str:
        """Return what is known of it, as the store has it."""
        return f"{int(self.leaving)}{self.name}"


class Registrations:
    """The registrations that count here.

    Args:
        store: The fleet's; None for a proxy that is alone.

    """

    def __init__(self, store: SharedStore | None) -> None:
        self._store = store
        self._all: dict[str, Registration] = {}

    def addresses(self) -> Sequence[Address]:
        """Return the addresses of all."""
        now_s = time.monotonic()
        return [Address(one.url) for one in self._all.values() if one.until_s > now_s]

    def leaving(self) -> frozenset[str]:
        """Return the addresses of those that leave."""
        return frozenset(one.url for one in self._all.values() if one.leaving)

    @property
    def urls(self) -> frozenset[str]:
        """Return the addresses of all, as they are known now."""
        return frozenset(self._all)

    def __contains__(self, url: str) -> bool:
        return url in self._all

    def to_json(self) -> list[dict[str, Any]]:
        """Return what an operator wants to see."""
        now_s = time.monotonic()
        return [
            {
                "url": one.url,
                "name": one.name or None,
                "expires_in_s": round(one.until_s - now_s, 1),
                "leaving": one.leaving,
            }
            for one in self._all.values()
        ]

    async def register(self, url: str, lasts_s: float, name: str = "", *, leaving: bool = False) -> bool:
        """Take or renew a registration; return whether there was room for it.

        Raises:
            StoreAway: It can't be told to the other proxies now.

        """
        one = Registration(url, time.monotonic() + lasts_s, name, leaving)
        if self._store is not None:
            return await self._exchange(url, lasts_s, one.known)
        self._expire()
        if url not in self._all and len(self._all) >= _MAX:
            return False
        self._all[url] = one
        return True

    async def remove(self, url: str) -> None:
        """Have it gone at once.

        Raises:
            StoreAway: It can't be told to the other proxies now.

        """
        if self._store is not None:
            await self._exchange(url, 0.0)
        self._all.pop(url, None)

    async def look(self) -> None:
        """Learn what was registered at other proxies, and forget what is over."""
        if self._store is None:
            self._expire()
            return
        try:
            await self._exchange("", 0.0)
        except StoreAway:
            # Nobody can renew anything meanwhile, so that those which are known count on.
            until_s = time.monotonic() + _AWAY_S
            self._all = {url: replace(one, until_s=max(one.until_s, until_s)) for url, one in self._all.items()}

    def _expire(self) -> None:
        now_s = time.monotonic()
        self._all = {url: one for url, one in self._all.items() if one.until_s > now_s}

    async def _exchange(self, url: str, lasts_s: float, known: str = "") -> bool:
        if self._store is None:
            return False
        keys = [self._store.key("registrations"), self._store.key("registered")]
        arguments: list[str | int | float | bytes] = [url, round(lasts_s * 1e6), known, _MAX]
        taken, *found = await self._store.run(_EXCHANGE, keys, arguments, timeout_s=_TIMEOUT_S)
        now_s = time.monotonic()
        self._all = {
            address.decode(): Registration(
                address.decode(), now_s + int(left) / 1e6, said[1:].decode(), said.startswith(b"1")
            )
            for address, left, said in zip(found[::3], found[1::3], found[2::3], strict=True)
        }
        return bool(taken)
