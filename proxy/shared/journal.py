"""The audit entries of all proxies in the shared store, in the order in which they came: the last 10,000."""

from collections.abc import Sequence
from typing import Final

from proxy.shared.store import Script, SharedStore

_TIMEOUT_S: Final = 2.0
"""Nobody's request waits for these calls."""

_APPEND: Final = Script("""
-- KEYS: the entries (list, the newest first). ARGV: how many are kept, then entries.
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'list' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end
for i = 2, #ARGV do redis.call('LPUSH', KEYS[1], ARGV[i]) end
redis.call('LTRIM', KEYS[1], 0, ARGV[1] - 1)
""")

_READ: Final = Script("""
-- KEYS: the entries. ARGV: how many. Returns the newest, the newest first.
if redis.call('TYPE', KEYS[1]).ok ~= 'list' then return {} end
return redis.call('LRANGE', KEYS[1], 0, ARGV[1] - 1)
""")


class SharedJournal:
    """The entries in a store.

    Args:
        store: Has them.
        max_entries: How many it keeps.

    """

    def __init__(self, store: SharedStore, max_entries: int) -> None:
        self._store = store
        self._max_entries = max_entries

    async def append(self, texts: Sequence[str]) -> None:
        """Add entries, the oldest first.

        Raises:
            StoreAway: It doesn't answer; whether it has them is not known.

        """
        await self._store.run(_APPEND, [self._key], [self._max_entries, *texts], timeout_s=_TIMEOUT_S)

    async def read(self, limit: int) -> list[bytes]:
        """Return the newest entries, the newest first.

        Raises:
            StoreAway: It doesn't answer.

        """
        found: list[bytes] = await self._store.run(_READ, [self._key], [limit], timeout_s=_TIMEOUT_S)
        return found

    @property
    def _key(self) -> str:
        return self._store.key("audit")
