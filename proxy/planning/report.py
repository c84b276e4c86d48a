"""What a simulation shows: a table by tenant and class, and its throughput over time as a picture of text."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from proxy.planning.calls import Tally
from proxy.planning.simulate import SimulationResult

_BARS = " ▁▂▃▄▅▆▇█"
_COLUMNS = 60


def figures(result: SimulationResult) -> dict[str, Any]:
    """Return the result as JSON members."""
    tenants = {
        f"{tenant}/{class_name}": {
            "bytes_per_s": round(tally.size_bytes / result.duration_s, 1),
            "requests_per_s": round(tally.answered / result.duration_s, 3),
            "wait_p50_s": _rounded(quantile(tally.waits_s, 0.5)),
            "wait_p99_s": _rounded(quantile(tally.waits_s, 0.99)),
            "refused": tally.refused,
            "failed": tally.failed,
            "given_up": tally.given_up,
            "got_in_at_first_return": _rounded(_part(tally.let_in_at_once, tally.first_tries_back)),
            "jobs_bytes_per_s": {
                job: round(size_bytes / result.duration_s, 1) for job, size_bytes in sorted(tally.bytes_by_job.items())
            },
        }
        for (tenant, class_name), tally in sorted(result.tallies.items())
    }
    proxies = [
        {"requests_per_s": round(load.requests_per_s, 1), "most_waiting": load.most_waiting} for load in result.proxies
    ]
    return {
        "duration_s": result.duration_s,
        "utilisation": round(result.utilisation, 4),
        "proxies": proxies,
        "tenants": tenants,
    } | ({"scaling": _scaling(result)} if result.scaling else {})


def show(result: SimulationResult, console: Console) -> None:
    """Print the table and the picture."""
    table = Table("tenant", "class", "KB/s", "requests/s", "wait p50", "wait p99", "refused", "failed", box=None)
    for (tenant, class_name), tally in sorted(result.tallies.items()):
        table.add_row(
            tenant,
            class_name,
            f"{tally.size_bytes / result.duration_s / 1000:,.1f}",
            f"{tally.answered / result.duration_s:,.2f}",
            _seconds(quantile(tally.waits_s, 0.5)),
            _seconds(quantile(tally.waits_s, 0.99)),
            f"{tally.refused:,}",
            f"{tally.failed:,}",
        )
    console.print(table)
    console.print(f"backends' workers were busy {result.utilisation:.1%} of the time")
    console.print(f"{_busiest(result)}\n")
    for (tenant, class_name), tally in sorted(result.tallies.items()):
        console.print(f"{_picture(tally, result.duration_s)}  {tenant} {class_name}")
    if result.scaling:
        numbers = [workers for _, workers, _ in result.scaling]
        console.print(f"{_workers_over_time(result)}  workers, {min(numbers):,} to {max(numbers):,}")
    console.print(f"0 s{'throughput over time':^{_COLUMNS - 4}}{result.duration_s:g} s")


def _scaling(result: SimulationResult) -> list[dict[str, float]]:
    return [{"at_s": round(at_s, 1), "workers": workers, "wanted": wanted} for at_s, workers, wanted in result.scaling]


def _workers_over_time(result: SimulationResult) -> str:
    """Return a bar for each sixtieth of the time, as high as the number of workers at its end."""
    ends = [result.duration_s * (number + 1) / _COLUMNS for number in range(_COLUMNS)]
    numbers = [max(at for at in enumerate(result.scaling) if at[1][0] <= end or not at[0])[1][1] for end in ends]
    most = max(*numbers, 1)
    return "".join(_BARS[round(one / most * (len(_BARS) - 1))] for one in numbers)


def _busiest(result: SimulationResult) -> str:
    name = "the proxy" if len(result.proxies) == 1 else "the busiest proxy"
    requests_per_s = max(load.requests_per_s for load in result.proxies)
    waiting = max(load.most_waiting for load in result.proxies)
    return (
        f"{name} got {requests_per_s:,.1f} requests a second, refused ones included; at most {waiting:,} waited at one"
    )


def quantile(values: Sequence[float], part: float) -> float | None:
    """Return the value that so many are under, None of none."""
    if not values:
        return None
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def _picture(tally: Tally, duration_s: float) -> str:
    """Return a bar for each sixtieth of the time, as high as its throughput next to the tenant's highest."""
    sums = [0] * _COLUMNS
    for second, size_bytes in tally.bytes_by_second.items():
        sums[min(_COLUMNS - 1, int(second / duration_s * _COLUMNS))] += size_bytes
    most = max(*sums, 1)
    return "".join(_BARS[round(one / most * (len(_BARS) - 1))] for one in sums)


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.1f} ms"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _part(some: int, all_: int) -> float | None:
    return some / all_ if all_ else None
