"""Answers that explain themselves: headers on what is left of a quota and on a job's requests, and `GET /v1/limits`.

RateLimit headers are those of draft-ietf-httpapi-ratelimit-headers, in its quota unit content-bytes: the narrowest
quota, or none where there is no quota. Server-Timing tells how long a request waited for its turn. Advice says how many
requests of the same job are here, and how many would keep its share of the backends busy; more only wait longer.
"""

import math
import re
import time
from typing import Any, Final

from aiohttp import web

from nlpbatch.wire.media import ADVICE, SERVER_TIMING
from proxy.live import Live
from proxy.traffic.controller import TrafficController
from proxy.traffic.lease import Lease
from proxy.traffic.quota import Quota
from proxy.traffic.ticket import CLASS_NAMES, Arrival

ARRIVAL_KEY = web.RequestKey("arrival", Arrival)
LEASE_KEY = web.RequestKey("lease", Lease)
_NS: Final = 1_000_000_000
_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?:$|[,;])", re.IGNORECASE)


def wanted_wait_s(prefer: str | None) -> float | None:
    """Return the seconds that a `Prefer: wait=N` header is willing to wait (RFC 7240), None if it doesn't say."""
    found = _WAIT.search(prefer or "")
    return float(found[1]) if found else None


class Explanations:
    """Explains the traffic to those who are in it."""

    def __init__(self, traffic: TrafficController, live: Live) -> None:
        self._traffic = traffic
        self._live = live

    async def on_response_prepare(self, request: web.Request, response: web.StreamResponse) -> None:
        """Add the headers to an answer that is about to be sent, whatever it says."""
        arrival = request.get(ARRIVAL_KEY)
        if arrival is None:
            return
        now_ns = time.monotonic_ns()
        response.headers.update(_rate_limit(self._traffic.quotas.of(arrival.tenant, arrival.key_id), now_ns))
        lease = request.get(LEASE_KEY)
        if lease is None:
            return
        response.headers.add(SERVER_TIMING, f"admission;dur={lease.waited_s * 1000:.2f}")
        if arrival.job:
            response.headers[ADVICE] = self._traffic.advice(lease.ticket).to_header()

    def limits_of(self, tenant: str, key_id: str) -> dict[str, Any]:
        """Return what a caller may send, has used and has waiting, as JSON members."""
        traffic, settings = self._traffic, self._live.settings
        waiting, queue = traffic.queue.of(tenant), settings.queue
        names = CLASS_NAMES
        quotas = {quota.scope: _quota(quota, time.monotonic_ns()) for quota in traffic.quotas.of(tenant, key_id)}
        return {
            "tenant": tenant,
            "key": key_id,
            "body_bytes": settings.limits.body_bytes,
            "quotas": quotas,
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
                for name in names
            },
        }


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
    }


def _rate_limit(quotas: tuple[Quota, ...], now_ns: int) -> dict[str, str]:
    """Return the headers on the quota that has least left."""
    limited = [(left, quota) for quota in quotas if (left := quota.left_bytes(now_ns)) is not None]
    if not limited:
        return {}
    left_bytes, quota = min(limited, key=lambda pair: pair[0])
    rate, burst_bytes = quota.rule.bytes_per_s or 1, quota.rule.burst_bytes
    window_s = math.ceil(burst_bytes / rate)
    return {
        "RateLimit-Policy": f'"{quota.scope}";q={burst_bytes};w={window_s};qu="content-bytes"',
        "RateLimit": f'"{quota.scope}";r={left_bytes};t={math.ceil(quota.full_in_s(now_ns))}',
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
