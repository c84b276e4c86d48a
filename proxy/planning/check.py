"""What a configuration means, in words, and what is odd about it though it is allowed. Pure: settings in, lines out."""

from collections.abc import Iterator
from typing import Final

from nlpbatch.serving.hosts import is_loopback
from nlpbatch.serving.secrets import ADMIN_KEY_VARIABLE
from nlpbatch.wire.limits import MIB
from proxy.config import BudgetSettings, ProxySettings, QuotaSettings
from proxy.traffic.quotas import rule_of
from proxy.traffic.shares import class_share, contended_shares, tenant_share

_HOUR_S: Final = 3600


def summary(settings: ProxySettings) -> list[str]:
    """Return what the settings mean, a line for each thing."""
    shares = contended_shares(settings)
    interactive = class_share(shares, "interactive")
    lines = [f"backend {one.url}{' (each of its addresses)' if one.resolve else ''}" for one in settings.backends]
    lines.append(f"interactive requests get {interactive:.0%} of the service while batch waits, else all of it")
    lines += [
        f"tenant {name}: {tenant_share(shares, name):.0%} of the service while all have work waiting, "
        f"{describe(tenant.quota)}, {describe_budget(tenant.budget)}{len(tenant.keys)} "
        f"key{'s' if len(tenant.keys) > 1 else ''}"
        for name, tenant in settings.tenants.items()
    ]
    lines.append(f"all together: {describe(settings.quota)}")
    lines.append(_with_others(settings))
    return lines


def _with_others(settings: ProxySettings) -> str:
    """Return what the limits mean if this is one of several proxies."""
    shared = settings.shared
    if shared.url is None:
        return "limits are this process's: N proxies without [shared] let through N times as much"
    expected = f", {shared.expected_proxies} at least" if shared.expected_proxies is not None else ""
    return (
        f"limits are those of all proxies of the fleet {shared.prefix} together; while {shared.url} is away, each has "
        f"the limit divided by the proxies last seen{expected}"
    )


def describe(quota: QuotaSettings) -> str:
    """Return a quota in words."""
    rule = rule_of(quota)
    parts = []
    if rule.bytes_per_s is not None:
        parts.append(f"{rule.bytes_per_s:,} bytes/s with bursts of {rule.burst_bytes:,}")
    if rule.concurrency is not None:
        parts.append(f"{rule.concurrency:,} requests at a time")
    return " and ".join(parts) or "no quota"


def describe_budget(budget: BudgetSettings) -> str:
    """Return a budget in words that others follow; '' for none."""
    limits = (("day", budget.bytes_per_day), ("month", budget.bytes_per_month))
    parts = [f"{size_bytes:,} bytes a {name}" for name, size_bytes in limits if size_bytes is not None]
    return f"{' and '.join(parts)} at most, " if parts else ""


def warnings(settings: ProxySettings) -> list[str]:
    """Return what is allowed and most likely not meant, each with what it does and a remedy."""
    return [
        *_bursts(settings),
        *_rates(settings),
        *_parts(settings),
        *_budgets(settings),
        *_others(settings),
        *_admin(settings),
    ]


def _quotas(settings: ProxySettings) -> Iterator[tuple[str, QuotaSettings]]:
    yield "quota", settings.quota
    for name, tenant in settings.tenants.items():
        yield f"tenants.{name}.quota", tenant.quota
        yield f"tenants.{name}.key_quota", tenant.key_quota


def _bursts(settings: ProxySettings) -> Iterator[str]:
    largest = settings.limits.body_bytes
    for name, quota in _quotas(settings):
        rule = rule_of(quota)
        if rule.bytes_per_s is not None and rule.burst_bytes < largest:
            yield (
                f"{name}: requests of {rule.burst_bytes:,} to {largest:,} bytes never pass: "
                f"raise burst_bytes, or lower limits.body_bytes"
            )


def _parts(settings: ProxySettings) -> Iterator[str]:
    """Yield the limits of which a proxy may have nothing while the store is away."""
    proxies = settings.shared.expected_proxies
    if settings.shared.url is None or proxies is None:
        return
    for name, quota in _quotas(settings):
        if quota.concurrency is not None and quota.concurrency < proxies:
            yield (
                f"{name}: {quota.concurrency} requests at a time among {proxies} proxies: without the store "
                f"{proxies - quota.concurrency} of them let nothing through: raise concurrency to {proxies}"
            )


def _rates(settings: ProxySettings) -> Iterator[str]:
    whole = settings.quota.bytes_per_s
    for name, tenant in settings.tenants.items():
        rate = tenant.quota.bytes_per_s
        if whole is not None and rate is not None and rate > whole:
            yield f"tenants.{name}.quota: {rate:,} bytes/s is over that of all together, {whole:,}: it never binds"
        each = tenant.key_quota.bytes_per_s
        if rate is not None and each is not None and each > rate:
            yield f"tenants.{name}.key_quota: {each:,} bytes/s is over its tenant's, {rate:,}: it never binds"


def _budgets(settings: ProxySettings) -> Iterator[str]:
    for name, tenant in settings.tenants.items():
        day, month = tenant.budget.bytes_per_day, tenant.budget.bytes_per_month
        where = f"tenants.{name}.budget"
        if day is not None and month is not None and day > month:
            yield f"{where}: {day:,} bytes a day are over those of a month, {month:,}: bytes_per_day never binds"
        for key, size_bytes in (("bytes_per_day", day), ("bytes_per_month", month)):
            if size_bytes is None:
                continue
            rate = tenant.quota.bytes_per_s
            if rate is not None and size_bytes < _HOUR_S * rate:
                minutes = size_bytes / rate / 60
                yield (
                    f"{where}.{key}: the quota of {rate:,} bytes/s uses it up in {minutes:,.3g} minutes: "
                    "raise it, or lower the quota"
                )
            if size_bytes < settings.limits.body_bytes:
                yield (
                    f"{where}.{key}: requests over {size_bytes:,} bytes never pass: "
                    "raise it to limits.body_bytes at least"
                )
        if tenant.budget != BudgetSettings() and settings.shared.url is None:
            yield f"{where}: a restart forgets what was used, without a shared store: set shared.url"


def _admin(settings: ProxySettings) -> Iterator[str]:
    admin = settings.admin
    if admin.enabled and not is_loopback(admin.host) and admin.key() is None:
        yield (
            f"admin: listens on {admin.host} without a key: whoever reaches it may read and change everything, and "
            f"/dashboard is closed: set admin.key_file, or ${ADMIN_KEY_VARIABLE}"
        )


def _others(settings: ProxySettings) -> Iterator[str]:
    queue = settings.queue
    if queue.size_bytes and queue.size_bytes < settings.limits.body_bytes:
        yield (
            f"queue.size_bytes: a request over {queue.size_bytes:,} bytes can't wait, only pass at once: "
            "raise it to limits.body_bytes at least"
        )
    for name, class_ in (("interactive", settings.classes.interactive), ("batch", settings.classes.batch)):
        if 2 * class_.target_delay_s > class_.max_wait_s > 0:
            yield (
                f"classes.{name}: target_delay_s never binds, since nothing waits twice as long: "
                f"lower it under {class_.max_wait_s / 2:g}, or raise max_wait_s"
            )
    if settings.replay.size_bytes < MIB:
        yield "replay.size_bytes: too small to keep a job's answers, so that retries are analysed again: raise it"
