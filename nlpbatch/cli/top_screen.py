"""What `nlpbatch top` shows of a proxy's `/dashboard.json`, as tables of rich."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nlpbatch.cli.writing import visible

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_BAR = 20
_FULL = 1.0
_NEARLY = 0.8
_LINES = 10
"""Of each table: the dashboard has all."""
_SIZES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400


def screen(found: Mapping[str, Any], *, plain: bool) -> "Iterator[RenderableType]":
    """Yield the parts, the most important first.

    Args:
        found: What the proxy told.
        plain: Whether the output takes ASCII only.

    """
    from rich.text import Text  # noqa: PLC0415  (starts fast)

    yield Text(_head(found))
    for name in _faults(found):
        yield Text(name, "bold red")
    yield _fullest(found["fullest"][:_LINES], plain=plain)
    yield _flows("tenant", [(one["tenant"] + (" (paused)" if one["paused"] else ""), one) for one in found["tenants"]])
    jobs = [(f"{one['job']} ({one['tenant']}, {one['class']})", one) for one in found["jobs"][:_LINES]]
    if jobs:
        yield _flows("job", jobs)
    yield _backends(found["backends"])
    if found["refusals"]["reasons"]:
        yield _refusals(found["refusals"])


def _head(found: Mapping[str, Any]) -> str:
    all_ = found["totals"]
    return (
        f"{found['at']}  configuration {found['config']['generation']}  {size(all_['bytes_per_s'])}/s  "
        f"{all_['answers_per_s']:,.1f} requests/s  waiting {all_['waiting']:,}  "
        f"at backends {all_['in_flight']:,} of {all_['slots']:,}  wait {seconds(all_['wait_s'])}  "
        f"refused {all_['refused_per_s']:,.1f}/s"
    )


def _faults(found: Mapping[str, Any]) -> Iterator[str]:
    if found["draining"]:
        yield "draining: new requests are refused"
    if not found["config"]["valid"]:
        yield f"the configuration file was not taken over: {visible('; '.join(found['config']['faults']))}"
    if found["fleet"] and found["fleet"]["store_away"]:
        yield "the shared store is away: each proxy has its part of the limits"
    if found["fleet"] and not found["fleet"]["same_config"]:
        yield "the proxies of the fleet have different configurations"


def _table(*columns: str, left: int = 1) -> "Table":
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, name in enumerate(columns):
        table.add_column(name, justify="left" if number < left else "right", overflow="fold")
    return table


def _add(table: "Table", cells: Sequence[str], style: str | None = None) -> None:
    from rich.text import Text  # noqa: PLC0415

    # As text: names may have brackets, which are markup elsewhere.
    table.add_row(*(Text(visible(cell)) for cell in cells), style=style)


def _fullest(levels: Sequence[Mapping[str, Any]], *, plain: bool) -> "Table":
    table = _table("full first", "", "used", "of", "full in")
    for one in levels:
        part = one["part"]
        filled = round(_BAR * min(part, 1.0))
        bar = ("#" if plain else "█") * filled + ("." if plain else "░") * (_BAR - filled)
        used, limit = (amount(one[name], one["unit"]) for name in ("used", "limit"))
        full_in = "-" if one["full_in_s"] is None else seconds(one["full_in_s"])
        style = "bold red" if part >= _FULL else "yellow" if part >= _NEARLY else None
        _add(table, (f"{one['whose']}: {one['what']}", f"{bar} {part:4.0%}", used, limit, full_in), style)
    return table


def _flows(kind: str, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> "Table":
    table = _table(kind, "in flight", "waiting", "answered", "requests/s", "wait", "longest", "refused in 10 min")
    for name, one in rows:
        cells = (
            name,
            f"{one['in_flight']:,}",
            f"{one['waiting']:,}",
            f"{size(one['bytes_per_s'])}/s",
            f"{one['answers_per_s']:,.1f}",
            seconds(one["wait_s"]),
            seconds(one["longest_wait_s"]),
            f"{one['refused']:,}",
        )
        _add(table, cells, "bold red" if one["refused"] else None)
    return table


def _backends(backends: Sequence[Mapping[str, Any]]) -> "Table":
    table = _table("backend", "state", "in flight", "workers", left=2)
    for one in backends:
        well = one["ready"] and one["breaker"] == "closed"
        state = "ready" if well else one["breaker"] if one["breaker"] != "closed" else "not ready"
        cells = (one["url"], state, f"{one['in_flight']:,} of {one['limit']:,}", f"{one['workers']:,}")
        _add(table, cells, None if well else "bold red")
    return table


def _refusals(refusals: Mapping[str, Any]) -> "Table":
    """Return who was refused in the last ten minutes, with the reason that the last one of each was given."""
    table = _table("refused in 10 min", "job", "code", "requests", "why, the last time", left=5)
    for one in refusals["reasons"][:_LINES]:
        same = {name: one[name] or None for name in ("job", "code", "cause")} | {"tenant": one["tenant"]}
        last = next((refused for refused in refusals["last"] if refused.items() >= same.items()), None)
        why = "-" if last is None else f"{last['at']}: {last['reason']}"
        _add(table, (one["tenant"], one["job"] or "-", one["code"], f"{one['count']:,}", why))
    return table


def size(value: float) -> str:
    """Return bytes as people read them."""
    least, unit = next(((least, unit) for least, unit in _SIZES if value >= least), (1.0, "B"))
    return f"{value / least:,.1f} {unit}" if unit != "B" else f"{value:,.0f} B"


def amount(value: float, unit: str) -> str:
    """Return a number of requests, bytes or bytes a second."""
    if unit == "requests":
        return f"{value:,.0f}"
    return f"{size(value)}/s" if unit == "bytes/s" else size(value)


def seconds(value: float | None) -> str:
    """Return a span of time as people read it; '-' for one that isn't known."""
    if value is None:
        return "-"
    if value < 1:
        return f"{value * 1000:,.1f} ms"
    for length_s, unit in ((_DAY_S, "d"), (_HOUR_S, "h"), (_MINUTE_S, "min")):
        if value >= 2 * length_s:
            return f"{value / length_s:,.1f} {unit}"
    return f"{value:,.1f} s"
