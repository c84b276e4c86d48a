"""Exchanges leases of quotas with the shared store, so that a quota holds for all proxies together.

One script for all quotas that have changed, every `lease_period_s`, or at once when a request waits for its lease.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from proxy.shared.members import Members
from proxy.shared.repeated_errors import RepeatedErrors
from proxy.shared.store import Script, SharedStore, StoreAway
from proxy.traffic.lease_bucket import Grant, LeaseReport
from proxy.traffic.leased_quota import LeasedQuota
from proxy.traffic.quotas import Quota, Rule, Scope

_MAX_QUOTAS: Final = 200
"""Quotas in one exchange: the store does nothing else meanwhile."""
_NO_LIMIT: Final = -1
_TIMEOUT_S: Final = 0.5
"""Of an exchange: no request waits for it so long, and the lease in hand goes on meanwhile."""

_EXCHANGE: Final = Script("""
-- KEYS: the last beats of the members (sorted set); then for each quota a hash: level (bytes), at (microseconds), and
-- of each member its lease b:ID, its slots s:ID, and since when it needs more than it has, u:ID.
-- ARGV: this member; then for each quota: bytes a second or -1, burst, requests at a time or -1, the level to begin
-- with or -1 for a full bucket, whether the member rejoins, bytes spent, wanted, needed, requests in use, slots wanted.
-- Returns for each quota: lease, level, leases of the others, slots, free slots.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local me = ARGV[1]
local granted = {}
for i = 2, #KEYS do
  local a = {}
  for j = 1, 10 do a[j] = tonumber(ARGV[1 + (i - 2) * 10 + j]) end
  local rate, burst, bound, known, rejoins, spent, wanted, needed, in_use, slots_wanted = unpack(a)
  local level, at, mine, leased, slots, needy = nil, now, 0, 0, 0, nil
  local found = redis.call('HGETALL', KEYS[i])
  for j = 1, #found, 2 do
    local name, value = found[j], tonumber(found[j + 1])
    local kind, id = string.sub(name, 1, 2), string.sub(name, 3)
    if name == 'level' then level = value
    elseif name == 'at' then at = value
    elseif id == me then
      if kind == 'b:' then mine = value end
    elseif not redis.call('ZSCORE', KEYS[1], id) then redis.call('HDEL', KEYS[i], name)
    elseif kind == 'b:' then leased = leased + value
    elseif kind == 's:' then slots = slots + value
    elseif needy == nil or value < needy then needy = value end
  end
  if rate >= 0 then
    if level == nil then
      level = known >= 0 and known or burst
      mine = 0
      spent = 0
    else
      level = level + (now - at) * rate / 1000000
    end
    if rejoins == 1 then
      if known >= 0 then level = math.min(level, known) end
      mine = 0
      spent = 0
    end
    mine = mine - spent
    if mine < 0 then
      level = level + mine
      mine = 0
    end
    level = math.min(level, burst - leased - mine)
    local more = wanted - mine
    if more > 0 then more = math.min(more, math.max(0, math.floor(level))) end
    mine = mine + more
    level = level - more
    if needed > mine then
      -- All of a small bucket may be out on leases of which none is enough: the one that waits longest gets its own.
      local since = tonumber(redis.call('HGET', KEYS[i], 'u:' .. me) or now)
      redis.call('HSET', KEYS[i], 'u:' .. me, string.format('%.0f', since))
      if needy ~= nil and needy < since and leased + mine + math.max(0, level) >= burst - 1 then
        level = level + mine
        mine = 0
      end
    else
      redis.call('HDEL', KEYS[i], 'u:' .. me)
    end
    redis.call('HSET', KEYS[i], 'level', string.format('%.3f', level), 'at', string.format('%.0f', now),
      'b:' .. me, string.format('%.0f', mine))
  end
  local my_slots, free = 0, 0
  if bound >= 0 then
    my_slots = math.max(in_use, math.min(slots_wanted, bound - slots))
    free = bound - slots - my_slots
    redis.call('HSET', KEYS[i], 's:' .. me, my_slots)
  end
  redis.call('PEXPIRE', KEYS[i], 60000 + (rate > 0 and math.ceil(2000 * burst / rate) or 0))
  table.insert(granted, {string.format('%.0f', mine), string.format('%.0f', math.floor(level or 0)),
    string.format('%.0f', leased), my_slots, free})
end
return granted
""")


class Leases:
    """The leases that this proxy has of all quotas.

    Args:
        store: Has the buckets.
        members: Among whom the limits are divided while the store is away.

    """

    def __init__(self, store: SharedStore, members: Members) -> None:
        self._store = store
        self._members = members
        self._quotas: Iterable[Quota] = ()
        self._wake = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []
        self._errors = RepeatedErrors("leases not exchanged")
        store.on_change.append(self._divide_if_away)

    def watch(self, quotas: Iterable[Quota]) -> None:
        """Exchange leases of these quotas from now on; those that are added later, too."""
        self._quotas = quotas

    async def refresh(self) -> None:
        """Return after an exchange that began after this call, or when it takes too long; at once without the store."""
        if self._store.away:
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._wake.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._store.settings.timeout_s):
                await turn

    async def exchange_forever(self) -> None:
        """Exchange what is due in every period, and at once when somebody waits for it."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._store.settings.lease_period_s):
                    await self._wake.wait()
            self._wake.clear()
            waiting, self._waiting = self._waiting, []
            try:
                await self.exchange()
            except Exception as error:  # noqa: BLE001 - whatever the store holds, it is asked again
                self._errors.log(error, asyncio.get_running_loop().time())
            for turn in waiting:
                if not turn.done():
                    turn.set_result(None)

    async def exchange(self) -> None:
        """Report what is due, and take over what is granted; divide the limits if the store is away."""
        now_ns = time.monotonic_ns()
        if self._divide_if_away():
            return
        due = [quota for quota in self._leased() if quota.is_due(now_ns)]
        for first in range(0, len(due), _MAX_QUOTAS):
            part = due[first : first + _MAX_QUOTAS]
            reports = [quota.report(now_ns) for quota in part]
            try:
                grants = await self._ask(part, reports)
            except StoreAway:
                for quota, report in zip(part, reports, strict=True):
                    quota.unsettle(report)
                return
            if self._divide_if_away():  # somebody else noticed meanwhile
                return
            for quota, report, grant in zip(part, reports, grants, strict=True):
                quota.settle(report, grant, time.monotonic_ns())

    def _divide_if_away(self) -> bool:
        """Have this proxy's part of every limit while the store is away; return whether it is."""
        if self._store.away:
            for quota in self._leased():
                quota.divide(self._members.count, self._members.rank, time.monotonic_ns())
        return self._store.away

    def _leased(self) -> Iterator[LeasedQuota]:
        return (quota for quota in self._quotas if isinstance(quota, LeasedQuota))

    def make_quota(self, scope: Scope, name: str, rule: Rule) -> LeasedQuota:
        """Return a quota of which this proxy begins with its part."""
        quota = LeasedQuota(scope, name, rule)
        quota.begin(self._members.count, self._members.rank, time.monotonic_ns())
        return quota

    async def _ask(self, quotas: Sequence[LeasedQuota], reports: Sequence[LeaseReport]) -> list[Grant]:
        keys = [self._store.key("beats"), *(self._store.key("quota", quota.scope, quota.name) for quota in quotas)]
        arguments: list[Any] = [self._members.me.id]
        for report in reports:
            arguments += _arguments(report)
        return [
            Grant(*map(int, row)) for row in await self._store.run(_EXCHANGE, keys, arguments, timeout_s=_TIMEOUT_S)
        ]


def _arguments(report: LeaseReport) -> list[int]:
    rule = report.rule
    return [
        _NO_LIMIT if rule.bytes_per_s is None else rule.bytes_per_s,
        rule.burst_bytes,
        _NO_LIMIT if rule.concurrency is None else rule.concurrency,
        -1 if report.known_bytes is None else report.known_bytes,
        int(report.rejoins),
        report.spent_bytes,
        report.wanted_bytes,
        report.needed_bytes,
        report.in_use,
        report.wanted_slots,
    ]
