"""What tenants with a budget have used, in the shared store: a hash for each tenant and period, a field for each proxy.

Each proxy writes only its own total, so that an attempt that may have been carried out can be made again. A proxy
remembers what the others had: after a flush it writes back what those had used that no longer run.
"""

import time
from collections.abc import Callable, Sequence
from typing import Final

from proxy.shared.clock import FleetClock
from proxy.shared.members import Members
from proxy.shared.store import Script, SharedStore
from proxy.traffic.budgets import Budget, Budgets
from proxy.traffic.calendar import DAY_S, Period

_LOOK: Final = Script("""
-- KEYS: the totals of a tenant in a period (hashes). ARGV: id of this proxy; then for each key its total and the time
-- in seconds at which the key expires. Returns the time in microseconds, then for each key all ids and totals.
local time = redis.call('TIME')
local found = {string.format('%.0f', time[1] * 1000000 + time[2])}
for i, key in ipairs(KEYS) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', key) end
  if ARGV[2 * i] ~= '0' or redis.call('HEXISTS', key, ARGV[1]) == 1 then
    redis.call('HSET', key, ARGV[1], ARGV[2 * i])
    redis.call('EXPIREAT', key, ARGV[2 * i + 1])
  end
  table.insert(found, redis.call('HGETALL', key))
end
return found
""")

_RESTORE: Final = Script("""
-- KEYS: the totals of a tenant in a period. ARGV: when it expires, then ids and totals. Adds those that are missing.
for i = 2, #ARGV, 2 do redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('EXPIREAT', KEYS[1], ARGV[1])
""")


class SharedBudgets:
    """This proxy's part in the budgets of the fleet.

    Args:
        store: Has the totals.
        members: Knows how many proxies there are.
        budgets: Those of this proxy.
        clock: Is set by the store's.
        wake: Begins the next look.

    """

    def __init__(
        self, store: SharedStore, members: Members, budgets: Budgets, clock: FleetClock, wake: Callable[[], None]
    ) -> None:
        self._store = store
        self._members = members
        self._budgets = budgets
        self._clock = clock
        self._seen: dict[str, dict[str, int]] = {}
        """What each other proxy had used, by the key of tenant and period."""
        budgets.on_low = wake
        budgets.divided = True  # until the first look
        budgets.proxies = members.count
        store.on_change.append(self._divide)

    async def sync(self) -> None:
        """Tell the others what was admitted here, and learn what they have admitted.

        Raises:
            StoreAway: The store doesn't answer; what was left is divided by the proxies.

        """
        budgets = list(self._budgets.all(time.monotonic()))
        self._budgets.proxies = self._members.count
        asked = [(self._key(tenant, one.period), one, one.period, one.own_bytes) for tenant, one in budgets]
        if asked:
            arguments: list[str | int] = [self._members.me.id]
            for _, _, period, own_bytes in asked:
                arguments += [own_bytes, _expires_s(period)]
            now_us, *totals = await self._store.run(_LOOK, [key for key, *_ in asked], arguments)
            self._clock.adopt(int(now_us))
            for (key, budget, period, own_bytes), found in zip(asked, totals, strict=True):
                await self._learn(key, budget, period, own_bytes, found)
            self._seen = {key: self._seen[key] for key, *_ in asked}
        self._budgets.divided = False

    async def _learn(self, key: str, budget: Budget, period: Period, own_bytes: int, found: Sequence[bytes]) -> None:
        seen = self._seen.get(key, {})
        others = _totals(found, seen)
        others.pop(self._members.me.id, None)
        lost = {id_: size_bytes for id_, size_bytes in seen.items() if id_ not in others}
        self._seen[key] = others | lost
        budget.saw(period, own_bytes, sum(self._seen[key].values()))
        if lost:
            arguments: list[str | int] = [_expires_s(period)]
            for id_, size_bytes in lost.items():
                arguments += [id_, size_bytes]
            await self._store.run(_RESTORE, [key], arguments)

    def _divide(self) -> None:
        """Divide what is left from the moment that the store is away; the next look that succeeds ends it."""
        if self._store.away:
            self._budgets.divided = True
            self._budgets.proxies = self._members.count

    def _key(self, tenant: str, period: Period) -> str:
        return self._store.key("budget", tenant, period.label)


def _totals(found: Sequence[bytes], seen: dict[str, int]) -> dict[str, int]:
    """Return the totals by the ids of proxies; what can't be read counts as it was seen before."""
    totals = {}
    for name, total in zip(found[::2], found[1::2], strict=True):
        id_ = name.decode("utf-8", "replace")
        totals[id_] = int(total) if total.isdigit() else seen.get(id_, 0)
    return totals


def _expires_s(period: Period) -> int:
    return period.end_s + DAY_S
