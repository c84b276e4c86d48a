"""Who belongs to the fleet: each proxy says several times in `alive_s` that it is alive, and learns who else is.

While the store is away, those who were alive before still count: limits are divided by them, never multiplied.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from proxy.shared.store import Script, SharedStore, StoreAway

_BEATS: Final = 5
"""Heartbeats in the time after which a proxy counts as gone."""

_BEAT: Final = Script("""
-- KEYS: the last beat of each member (sorted set), what each says of itself (hash).
-- ARGV: id, what it says, microseconds after which a silent one is gone; an empty text takes it out.
-- Returns the time in microseconds, then id and text of each that is alive.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])) do
  redis.call('ZREM', KEYS[1], gone)
  redis.call('HDEL', KEYS[2], gone)
end
if ARGV[2] == '' then
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('HDEL', KEYS[2], ARGV[1])
else
  redis.call('ZADD', KEYS[1], now, ARGV[1])
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
end
local found = {string.format('%.0f', now)}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  table.insert(found, id)
  table.insert(found, redis.call('HGET', KEYS[2], id) or '{}')
end
return found
""")


@dataclass(frozen=True, slots=True)
class Member:
    """What a proxy says of itself.

    Args:
        id: Names it for the time that it runs.
        host: The machine that it is on.
        pid: Its process there.
        peer_url: Where the other proxies reach it; '' before it listens.
        started_at: When it began, ISO 8601.
        generation: How many configurations it has had.
        config: Stands for the configuration in force: two that limit alike have the same.
        version: Of nlpbatch.
        draining: Whether it takes no more work.
        load: What there is to do there; see `traffic.wanted_workers.Load`.
        pinned: Versions that runs there are pinned to.
        wanted: How many workers it wants for all, with the reason; see `traffic.wanted_workers.Wanted`.

    """

    id: str
    host: str = ""
    pid: int = 0
    peer_url: str = ""
    started_at: str = ""
    generation: int = 1
    config: str = ""
    version: str = ""
    draining: bool = False
    load: Mapping[str, int] = field(default_factory=dict)
    pinned: tuple[str, ...] = ()
    wanted: Mapping[str, Any] | None = None

    @classmethod
    def from_json(cls, id_: str, members: Mapping[str, Any]) -> "Member":
        """Return what another proxy says; members that this version doesn't know are left out."""
        known = {name: members[name] for name in cls.__dataclass_fields__ if name in members}
        return cls(**known | {"id": id_, "pinned": tuple(known.get("pinned", ()))})


class Members:
    """The proxies of the fleet as this one knows them.

    Args:
        store: Knows who is alive.
        me: What this proxy says of itself; `say` changes it.

    """

    def __init__(self, store: SharedStore, me: Member) -> None:
        self._store = store
        self.me = me
        self.alive: dict[str, Member] = {me.id: me}
        """All that are alive, this one included, in the order of their ids."""

    @property
    def count(self) -> int:
        """Return by how many proxies limits are divided while the store is away."""
        return max(len(self.alive), self._store.settings.expected_proxies or 1)

    @property
    def rank(self) -> int:
        """Return the position of this proxy among those alive, from 0."""
        return sorted(self.alive).index(self.me.id)

    @property
    def period_s(self) -> float:
        """Return the seconds between two heartbeats."""
        return self._store.settings.alive_s / _BEATS

    def say(self, **changed: Any) -> None:
        """Change what this proxy says of itself; the others hear of it with the next beat."""
        self.me = replace(self.me, **changed)
        self.alive[self.me.id] = self.me

    async def beat(self) -> None:
        """Say that this proxy is alive, and learn who else is; nothing changes while the store is away."""
        await self._exchange(json.dumps(asdict(self.me), separators=(",", ":")))

    async def leave(self) -> None:
        """Say that this proxy ends, so that the others don't wait for it to be missed."""
        await self._exchange("")

    async def _exchange(self, text: str) -> None:
        keys = [self._store.key("beats"), self._store.key("members")]
        gone_us = round(self._store.settings.alive_s * 1e6)
        try:
            _, *found = await self._store.run(_BEAT, keys, [self.me.id, text, gone_us])
        except StoreAway:
            return
        pairs = zip(found[::2], found[1::2], strict=True)
        self.alive = {
            id_: Member.from_json(id_, json.loads(said)) for id_, said in sorted((a.decode(), b) for a, b in pairs)
        } | {self.me.id: self.me}
