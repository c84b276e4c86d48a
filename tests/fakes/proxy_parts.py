"""Settings and requests for the proxy's deciding modules, with what a test doesn't care about filled in."""

import itertools
from typing import Any

from nlpbatch.serving.settings import check
from proxy.config import ProxySettings
from proxy.config_ledger import LedgerSettings
from proxy.keys import make_key
from proxy.ledger.counters import COUNTERS
from proxy.ledger.ledger import Ledger
from proxy.traffic.ticket import Arrival

_ENTRIES = {name: make_key()[1] for name in "abcd"}
_NUMBERS = itertools.count()


def proxy_settings(tenants: dict[str, dict[str, Any]] | None = None, **groups: Any) -> ProxySettings:
    """Return settings with the tenants a, b, c and d."""
    given = {name: {"keys": [entry]} | (tenants or {}).get(name, {}) for name, entry in _ENTRIES.items()}
    return check({"backends": [{"url": "http://b"}], "tenants": given} | groups, ProxySettings, "test")


def waits(seconds: float, **interactive: Any) -> dict[str, Any]:
    """Return classes in which a request may wait so long, and CoDel refuses nothing."""
    patient = {"max_wait_s": seconds, "target_delay_s": 3600}
    return {"interactive": patient | {"extra_slots": 0} | interactive, "batch": patient}


def arrival(tenant: str = "a", job: str = "", cost_bytes: int = 100, **members: Any) -> Arrival:
    """Return a request that arrives; another one each time, unless `identity` says otherwise."""
    given = {"class_name": "batch", "identity": next(_NUMBERS)} | members
    return Arrival(tenant, _ENTRIES[tenant].partition(":")[0], job, cost_bytes=cost_bytes, **given)


def new_ledger(now_s=lambda: 1_795_000_000.0) -> Ledger:
    """Return a ledger in memory that isn't started; it counts on 2026-11-18."""
    return Ledger(LedgerSettings(), None, lambda _: None, now_s)


def counted(ledger: Ledger, tenant: str, job: str) -> dict[str, int]:
    """Return what a ledger that isn't started has counted for a job, without what is 0."""
    rows = [counts for row, counts in ledger.pending.counts.items() if (row[1], row[3]) == (tenant, job)]
    sums = dict(zip(COUNTERS, map(sum, zip(*rows, strict=True)), strict=True)) if rows else {}
    return {name: number for name, number in sums.items() if number}
