"""What a caller may send: bytes a second with a burst, and requests at a time. Pure; times are integer nanoseconds.

Bytes are limited by the generic cell rate algorithm (ITU-T I.371): with T = the time that a byte takes at the rate,
TAT' = max(now, TAT) + cost·T, and a request conforms if TAT' - burst·T ≤ now. Otherwise it will conform at
TAT' - burst·T, and nothing changes. Integers, because a float loses the last nanoseconds of a long TAT.

A request has to pass several quotas (its key's, its tenant's, everybody's): all are checked, then all are charged, or
none. Bytes that were promised to callers with a Retry-After count as sent for everyone else.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from nlpbatch.wire.limits import MIB
from proxy.config import ProxySettings, QuotaSettings

_NS: Final = 1_000_000_000
_STAY_SMOOTHING: Final = 0.1
_BURST_S: Final = 10
_MIN_BURST_BYTES: Final = 8 * MIB

Scope = Literal["key", "tenant", "global"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A quota as the operator states it; None is no limit.

    Args:
        bytes_per_s: Bytes a second on the average.
        burst_bytes: What may be sent at once after a pause; a larger request never passes.
        concurrency: Requests at a time.

    """

    bytes_per_s: int | None = None
    burst_bytes: int = 0
    concurrency: int | None = None
    burst_ns: int = field(init=False, repr=False, compare=False)
    """The time that a burst takes at the rate."""

    def __post_init__(self) -> None:
        """Work out what each request needs."""
        burst_ns = 0 if self.bytes_per_s is None else _ns_for(self.burst_bytes, self.bytes_per_s)
        object.__setattr__(self, "burst_ns", burst_ns)


NO_LIMIT: Final = Rule()


@dataclass(frozen=True, slots=True)
class Over:
    """The quota that a request exceeds, and when it would pass.

    Args:
        scope: Whose quota it is.
        kind: Which of its limits.
        value: What the request would have made of it.
        bound: The limit.
        wait_s: When it would pass, if nothing else came meanwhile; None if it never will.

    """

    scope: Scope
    kind: Literal["rate", "burst", "concurrency"]
    value: float
    bound: float
    wait_s: float | None


class Quota:
    """The quota of one key, of one tenant, or of the whole service.

    Args:
        scope: Whose it is.
        name: The key's id or the tenant's name; '' for everybody's.
        rule: Its limits.

    """

    def __init__(self, scope: Scope, name: str, rule: Rule) -> None:
        self.scope: Scope = scope
        self.name = name
        self.rule = rule
        self.in_use = 0
        self.promised_bytes = 0
        self.promised_requests = 0
        self._tat_ns = 0
        self._stay_s = 0.0

    @property
    def held_bytes(self) -> int:
        """Return what is held for requests with a reservation."""
        return self.promised_bytes

    @property
    def held_requests(self) -> int:
        """Return how many requests a slot is held for."""
        return self.promised_requests

    def over(self, cost_bytes: int, now_ns: int, *, promised: bool) -> Over | None:
        """Return the limit that the request is over, None if it conforms; `promised` if it has a reservation."""
        rule = self.rule
        if rule is NO_LIMIT:
            return None
        rate = rule.bytes_per_s
        if rate is not None:
            if cost_bytes > rule.burst_bytes:
                return Over(self.scope, "burst", cost_bytes, rule.burst_bytes, None)
            wait_ns = self._wait_ns(cost_bytes if promised else cost_bytes + self.held_bytes, now_ns, rate)
            if wait_ns > 0:
                return Over(self.scope, "rate", cost_bytes, rate, wait_ns / _NS)
        bound = None if rule.concurrency is None else self._concurrency()
        if bound is None or rule.concurrency is None:
            return None
        ahead = 0 if promised else self.held_requests
        if self.in_use + ahead < bound:
            return None
        wait_s = (self.in_use + ahead + 1 - bound) * self._stay_s / max(1, bound)
        return Over(self.scope, "concurrency", self.in_use + 1, rule.concurrency, wait_s)

    def promise_ended(self, *, kept: bool) -> None:
        """Take note of whether a request with a reservation has come in time."""

    def charge(self, cost_bytes: int, now_ns: int) -> None:
        """Count a request that begins; check it first."""
        self.in_use += 1
        if self.rule.bytes_per_s is not None:
            self._take(cost_bytes, now_ns, self.rule.bytes_per_s)

    def release(self, stay_s: float | None) -> None:
        """Count a request that has ended, and how long it was here; None for one that ended otherwise."""
        self.in_use -= 1
        if stay_s is not None:
            keep = 1 - _STAY_SMOOTHING if self._stay_s else 0.0
            self._stay_s = keep * self._stay_s + (1 - keep) * stay_s

    def give_back(self, cost_bytes: int) -> None:
        """Undo the charge for the bytes of a request that was not sent on after all."""
        if self.rule.bytes_per_s is not None:
            self._tat_ns -= _ns_for(cost_bytes, self.rule.bytes_per_s)

    def left_bytes(self, now_ns: int) -> int | None:
        """Return what may be sent at once now; None if it isn't limited."""
        rule = self.rule
        if rule.bytes_per_s is None:
            return None
        ahead_ns = self._tat_ns - now_ns
        if ahead_ns <= 0:
            return rule.burst_bytes
        return max(0, rule.burst_bytes + (-ahead_ns * rule.bytes_per_s // _NS))  # what is used, rounded up

    def full_in_s(self, now_ns: int) -> float:
        """Return when the whole burst may be sent again."""
        return max(0, self._tat_ns - now_ns) / _NS

    def _take(self, cost_bytes: int, now_ns: int, bytes_per_s: int) -> None:
        self._tat_ns = max(now_ns, self._tat_ns) + _ns_for(cost_bytes, bytes_per_s)

    def _concurrency(self) -> int | None:
        return self.rule.concurrency

    def _wait_ns(self, size_bytes: int, now_ns: int, bytes_per_s: int) -> int:
        # What was promised may be more than a burst; it is spread over time, so it delays and doesn't forbid.
        ahead_ns = self._tat_ns - now_ns if self._tat_ns > now_ns else 0
        return ahead_ns + _ns_for(size_bytes, bytes_per_s) - self.rule.burst_ns


def rule_of(settings: QuotaSettings) -> Rule:
    """Return the limits that the settings state."""
    rate = settings.bytes_per_s
    if rate is None and settings.concurrency is None:
        return NO_LIMIT
    burst_bytes = settings.burst_bytes or max(_BURST_S * (rate or 0), _MIN_BURST_BYTES)
    return Rule(rate, burst_bytes, settings.concurrency)


MakeQuota = Callable[[Scope, str, Rule], Quota]


class Quotas:
    """Every quota there is; what they have counted survives another configuration.

    Args:
        make: Makes a quota: of this proxy alone, or one that several proxies share.

    """

    def __init__(self, make: MakeQuota = Quota) -> None:
        self._make = make
        self._global = make("global", "", NO_LIMIT)
        self._tenants: dict[str, Quota] = {}
        self._keys: dict[str, Quota] = {}
        self._key_rules: dict[str, Rule] = {}
        self._owners: dict[str, str] = {}
        """The tenants of keys that no configuration has, because they were issued while the proxy ran."""

    def adopt(self, settings: ProxySettings) -> None:
        """Limit by these settings from now on."""
        self._global.rule = rule_of(settings.quota)
        tenants = {name: rule_of(tenant.quota) for name, tenant in settings.tenants.items()}
        self._tenants = self._kept("tenant", self._tenants, tenants)
        self._key_rules = {name: rule_of(tenant.key_quota) for name, tenant in settings.tenants.items()}
        self._owners = {key_id: name for key_id, name in self._owners.items() if name in self._key_rules}
        keys = {key_id: self._key_rules[name] for key_id, name in self._owners.items()} | {
            entry.partition(":")[0]: self._key_rules[name]
            for name, tenant in settings.tenants.items()
            for entry in tenant.keys
        }
        self._keys = self._kept("key", self._keys, keys)

    def of(self, tenant: str, key_id: str) -> tuple[Quota, ...]:
        """Return what a request by that key is limited by, the narrowest first."""
        key = self._keys.get(key_id) or self._of_issued(tenant, key_id)
        whole = self._tenants.get(tenant)
        if key is not None and whole is not None:
            return key, whole, self._global
        return tuple(quota for quota in (key, whole, self._global) if quota is not None)

    def __iter__(self) -> Iterator[Quota]:
        """Yield all of them."""
        yield self._global
        yield from self._tenants.values()
        yield from self._keys.values()

    def _of_issued(self, tenant: str, key_id: str) -> Quota | None:
        """Return the quota of a key that is used for the first time; None for a tenant that is none."""
        rule = self._key_rules.get(tenant)
        if rule is None:
            return None
        self._owners[key_id] = tenant
        quota = self._keys[key_id] = self._make("key", key_id, rule)
        return quota

    def _kept(self, scope: Scope, before: dict[str, Quota], rules: dict[str, Rule]) -> dict[str, Quota]:
        quotas = {name: before.get(name) or self._make(scope, name, rule) for name, rule in rules.items()}
        for name, quota in quotas.items():
            quota.rule = rules[name]
        return quotas


def first_over(quotas: Iterable[Quota], cost_bytes: int, now_ns: int, *, promised: bool) -> Over | None:
    """Return the limit that binds: one that never passes, else the one to wait for longest; None if all conform."""
    overs = [found for quota in quotas if (found := quota.over(cost_bytes, now_ns, promised=promised)) is not None]
    return max(overs, key=lambda over: float("inf") if over.wait_s is None else over.wait_s, default=None)


def charge_all(quotas: Sequence[Quota], cost_bytes: int, now_ns: int) -> None:
    """Charge every quota; only after `first_over` found none."""
    for quota in quotas:
        quota.charge(cost_bytes, now_ns)


def _ns_for(size_bytes: int, bytes_per_s: int) -> int:
    """Return the nanoseconds that bytes take at a rate, rounded up: at most one nanosecond's worth is too many."""
    return -(-size_bytes * _NS // bytes_per_s)
