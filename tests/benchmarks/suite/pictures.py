"""The report's pictures, as SVG: speed with its spread, CPU time by process, memory by the number of workers."""

from pathlib import Path
from typing import Any

import altair as alt
import vl_convert

WIDTH = 520
NAMES = {"speed.svg": "Documents a second", "cpu.svg": "CPU time by process", "memory.svg": "Memory by workers"}


def draw(report: dict[str, Any], directory: Path) -> list[str]:
    """Write those that the report has figures for, and return the names of their files."""
    charts = {"speed.svg": _speed(report), "cpu.svg": _cpu(report)}
    if report["memory"]:
        charts["memory.svg"] = _memory(report)
    for name, chart in charts.items():
        svg = vl_convert.vegalite_to_svg(chart.properties(width=WIDTH, title=NAMES[name]).to_dict())
        (directory / name).write_text(svg + "\n", encoding="utf-8")
    return list(charts)


def _speed(report: dict[str, Any]) -> alt.Chart:
    rows = [
        {"contender": name, "clock": clock, **one[members]}
        for name, one in report["contenders"].items()
        for clock, members in (("at work", "documents_per_s"), ("with its start", "documents_per_s_started"))
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y("contender:N", sort=None, title=None), yOffset=alt.YOffset("clock:N", sort=None)
    )
    bars = base.mark_bar().encode(x=alt.X("median:Q", title="documents/s"), color=alt.Color("clock:N", title=None))
    spread = base.mark_rule(strokeWidth=2).encode(x="low:Q", x2="high:Q")
    return bars + spread


def _cpu(report: dict[str, Any]) -> alt.Chart:
    rows = [
        {"contender": name, "process": role, "ms": seconds / one["documents"] * 1000}
        for name, one in report["contenders"].items()
        for role, seconds in one["cpu_s"].items()
    ]
    return (
        alt.Chart(alt.Data(values=rows))
        .mark_bar()
        .encode(
            x=alt.X("ms:Q", title="CPU ms a document"),
            y=alt.Y("contender:N", sort=None, title=None),
            color=alt.Color("process:N", title=None),
        )
    )


def _memory(report: dict[str, Any]) -> alt.Chart:
    labels = {"job": "job and service", "udf": "UDF"}
    rows = [
        {"workers": one["workers"], "who": label, "gb": one["peak_mb"][name]["all"] / 1000}
        for one in report["memory"]
        for name, label in labels.items()
    ]
    return (
        alt.Chart(alt.Data(values=rows))
        .mark_line(point=True)
        .encode(
            x=alt.X("workers:O", title="worker processes", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("gb:Q", title="peak of memory, GB"),
            color=alt.Color("who:N", title=None),
        )
    )
