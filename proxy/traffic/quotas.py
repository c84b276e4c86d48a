"""The quotas of all keys and tenants, as the configuration states them. Pure."""

from nlpbatch.wire.limits import MIB
from proxy.config import ProxySettings, QuotaSettings
from proxy.traffic.quota import NO_LIMIT, Quota, Rule, Scope

_BURST_S = 10
_LEAST_BURST_BYTES = 8 * MIB


def rule_of(settings: QuotaSettings) -> Rule:
    """Return the limits that the settings state."""
    rate = settings.bytes_per_s
    if rate is None and settings.concurrency is None:
        return NO_LIMIT
    burst_bytes = settings.burst_bytes or max(_BURST_S * (rate or 0), _LEAST_BURST_BYTES)
    return Rule(rate, burst_bytes, settings.concurrency)


class Quotas:
    """Every quota there is; what they have counted survives another configuration."""

    def __init__(self) -> None:
        self._global = Quota("global", NO_LIMIT)
        self._tenants: dict[str, Quota] = {}
        self._keys: dict[str, Quota] = {}

    def adopt(self, settings: ProxySettings) -> None:
        """Limit by these settings from now on."""
        self._global.rule = rule_of(settings.quota)
        tenants = {name: rule_of(tenant.quota) for name, tenant in settings.tenants.items()}
        self._tenants = _kept("tenant", self._tenants, tenants)
        keys = {
            entry.partition(":")[0]: rule_of(tenant.key_quota)
            for tenant in settings.tenants.values()
            for entry in tenant.keys
        }
        self._keys = _kept("key", self._keys, keys)

    def of(self, tenant: str, key_id: str) -> tuple[Quota, ...]:
        """Return what a request by that key is limited by, the narrowest first."""
        found = self._keys.get(key_id), self._tenants.get(tenant), self._global
        return tuple(quota for quota in found if quota is not None)


def _kept(scope: Scope, before: dict[str, Quota], rules: dict[str, Rule]) -> dict[str, Quota]:
    quotas = {name: before.get(name) or Quota(scope, rule) for name, rule in rules.items()}
    for name, quota in quotas.items():
        quota.rule = rules[name]
    return quotas
