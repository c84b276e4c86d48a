"""Response headers that explain what is left of a quota, how long a request waited, and how many a job should send.

RateLimit headers are those of draft-ietf-httpapi-ratelimit-headers, in its quota unit content-bytes: the narrowest
quota, or none where there is no quota. Server-Timing tells how long a request waited for its turn. Advice says how many
requests of the same job are here, and how many would keep its share of the backends busy; more only wait longer.
"""

import math
import re
import time
from functools import lru_cache
from typing import Final

from aiohttp import web
from multidict import CIMultiDict

from nlpbatch.wire.media import ADVICE, SERVER_TIMING
from proxy.traffic.controller import TrafficController
from proxy.traffic.quotas import Quota, Rule, Scope
from proxy.traffic.slots import Lease
from proxy.traffic.ticket import Arrival

ARRIVAL_KEY = web.RequestKey("arrival", Arrival)
LEASE_KEY = web.RequestKey("lease", Lease)
_NS: Final = 1_000_000_000
_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?:$|[,;])", re.IGNORECASE)


def wanted_wait_s(prefer: str | None) -> float | None:
    """Return the seconds that a `Prefer: wait=N` header is willing to wait (RFC 7240), None if it doesn't say."""
    found = _WAIT.search(prefer or "")
    return float(found[1]) if found else None


class ResponseHeaders:
    """Adds the headers.

    Args:
        traffic: Knows quotas and jobs.

    """

    def __init__(self, traffic: TrafficController) -> None:
        self._traffic = traffic

    async def on_response_prepare(self, request: web.Request, response: web.StreamResponse) -> None:
        """Add the headers to an answer that is about to be sent, whatever it says."""
        arrival = request.get(ARRIVAL_KEY)
        if arrival is None:
            return
        now_ns = time.monotonic_ns()
        _add_rate_limit(response.headers, self._traffic.quotas.of(arrival.tenant, arrival.key_id), now_ns)
        lease = request.get(LEASE_KEY)
        if lease is None:
            return
        response.headers.add(SERVER_TIMING, f"admission;dur={lease.waited_s * 1000:.2f}")
        if arrival.job:
            response.headers[ADVICE] = self._traffic.advice(lease.ticket).to_header()


def _add_rate_limit(headers: CIMultiDict[str], quotas: tuple[Quota, ...], now_ns: int) -> None:
    """Add the headers on the quota that has least left."""
    narrowest, least_bytes = None, 0
    for quota in quotas:
        left_bytes = quota.left_bytes(now_ns)
        if left_bytes is not None and (narrowest is None or left_bytes < least_bytes):
            narrowest, least_bytes = quota, left_bytes
    if narrowest is None:
        return
    scope, full_s = narrowest.scope, math.ceil(narrowest.full_in_s(now_ns))
    headers["RateLimit-Policy"] = _policy(scope, narrowest.rule)
    headers["RateLimit"] = f'"{scope}";r={least_bytes};t={full_s}'


@lru_cache(maxsize=1024)
def _policy(scope: Scope, rule: Rule) -> str:
    window_s = math.ceil(rule.burst_bytes / (rule.bytes_per_s or 1))
    return f'"{scope}";q={rule.burst_bytes};w={window_s};qu="content-bytes"'
