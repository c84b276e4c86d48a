"""Issued keys and revocations in the shared store: every proxy of the fleet has all of them within a second.

A proxy looks at a version twice a second and reads everything only when it has changed. What it knows and the store
lacks it writes back: after a flush, or after a restart from an old backup, no revocation is lost. While the store is
away, what is known stays in force.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from proxy.key_records import REVOKED, IssuedKey, KeyRecords, read_members
from proxy.shared.clock import FleetClock
from proxy.shared.store import Script, SharedStore

_READ_TIMEOUT_S: Final = 2.0
"""Nobody's request waits for these calls, and 10,000 keys take longer than a request may."""
_log = logging.getLogger("nlpbatch.proxy")

_LOOK: Final = Script("""
-- KEYS: the records (hash). ARGV: the version that is known.
-- Returns the time in microseconds and the version, '' for none; then all fields if it is another than that known.
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end
local time = redis.call('TIME')
local version = redis.call('HGET', KEYS[1], 'version') or ''
local found = {string.format('%.0f', time[1] * 1000000 + time[2]), version}
if version ~= ARGV[1] then
  for _, part in ipairs(redis.call('HGETALL', KEYS[1])) do table.insert(found, part) end
end
return found
""")

_WRITE: Final = Script("""
-- KEYS: the records (hash). ARGV: how many fields follow that are dropped, these; then names and values.
-- A first revocation stays; whatever else has the same name is the same. Returns how many fields were added.
local dropped = tonumber(ARGV[1])
local added = 0
for i = 2, 1 + dropped do redis.call('HDEL', KEYS[1], ARGV[i]) end
for i = 2 + dropped, #ARGV, 2 do
  local how = string.find(ARGV[i], ':revoked', 1, true) and 'HSETNX' or 'HSET'
  added = added + redis.call(how, KEYS[1], ARGV[i], ARGV[i + 1])
end
-- The time, so that a version is never the same again after a flush.
local time = redis.call('TIME')
local before = tonumber(redis.call('HGET', KEYS[1], 'version') or 0) or 0
redis.call('HSET', KEYS[1], 'version', string.format('%.0f', math.max(time[1] * 1000000 + time[2], before + 1)))
return added
""")


class SharedKeys:
    """This proxy's copy of the records in the store.

    Args:
        store: Has them.
        records: The copy.
        clock: Is set by the store's.

    """

    def __init__(self, store: SharedStore, records: KeyRecords, clock: FleetClock) -> None:
        self._store = store
        self._records = records
        self._clock = clock
        self.on_change: Callable[[], Awaitable[None]] | None = None
        """Called after the copy has changed."""
        self._version = b""
        self._compares = self._compared = 0
        """How often a comparison was wanted, and which of these was made last."""
        self._complained: set[str] = set()

    def compare(self) -> None:
        """Read everything at the next look, and write back what the store lacks."""
        self._compares += 1

    async def sync(self) -> None:
        """Take over what is new in the store, and write back what it lacks.

        Raises:
            StoreAway: The store doesn't answer; what is known stays in force.

        """
        wanted = self._compares
        known = self._version if wanted == self._compared else b"?"
        reply = await self._store.run(_LOOK, [self._key], [known], timeout_s=_READ_TIMEOUT_S)
        now_us, version, *parts = reply
        self._clock.adopt(int(now_us))
        if version == known:
            return
        found = read_members((name.decode("utf-8", "replace"), text) for name, text in _pairs(parts))
        found.pop("version", None)
        await self._take_over(found)
        old, missing = self._old(found), self._missing(found)
        if old or missing:
            await self._write(missing, old)
            return  # the next look sees them there
        self._version, self._compared = version, wanted

    async def add(self, issued: IssuedKey) -> None:
        """Put a new key into the store.

        Raises:
            StoreAway: The store doesn't answer; whether it has the key is not known.

        """
        await self._write({issued.stored.key_id: issued.to_members()})

    async def _write(self, fields: Mapping[str, Any], dropped: Sequence[str] = ()) -> None:
        arguments = [str(len(dropped)), *dropped]
        for name, members in fields.items():
            arguments += [name, json.dumps(members, separators=(",", ":"))]
        await self._store.run(_WRITE, [self._key], arguments, timeout_s=_READ_TIMEOUT_S)

    @property
    def _key(self) -> str:
        return self._store.key("keys")

    async def _take_over(self, found: Mapping[str, Any]) -> None:
        changed, unreadable = self._records.learn(found)
        for name in set(unreadable) - self._complained:
            self._complained.add(name)
            _log.error("a key in the shared store can't be read", extra={"field": name[:64]})
        self._records.forget_old(self._clock.now_s())
        if changed and self.on_change is not None:
            await self.on_change()

    def _old(self, found: Mapping[str, Any]) -> list[str]:
        """Return the ids of keys in the store that ended long ago, which this proxy has just dropped."""
        return [
            name
            for name, members in found.items()
            if name not in self._records.issued and IssuedKey.parse(name, members) is not None
        ]

    def _missing(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """Return what this proxy knows and the store lacks, or has in a form that can't be read."""
        return {
            name: members
            for name, members in self._records.to_fields().items()
            if name not in found or (not name.endswith(REVOKED) and IssuedKey.parse(name, found[name]) is None)
        }


def _pairs(parts: list[bytes]) -> list[tuple[bytes, bytes]]:
    return list(zip(parts[::2], parts[1::2], strict=True))
