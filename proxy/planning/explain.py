"""Which limit binds for a tenant's requests of a size, and how many workers they take. Pure.

Every limit on the way is listed with what it allows.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from proxy.config import BudgetSettings, ProxySettings, QuotaSettings, TenantSettings
from proxy.traffic.calendar import DAY_S
from proxy.traffic.quotas import rule_of
from proxy.traffic.shares import contended_shares
from proxy.traffic.ticket import ClassName

_MONTH_S: Final = 365.2425 / 12 * DAY_S
"""The mean."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is to be explained.

    Args:
        tenant: Whose requests.
        size_bytes: How large each is.
        class_name: Which class they are in.
        workers: Workers of all backends together.
        worker_bytes_per_s: What each of them analyses.

    """

    tenant: str
    size_bytes: int
    class_name: ClassName = "batch"
    workers: int = 8
    worker_bytes_per_s: float = 200_000.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one limit allows.

    Args:
        name: The key that states it.
        bytes_per_s: The most that passes it in the long run; 0 if such a request never does.
        note: What it means.

    """

    name: str
    bytes_per_s: float
    note: str


def allowances(settings: ProxySettings, load: Load) -> list[Allowance]:
    """Return what every limit allows, the one that binds first.

    Raises:
        KeyError: The configuration has no such tenant.

    """
    tenant = settings.tenants[load.tenant]
    found = [
        *_admitted(settings, tenant, load),
        *_quota(f"tenants.{load.tenant}.key_quota (one key)", tenant.key_quota, load),
        *_queue(settings, load),
        *_backends(settings, load),
    ]
    return sorted(found, key=lambda allowance: allowance.bytes_per_s)


def workers_for(settings: ProxySettings, load: Load) -> str:
    """Return in words how many workers would be wanted for all that the tenant may send.

    Raises:
        KeyError: The configuration has no such tenant.

    """
    scaling = settings.scaling
    narrowest = min(_admitted(settings, settings.tenants[load.tenant], load), key=lambda one: one.bytes_per_s)
    most = scaling.max_workers
    if math.isinf(narrowest.bytes_per_s):
        bound = "without end: set scaling.max_workers" if most is None else f"up to scaling.max_workers, {most:,}"
        return f"no limit but the workers: what waits would want more of them, {bound}"
    needed = math.ceil(narrowest.bytes_per_s / (load.worker_bytes_per_s * scaling.busy_part) - 1e-6)
    wanted = max(scaling.min_workers, needed if most is None else min(needed, most))
    bounds = "" if wanted == needed else f"; scaling wants {scaling.min_workers:,} at least"
    if most is not None and needed > most:
        bounds = f"; scaling wants {most:,} at most, which analyse {most * load.worker_bytes_per_s:,.0f} bytes/s"
    return (
        f"{narrowest.name} lets {narrowest.bytes_per_s:,.0f} bytes/s through, which {needed:,} workers analyse that "
        f"are busy {scaling.busy_part:.0%} of the time{bounds}"
    )


def _admitted(settings: ProxySettings, tenant: TenantSettings, load: Load) -> Iterator[Allowance]:
    """Yield the limits on what all keys of a tenant may send."""
    yield _body(settings, load)
    yield from _quota("quota", settings.quota, load)
    yield from _quota(f"tenants.{load.tenant}.quota", tenant.quota, load)
    yield from _budget(load.tenant, tenant.budget)


def _body(settings: ProxySettings, load: Load) -> Allowance:
    most = settings.limits.body_bytes
    passes = load.size_bytes <= most
    return Allowance("limits.body_bytes", math.inf if passes else 0.0, f"a request may have {most:,} bytes")


def _quota(name: str, quota: QuotaSettings, load: Load) -> Iterator[Allowance]:
    rule = rule_of(quota)
    if rule.bytes_per_s is not None:
        passes = load.size_bytes <= rule.burst_bytes
        note = f"bursts of {rule.burst_bytes:,} bytes" + ("" if passes else ": such a request never passes")
        yield Allowance(f"{name}.bytes_per_s", float(rule.bytes_per_s) if passes else 0.0, note)
    if rule.concurrency is not None:
        seconds = load.size_bytes / load.worker_bytes_per_s
        rate = rule.concurrency * load.size_bytes / seconds
        yield Allowance(f"{name}.concurrency", rate, f"{rule.concurrency:,} at a time, if each takes {seconds:.3g} s")


def _budget(tenant: str, budget: BudgetSettings) -> Iterator[Allowance]:
    periods = (
        ("bytes_per_day", "a day", budget.bytes_per_day, DAY_S),
        ("bytes_per_month", "a month", budget.bytes_per_month, _MONTH_S),
    )
    for key, span, size_bytes, seconds in periods:
        if size_bytes is not None:
            note = f"{size_bytes:,} bytes {span}, in UTC, as fast as the other limits allow"
            yield Allowance(f"tenants.{tenant}.budget.{key}", size_bytes / seconds, note)


def _queue(settings: ProxySettings, load: Load) -> Iterator[Allowance]:
    queue, class_ = settings.queue, getattr(settings.classes, load.class_name)
    waiting = min(queue.requests, queue.size_bytes // max(1, load.size_bytes))
    share = _share_bytes_per_s(settings, load)
    seconds = waiting * load.size_bytes / share if share else math.inf
    fits = load.size_bytes <= queue.size_bytes
    note = (
        f"{waiting:,} such requests may wait, which would take {seconds:,.3g} s of its share; "
        f"after {class_.max_wait_s:g} s they are refused"
    )
    yield Allowance("queue", math.inf if fits else share, note)


def _backends(settings: ProxySettings, load: Load) -> Iterator[Allowance]:
    whole = load.workers * load.worker_bytes_per_s
    yield Allowance("backends, alone", whole, f"{load.workers} workers, each {load.worker_bytes_per_s:,.0f} bytes/s")
    share = _share_bytes_per_s(settings, load)
    note = f"{share / whole:.1%} by weight, while everybody has work waiting"
    yield Allowance("backends, under contention", share, note)


def _share_bytes_per_s(settings: ProxySettings, load: Load) -> float:
    """Return the tenant's share of all workers in that class; 0 if it may not claim the class."""
    share = contended_shares(settings).get((load.tenant, load.class_name), 0.0)
    return load.workers * load.worker_bytes_per_s * share
