"""What will be full first: each limit with what is used of it, the fullest at the top. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from proxy.config import ProxySettings

_SHOWN: Final = 12
_KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "concurrency": ("requests at a time", "requests"),
    "burst": ("burst", "bytes"),
}
_GROUPS: Final = {"tenant": "quota", "key": "key_quota"}


@dataclass(frozen=True, slots=True)
class Level:
    """How full something is.

    Args:
        whose: Whose limit it is: a tenant's, a key's, everybody's, the backends'.
        what: What is limited.
        used: How much is used of it.
        limit: How much there is.
        unit: Of both.
        setting: Where it is set in `proxy.toml`.
        full_in_s: When it will be full if it goes on as in the last ten minutes; None if not, or if nobody can say.

    """

    whose: str
    what: str
    used: float
    limit: float
    unit: str
    setting: str
    full_in_s: float | None = None

    @property
    def part(self) -> float:
        """Return which part is used; it may be over 1."""
        return self.used / self.limit if self.limit else 1.0


def fullest(
    settings: ProxySettings,
    state: Mapping[str, Any],
    parts: Sequence[Mapping[str, Any]],
    *,
    now: Mapping[str, float],
    lately: Mapping[str, float],
) -> list[dict[str, Any]]:
    """Return the limits that are nearest to being full, as JSON members.

    Args:
        settings: The configuration in force.
        state: What `/state` tells.
        parts: What each process tells.
        now: Bytes a second that are answered now, by tenant.
        lately: Those of the last ten minutes.

    """
    found = [
        *_quotas(parts, settings),
        *_rates(settings, now),
        *_queues(settings, parts),
        *_budgets(state, lately),
        *_slots(state),
    ]
    ordered = sorted(found, key=lambda level: (-level.part, level.full_in_s or float("inf"), level.whose))
    return [asdict(level) | {"part": round(level.part, 4)} for level in ordered[:_SHOWN]]


def _whose(scope: str, name: str) -> str:
    return "all together" if scope == "global" else f"{scope} {name}"


def _setting(scope: str, name: str, key: str, settings: ProxySettings) -> str:
    if scope == "global":
        return f"quota.{key}"
    owner = name
    if scope == "key":
        of_file = (
            one for one, its in settings.tenants.items() if any(entry.startswith(f"{name}:") for entry in its.keys)
        )
        owner = next(of_file, "TENANT")
    return f"tenants.{owner}.{_GROUPS[scope]}.{key}"


def _quotas(parts: Sequence[Mapping[str, Any]], settings: ProxySettings) -> Iterator[Level]:
    """Yield requests at a time, and bursts: of several processes' the sum, and of shared ones what all know."""
    sums: dict[tuple[str, str, str], tuple[float, float]] = {}
    for one in (level for part in parts for level in part["levels"]):
        which = one["scope"], one["name"], one["kind"]
        before, limit = sums.get(which, (0.0, one["limit"]))
        sums[which] = (max(before, one["used"]) if one.get("shared") else before + one["used"], limit)
    for (scope, name, kind), (used, limit) in sums.items():
        what, unit = _KINDS[kind]
        setting = _setting(scope, name, "burst_bytes" if kind == "burst" else kind, settings)
        yield Level(_whose(scope, name), what, used, limit, unit, setting)


def _rates(settings: ProxySettings, rates: Mapping[str, float]) -> Iterator[Level]:
    whole = settings.quota.bytes_per_s
    if whole is not None:
        yield Level("all together", "rate", round(sum(rates.values())), whole, "bytes/s", "quota.bytes_per_s")
    for tenant, its in settings.tenants.items():
        limit = its.quota.bytes_per_s
        if limit is not None:
            setting = f"tenants.{tenant}.quota.bytes_per_s"
            yield Level(f"tenant {tenant}", "rate", round(rates.get(tenant, 0.0)), limit, "bytes/s", setting)


def _queues(settings: ProxySettings, parts: Sequence[Mapping[str, Any]]) -> Iterator[Level]:
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for queue in (one for part in parts for one in part["queues"]):
        requests, size_bytes = sums.get((queue["tenant"], queue["class"]), (0, 0))
        sums[queue["tenant"], queue["class"]] = (requests + queue["waiting"], size_bytes + queue["waiting_bytes"])
    most, processes = settings.queue, len(parts)
    for (tenant, class_name), (requests, size_bytes) in sums.items():
        whose = f"tenant {tenant}"
        # Each process has a queue of its own.
        if requests and most.requests:
            what = f"queue of {class_name} requests"
            yield Level(whose, what, requests, most.requests * processes, "requests", "queue.requests")
        if size_bytes and most.size_bytes:
            what = f"queue of {class_name} requests, its bytes"
            yield Level(whose, what, size_bytes, most.size_bytes * processes, "bytes", "queue.size_bytes")


def _budgets(state: Mapping[str, Any], rates: Mapping[str, float]) -> Iterator[Level]:
    for tenant, its in state["tenants"].items():
        for name, budget in (its["budget"] or {}).items():
            rate = rates.get(tenant, 0.0)
            full_in_s = budget["left_bytes"] / rate if rate else None
            what, setting = f"budget of the {name.rpartition('_')[2]}", f"tenants.{tenant}.budget.{name}"
            used, limit = budget["used_bytes"], budget["limit_bytes"]
            yield Level(f"tenant {tenant}", what, used, limit, "bytes", setting, full_in_s)


def _slots(state: Mapping[str, Any]) -> Iterator[Level]:
    ready = [backend for backend in state["backends"] if backend["ready"]]
    limit = sum(backend["limit"] for backend in ready)
    if limit:
        used = sum(backend["in_flight"] for backend in ready)
        yield Level("the backends", "slots", used, limit, "requests", "concurrency.per_worker")
