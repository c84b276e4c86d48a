"""Failed keys of all proxies together: when the bucket of each address is full again, in the shared store.

An address is there only as a keyed hash, for as long as its bucket isn't full. It is looked at beside the requests, so
that a guess costs no round trip; while the store is away, each proxy keeps to the bound by itself.
"""

import time
from collections.abc import Callable
from typing import Final

from nlpbatch.serving.failed_keys import FailedKeys
from proxy.shared.store import Script, SharedStore, StoreAway

_WINDOW_US: Final = 60_000_000
_DEBT: Final = 2
"""So many windows at most an address has to make up for what it was let through too much."""
_IN_ONE: Final = 500
"""Addresses in one script."""

_COUNT: Final = Script("""
-- KEYS: an address each. ARGV: time that a failure takes to be forgotten, longest time until a bucket is full, both in
-- microseconds; then for each key its new failures. Returns for each key in how many microseconds its bucket is full.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local found = {}
for i, key in ipairs(KEYS) do
  if redis.call('TYPE', key).ok ~= 'string' then redis.call('DEL', key) end
  local full = math.max(tonumber(redis.call('GET', key) or '') or now, now) + ARGV[i + 2] * ARGV[1]
  full = math.min(full, now + ARGV[2])
  redis.call('SET', key, string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
  table.insert(found, string.format('%.0f', full - now))
end
return found
""")


class SharedFailures:
    """This proxy's part in the failures of the fleet.

    Args:
        store: Has those of all.
        failed: Those of this proxy.
        per_minute: Returns the bound in force.
        wake: Begins the next look.

    """

    def __init__(
        self, store: SharedStore, failed: FailedKeys, per_minute: Callable[[], int], wake: Callable[[], None]
    ) -> None:
        self._store = store
        self._failed = failed
        self._per_minute = per_minute
        failed.on_much = wake

    async def sync(self) -> None:
        """Tell the others of failures here, and learn how long those addresses have to wait everywhere.

        Raises:
            StoreAway: The store doesn't answer; they are told when it does.

        """
        untold = self._failed.take_untold()
        times = [_WINDOW_US // self._per_minute(), _DEBT * _WINDOW_US]
        try:
            everything = list(untold.items())
            for start in range(0, len(everything), _IN_ONE):
                some = everything[start : start + _IN_ONE]
                keys = [self._store.key("failed", self._store.hidden("failed", host)) for host, _ in some]
                found = await self._store.run(_COUNT, keys, [*times, *(count for _, count in some)])
                for (host, _), full_in_us in zip(some, found, strict=True):
                    self._failed.learn(host, int(full_in_us) / 1e6, time.monotonic())
                    del untold[host]
        except StoreAway:
            self._failed.not_told(untold)
            raise
