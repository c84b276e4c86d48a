"""What one process tells of itself for the dashboard, as JSON members; `overview` puts those of several together."""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from prometheus_client import Metric

from proxy.config import ProxySettings
from proxy.recent import Recent
from proxy.traffic.controller import TrafficController
from proxy.traffic.leased_quota import LeasedQuota
from proxy.traffic.quotas import Quota
from proxy.traffic.ticket import CLASS_NAMES

_REQUESTS = "nlpbatch_proxy_requests"


class Observed(Protocol):
    """A running proxy, as far as the dashboard looks at it."""

    traffic: TrafficController
    recent: Recent

    @property
    def settings(self) -> ProxySettings:
        """Return the configuration in force."""
        ...


def part_of(proxy: Observed, now_ns: int) -> dict[str, Any]:
    """Return what a process has waiting and under way, what it has counted lately, and how close quotas are.

    Args:
        proxy: The process's.
        now_ns: By the monotonic clock.

    """
    traffic, recent = proxy.traffic, proxy.recent
    return {
        "slices": [one.to_json() for one in recent.slices()],
        "reasons": [[*reason, count] for reason, count in recent.reasons().items()],
        "refusals": recent.refusals(),
        "queues": [
            {
                "tenant": tenant,
                "class": name,
                "waiting": traffic.queue.of(tenant, name).requests,
                "waiting_bytes": traffic.queue.of(tenant, name).size_bytes,
                "share": round(traffic.queue.share(tenant, name), 4),
                "next_wait_s": traffic.wait_s(tenant, name),
            }
            for tenant in proxy.settings.tenants
            for name in CLASS_NAMES
        ],
        "jobs": [
            {
                "tenant": tenant,
                "class": name,
                "job": job,
                "under_way": requests,
                "in_flight": traffic.queue.in_flight((name, tenant, job)),
            }
            for (name, tenant, job), requests in traffic.queue.demand().items()
        ],
        "levels": [level for quota in traffic.quotas for level in _levels(quota, now_ns)],
    }


def _levels(quota: Quota, now_ns: int) -> Iterator[dict[str, Any]]:
    """Yield how much of a quota is used, if anything is."""
    rule, named = quota.rule, {"scope": quota.scope, "name": quota.name}
    if rule.concurrency is not None and quota.in_use:
        yield named | {"kind": "concurrency", "used": quota.in_use, "limit": rule.concurrency}
    left_bytes, own_bytes, shared = quota.left_bytes(now_ns), rule.burst_bytes, False
    if isinstance(quota, LeasedQuota):
        shared = not quota.away
        own_bytes //= (quota.parts or 1) if quota.away else 1  # without the store each proxy has a part
    if left_bytes is not None and left_bytes < own_bytes:
        used = {"kind": "burst", "used": own_bytes - left_bytes, "limit": rule.burst_bytes, "shared": shared}
        yield named | used


def totals_of(families: Iterable[Metric]) -> dict[str, dict[str, int]]:
    """Return what metrics have counted since the start, for each tenant: answers by status."""
    found: dict[str, dict[str, int]] = {}
    for family in families:
        if family.name != _REQUESTS:
            continue
        for sample in family.samples:
            if sample.name == f"{_REQUESTS}_total":
                found.setdefault(sample.labels["tenant"], {})[sample.labels["status"]] = int(sample.value)
    return found
