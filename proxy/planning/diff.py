"""What changes from one configuration to another: who gains, who loses. Pure: settings in, rows out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from proxy.config import NEEDS_RESTART, ProxySettings
from proxy.traffic.quotas import rule_of
from proxy.traffic.shares import class_share, contended_shares, tenant_share
from proxy.traffic.ticket import CLASS_NAMES

Effect = Literal["gains", "loses", "changes", "needs a restart"]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is different."""

    who: str
    what: str
    before: str
    after: str
    effect: Effect


def changes(before: ProxySettings, after: ProxySettings) -> list[Change]:
    """Return all that is different, first what concerns tenants."""
    return [*_tenants(before, after), *_classes(before, after), *_backends(before, after), *_others(before, after)]


def _tenants(before: ProxySettings, after: ProxySettings) -> Iterator[Change]:
    for name in dict.fromkeys((*before.tenants, *after.tenants)):
        if name not in after.tenants:
            yield Change(name, "tenant", "known", "unknown", "loses")
        elif name not in before.tenants:
            yield Change(name, "tenant", "unknown", "known", "gains")
        yield from _tenant(name, before, after)


def _tenant(name: str, before: ProxySettings, after: ProxySettings) -> Iterator[Change]:
    old, new = (tenant_share(contended_shares(settings), name) for settings in (before, after))
    yield from _share(name, "share under contention", old, new)
    if name not in before.tenants or name not in after.tenants:
        return
    mine, others = before.tenants[name], after.tenants[name]
    yield from _quota(name, "quota", mine.quota, others.quota)
    yield from _quota(name, "each key's quota", mine.key_quota, others.key_quota)
    for key in ("bytes_per_day", "bytes_per_month"):
        yield from _limit(name, f"budget, {key}", getattr(mine.budget, key), getattr(others.budget, key))
    yield from _keys(name, mine.keys, others.keys)
    if set(mine.classes) != set(others.classes):
        yield Change(name, "classes", ", ".join(mine.classes), ", ".join(others.classes), "changes")


def _share(who: str, what: str, old: float, new: float) -> Iterator[Change]:
    if abs(new - old) > 0.0005:  # noqa: PLR2004  (what is shown)
        yield Change(who, what, f"{old:.1%}", f"{new:.1%}", _more(old, new))


def _keys(who: str, before: Sequence[str], after: Sequence[str]) -> Iterator[Change]:
    old, new = ({entry.partition(":")[0]: entry for entry in entries} for entries in (before, after))
    for key in sorted(old.keys() | new.keys()):
        if key not in new:
            yield Change(who, f"key {key}", "known", "unknown", "loses")
        elif key not in old:
            yield Change(who, f"key {key}", "unknown", "known", "gains")
        elif old[key] != new[key]:
            yield Change(who, f"key {key}", "one secret", "another", "changes")


def _quota(who: str, label: str, before: Any, after: Any) -> Iterator[Change]:
    old, new = rule_of(before), rule_of(after)
    for unit, value in _LIMITS:
        yield from _limit(who, f"{label}, {unit}", value(old), value(new))


def _limit(who: str, what: str, was: int | None, is_: int | None) -> Iterator[Change]:
    if was != is_:
        yield Change(who, what, _shown(was), _shown(is_), _more(_unlimited(was), _unlimited(is_)))


_LIMITS: tuple[tuple[str, Callable[[Any], int | None]], ...] = (
    ("bytes/s", lambda rule: rule.bytes_per_s),
    ("burst", lambda rule: rule.burst_bytes if rule.bytes_per_s is not None else None),
    ("requests at a time", lambda rule: rule.concurrency),
)


def _classes(before: ProxySettings, after: ProxySettings) -> Iterator[Change]:
    old, new = contended_shares(before), contended_shares(after)
    for name, other in zip(CLASS_NAMES, reversed(CLASS_NAMES), strict=True):
        yield from _share(name, f"share while {other} waits", class_share(old, name), class_share(new, name))
    yield from _quota("all together", "quota", before.quota, after.quota)


def _backends(before: ProxySettings, after: ProxySettings) -> Iterator[Change]:
    old, new = ({one.url: one.resolve for one in settings.backends} for settings in (before, after))
    for url in sorted(old.keys() | new.keys()):
        if url not in new:
            yield Change(url, "backend", "used", "not used", "loses")
        elif url not in old:
            yield Change(url, "backend", "not used", "used", "gains")
        elif old[url] != new[url]:
            yield Change(url, "resolve", str(old[url]), str(new[url]), "changes")


def _others(before: ProxySettings, after: ProxySettings) -> Iterator[Change]:
    """Yield what isn't anybody's gain: every other key that differs."""
    old, new = _flat(before.model_dump(mode="json")), _flat(after.model_dump(mode="json"))
    for name in dict.fromkeys((*old, *new)):
        group, _, key = name.partition(".")
        compared = group in {"tenants", "backends", "quota"} or (group == "classes" and key.endswith(".weight"))
        if not compared and old.get(name) != new.get(name):
            effect: Effect = "needs a restart" if group in NEEDS_RESTART else "changes"
            yield Change("all", name, str(old.get(name)), str(new.get(name)), effect)


def _flat(members: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in members.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat


def _more(before: float, after: float) -> Effect:
    return "gains" if after > before else "loses"


def _unlimited(limit: int | None) -> float:
    return float("inf") if limit is None else limit


def _shown(limit: int | None) -> str:
    return "unlimited" if limit is None else f"{limit:,}"
