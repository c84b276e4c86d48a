"""What `GET /v1/limits` answers: a caller's quotas, its queue, and its classes with their shares and waits."""

import time
from typing import Any

from proxy.config import ProxySettings
from proxy.instants import iso
from proxy.traffic.controller import TrafficController
from proxy.traffic.leased_quota import LeasedQuota
from proxy.traffic.quotas import Quota
from proxy.traffic.ticket import CLASS_NAMES


def limits_of(traffic: TrafficController, settings: ProxySettings, tenant: str, key_id: str) -> dict[str, Any]:
    """Return what a caller may send, has used and has waiting, as JSON members."""
    waiting, queue = traffic.queue.of(tenant), settings.queue
    quotas = {quota.scope: _quota(quota, time.monotonic_ns()) for quota in traffic.quotas.of(tenant, key_id)}
    return {
        "tenant": tenant,
        "key": key_id,
        "body_bytes": settings.limits.body_bytes,
        "quotas": quotas,
        "budget": budgets_of(traffic, tenant),
        "queue": {
            "requests": waiting.requests,
            "max_requests": queue.requests,
            "size_bytes": waiting.size_bytes,
            "max_size_bytes": queue.size_bytes,
        },
        "in_flight": traffic.in_flight(tenant),
        "paused": tenant in traffic.queue.paused,
        "classes": {
            name: {
                "may_claim": name in settings.tenants[tenant].classes,
                "share": round(traffic.queue.share(tenant, name), 4),
                "wait_s": _rounded(traffic.wait_s(tenant, name)),
                "max_wait_s": getattr(settings.classes, name).max_wait_s,
            }
            for name in CLASS_NAMES
        },
    }


def budgets_of(traffic: TrafficController, tenant: str) -> dict[str, Any] | None:
    """Return what is left of a tenant's budgets for this day and this month, as JSON members; None if it has none."""
    found = {
        f"bytes_per_{budget.kind}": {
            "limit_bytes": budget.limit_bytes,
            "used_bytes": budget.used_bytes,
            "left_bytes": budget.left_bytes,
            "begins_again_at": iso(budget.period.end_s),
            "divided_by": traffic.budgets.divided_by,
        }
        for budget in traffic.budgets.of(tenant, time.monotonic())
        if budget.limit_bytes is not None
    }
    return found or None


def _quota(quota: Quota, now_ns: int) -> dict[str, Any]:
    rule = quota.rule
    limited = rule.bytes_per_s is not None
    return {
        "bytes_per_s": rule.bytes_per_s,
        "burst_bytes": rule.burst_bytes if limited else None,
        "left_bytes": quota.left_bytes(now_ns),
        "full_in_s": _rounded(quota.full_in_s(now_ns)) if limited else None,
        "concurrency": rule.concurrency,
        "requests": quota.in_use,
        "divided_by": quota.parts if isinstance(quota, LeasedQuota) and quota.away else None,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
