"""All that the dashboard and `nlpbatch top` show, put together of what each process tells. Pure.

Rates are those of the last ten to twenty seconds, and what was refused is that of the last ten minutes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from proxy.config import ProxySettings
from proxy.console.fullest import fullest
from proxy.instants import iso
from proxy.recent import MAX_REFUSALS, SLICE_S, FlowCounts, FlowName, Slice, joined, summed
from proxy.traffic.ticket import CLASS_NAMES

_MAX_JOBS: Final = 100
_MAX_REASONS: Final = 100
_MAX_KEYS: Final = 200
_NOTHING: Final = FlowCounts()


@dataclass(frozen=True, slots=True)
class Told:
    """What the overview is made of.

    Args:
        settings: The configuration in force.
        state: What `/state` tells.
        parts: What each process tells, see `part.part_of`.
        totals: Answers since the start by tenant and status, see `part.totals_of`.
        config: The configuration's generation, what is wrong with the file, and what the last reload changed.
        usage: What was used today and this month; None as long as nobody knows.
        keys: All keys, without their secrets.
        audit: The last changes, the newest first.

    """

    settings: ProxySettings
    state: Mapping[str, Any]
    parts: Sequence[Mapping[str, Any]]
    totals: Mapping[str, Mapping[str, int]]
    config: Mapping[str, Any]
    usage: Mapping[str, Any] | None
    keys: Sequence[Mapping[str, Any]]
    audit: Sequence[Mapping[str, Any]]


def overview(told: Told, now_s: float) -> dict[str, Any]:
    """Return it as JSON members.

    Args:
        told: Of what it is made.
        now_s: Seconds since the epoch.

    """
    state = told.state
    slices = joined([[Slice.from_json(one) for one in part["slices"]] for part in told.parts])
    window = _Window(slices, now_s)
    return {
        "at": iso(now_s),
        "at_s": round(now_s, 3),
        "window_s": round(window.seconds, 1),
        "draining": state.get("draining", False),
        "config": told.config,
        "totals": _totals(told, window),
        "history": _history(slices),
        "fullest": fullest(told.settings, state, told.parts, now=window.rates(), lately=window.rates_lately()),
        "classes": _classes(told, window),
        "tenants": _tenants(told, window),
        "jobs": _jobs(told, window),
        "refusals": _refusals(told.parts),
        "backends": state["backends"],
        "scaling": state.get("scaling"),
        "fleet": state.get("shared"),
        "processes": _processes(state),
        "usage": None if told.usage is None else {name: one for name, one in told.usage.items() if name != "jobs"},
        "keys": _newest(told.keys),
        "keys_total": len(told.keys),
        "audit": told.audit,
    }


class _Window:
    """The flows' counts in the last seconds, and in the last ten minutes."""

    def __init__(self, slices: Sequence[Slice], now_s: float) -> None:
        begin_s = int(now_s) // SLICE_S * SLICE_S - SLICE_S
        self.seconds = now_s - begin_s
        self._all_s = max(now_s - slices[0].start_s, 1.0) if slices else 1.0
        self.now = summed(one for one in slices if one.start_s >= begin_s)
        self.ten_minutes = summed(slices)

    def rates(self) -> dict[str, float]:
        """Return the bytes a second that are answered now, by tenant."""
        return _by_tenant(self.now, self.seconds)

    def rates_lately(self) -> dict[str, float]:
        """Return those of all that is known, ten minutes at most."""
        return _by_tenant(self.ten_minutes, self._all_s)

    def figures(self, flows: Sequence[FlowName]) -> dict[str, Any]:
        """Return what some flows do together, as JSON members."""
        now, lately = FlowCounts(), FlowCounts()
        for flow in flows:
            now.add(self.now.get(flow, _NOTHING))
            lately.add(self.ten_minutes.get(flow, _NOTHING))
        return {
            "answers_per_s": round(now.answered / self.seconds, 2),
            "bytes_per_s": round(now.answered_bytes / self.seconds),
            "refused_per_s": round(now.refused / self.seconds, 2),
            "wait_s": round(now.wait_s / now.served, 4) if now.served else None,
            "longest_wait_s": round(lately.longest_wait_s, 4) if lately.served else None,
            "service_s": round(now.service_s / now.served, 4) if now.served else None,
            "answered": lately.answered,
            "refused": lately.refused,
            "failed": lately.failed,
            "abandoned": lately.abandoned,
        }


def _by_tenant(counts: Mapping[FlowName, FlowCounts], seconds: float) -> dict[str, float]:
    found: dict[str, float] = {}
    for (tenant, _, _), one in counts.items():
        found[tenant] = found.get(tenant, 0.0) + one.answered_bytes / seconds
    return found


def _totals(told: Told, window: _Window) -> dict[str, Any]:
    flows = list(window.ten_minutes)
    backends = [backend for backend in told.state["backends"] if backend["ready"]]
    queues = [queue for part in told.parts for queue in part["queues"]]
    by_status = [pair for counts in told.totals.values() for pair in counts.items()]
    return window.figures(flows) | {
        "waiting": sum(queue["waiting"] for queue in queues),
        "waiting_bytes": sum(queue["waiting_bytes"] for queue in queues),
        "in_flight": sum(backend["in_flight"] for backend in told.state["backends"]),
        "slots": sum(backend["limit"] for backend in backends),
        "workers": sum(backend["workers"] for backend in backends),
        "requests_total": sum(count for _, count in by_status),
        "refused_total": sum(count for status, count in by_status if status in {"429", "503"}),
    }


def _history(slices: Sequence[Slice]) -> list[dict[str, Any]]:
    """Return what was done in each ten seconds, the oldest first."""
    found: dict[int, FlowCounts] = {}
    for one in slices:
        found.setdefault(one.start_s, FlowCounts()).add(one.counts)
    return [
        {"start_s": at_s, "answered_bytes": one.answered_bytes, "answered": one.answered, "refused": one.refused}
        for at_s, one in sorted(found.items())
    ]


def _classes(told: Told, window: _Window) -> list[dict[str, Any]]:
    queues = [queue for part in told.parts for queue in part["queues"]]
    return [
        {
            "class": name,
            "waiting": sum(queue["waiting"] for queue in queues if queue["class"] == name),
            "waiting_bytes": sum(queue["waiting_bytes"] for queue in queues if queue["class"] == name),
        }
        | window.figures([flow for flow in window.ten_minutes if flow[1] == name])
        for name in CLASS_NAMES
    ]


def _tenants(told: Told, window: _Window) -> list[dict[str, Any]]:
    queues: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for queue in (one for part in told.parts for one in part["queues"]):
        queues.setdefault((queue["tenant"], queue["class"]), []).append(queue)
    found = []
    for name, its in told.state["tenants"].items():
        classes = [
            _class(
                class_name,
                same,
                window.figures([flow for flow in window.ten_minutes if flow[:2] == (name, class_name)]),
            )
            for (tenant, class_name), same in queues.items()
            if tenant == name
        ]
        counts = told.totals.get(name, {})
        found.append(
            {
                "tenant": name,
                "paused": its["paused"],
                "in_flight": its["in_flight"],
                "budget": its["budget"],
                "requests_total": sum(counts.values()),
                "refused_total": sum(count for status, count in counts.items() if status in {"429", "503"}),
                "classes": classes,
            }
            | window.figures([flow for flow in window.ten_minutes if flow[0] == name])
            | {key: sum(one[key] for one in classes) for key in ("waiting", "waiting_bytes")}
        )
    return found


def _class(name: str, queues: Sequence[Mapping[str, Any]], figures: dict[str, Any]) -> dict[str, Any]:
    known = [queue["next_wait_s"] for queue in queues if queue["next_wait_s"] is not None]
    return {
        "class": name,
        "waiting": sum(queue["waiting"] for queue in queues),
        "waiting_bytes": sum(queue["waiting_bytes"] for queue in queues),
        "share": queues[0]["share"],
        "next_wait_s": round(max(known), 3) if known else None,
    } | figures


def _jobs(told: Told, window: _Window) -> list[dict[str, Any]]:
    """Return the jobs that were seen in the last ten minutes, what has most under way first."""
    under_way: dict[FlowName, list[int]] = {}
    for one in (job for part in told.parts for job in part["jobs"]):
        counts = under_way.setdefault((one["tenant"], one["class"], one["job"]), [0, 0])
        counts[0] += one["under_way"]
        counts[1] += one["in_flight"]
    done = {} if told.usage is None else {(row["tenant"], row["job"]): row for row in told.usage.get("jobs", ())}
    found: list[dict[str, Any]] = []
    for flow in dict.fromkeys((*under_way, *window.ten_minutes)):
        tenant, class_name, job = flow
        if not job:
            continue
        requests, in_flight = under_way.get(flow, (0, 0))
        today = done.get((tenant, job), {})
        row = {
            "tenant": tenant,
            "class": class_name,
            "job": job,
            "waiting": max(0, requests - in_flight),
            "in_flight": in_flight,
            "today_bytes": today.get("answered_bytes"),
            "today_documents": today.get("documents"),
        }
        found.append(row | window.figures([flow]))
    found.sort(key=lambda job: (-(job["waiting"] + job["in_flight"]), -job["bytes_per_s"], job["tenant"], job["job"]))
    return found[:_MAX_JOBS]


def _refusals(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return how many of whose requests were refused for what in the last ten minutes, and the last of them."""
    counts: dict[tuple[str, ...], int] = {}
    for *reason, count in (one for part in parts for one in part["reasons"]):
        counts[tuple(reason)] = counts.get(tuple(reason), 0) + count
    names = ("tenant", "class", "job", "code", "cause")
    reasons: list[dict[str, Any]] = [
        {"count": count, **dict(zip(names, reason, strict=True))} for reason, count in counts.items()
    ]
    reasons.sort(key=lambda one: (-one["count"], one["tenant"], one["job"], one["code"]))
    last = sorted((one for part in parts for one in part["refusals"]), key=lambda one: one["at_s"], reverse=True)
    return {"reasons": reasons[:_MAX_REASONS], "last": last[:MAX_REFUSALS]}


def _newest(keys: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return those of the configuration, which come first, and the newest issued ones, as many as are shown."""
    of_file = [key for key in keys if key["source"] == "file"]
    issued = [key for key in keys if key["source"] != "file"]
    return [*of_file, *reversed(issued)][:_MAX_KEYS]


def _processes(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = ("process", "pid", "restarts", "serving", "in_progress", "generation")
    return [{name: process.get(name) for name in names} for process in state.get("processes", ())]
