"""Tells the other proxies what is asked for here, and learns what is asked for there: see `proxy.traffic.demand`."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Final

from proxy.shared.members import Members
from proxy.shared.repeated_errors import RepeatedErrors
from proxy.shared.store import Script, SharedStore, StoreAway
from proxy.traffic.demand import Demand, Flow

PERIOD_S: Final = 0.1
_TIMEOUT_S: Final = 0.5
_MAX_FLOWS: Final = 500
"""Callers invent jobs' names; beyond that, those with the fewest requests are left out."""

_EXCHANGE: Final = Script("""
-- KEYS: the last beats of the members (sorted set), what each asks for (hash).
-- ARGV: this member, what it asks for; an empty text for nothing.
-- Returns what the others ask for that are alive.
if ARGV[2] == '' then redis.call('HDEL', KEYS[2], ARGV[1]) else redis.call('HSET', KEYS[2], ARGV[1], ARGV[2]) end
redis.call('PEXPIRE', KEYS[2], 10000)
local others = {}
local found = redis.call('HGETALL', KEYS[2])
for j = 1, #found, 2 do
  if not redis.call('ZSCORE', KEYS[1], found[j]) then redis.call('HDEL', KEYS[2], found[j])
  elseif found[j] ~= ARGV[1] then table.insert(others, found[j + 1]) end
end
return others
""")


class Demands:
    """Exchanges demands in every period in which something is asked for here.

    Args:
        store: Where they are exchanged.
        members: Who is alive.

    """

    def __init__(self, store: SharedStore, members: Members) -> None:
        self._store = store
        self._members = members
        self._said = False
        self._errors = RepeatedErrors("demands not exchanged")

    async def exchange_forever(
        self, own: Callable[[], Demand], share_with_others: Callable[[Sequence[Demand]], None]
    ) -> None:
        """Exchange until cancelled.

        Args:
            own: Returns what is asked for here.
            share_with_others: Called with the others' demands; with none while the store is away.

        """
        while True:
            await asyncio.sleep(PERIOD_S)
            demand = own()
            if not demand and not self._said:
                continue
            try:
                share_with_others(await self._exchange(demand))
            except StoreAway:
                share_with_others(self._assumed(demand))
            except Exception as error:  # noqa: BLE001 - whatever the store holds, it is asked again
                self._errors.log(error, asyncio.get_running_loop().time())

    async def _exchange(self, demand: Demand) -> list[Demand]:
        # Names of jobs and tenants are the caller's and the operator's, not text; they are in metrics and logs, too.
        largest = sorted(demand.items(), key=lambda item: -item[1])[:_MAX_FLOWS]
        text = json.dumps([[*flow, requests] for flow, requests in largest], separators=(",", ":")) if largest else ""
        keys = [self._store.key("beats"), self._store.key("demands")]
        others = await self._store.run(_EXCHANGE, keys, [self._members.me.id, text], timeout_s=_TIMEOUT_S)
        self._said = bool(largest)
        return [_read(other) for other in others]

    def _assumed(self, demand: Demand) -> list[Demand]:
        """Return what the others ask for as long as nothing can be known: as much as is asked for here."""
        return [demand] * (self._members.count - 1)


def _read(text: bytes) -> dict[Flow, int]:
    return {(class_name, tenant, job): int(requests) for class_name, tenant, job, requests in json.loads(text)}
