"""The report's charts, as Vega-Lite by Altair; each is as wide as the place it is put in."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import altair as alt

_BLUE: Final = "#3b6ea5"
_HEIGHT: Final = 220
_ROW_HEIGHT: Final = 20
_FONT: Final = "system-ui, 'Apple SD Gothic Neo', 'Noto Sans CJK KR', 'Noto Sans KR', 'Malgun Gothic', sans-serif"
Chart = dict[str, Any]


def histogram(found: Mapping[str, Any], unit: str) -> Chart:
    """Return how many texts have which length."""
    edges, counts = found["histogram"]["edges"], found["histogram"]["counts"]
    rows = [{"from": edges[bin_], "to": edges[bin_ + 1], "texts": count} for bin_, count in enumerate(counts)]
    chart = alt.Chart(_data(rows)).mark_bar(color=_BLUE)
    return _finished(
        chart.encode(
            x=alt.X("from:Q", title=unit, bin="binned"),
            x2="to:Q",
            y=alt.Y("texts:Q", title="texts"),
            tooltip=["from:Q", "to:Q", "texts:Q"],
        )
    )


def shares(rows: Sequence[Mapping[str, Any]], name: str) -> Chart:
    """Return a bar for each share, the names in the order given."""
    values = [{"name": row[name], "share": row["share"]} for row in rows]
    chart = alt.Chart(_data(values)).mark_bar(color=_BLUE)
    return _finished(
        chart.encode(
            y=alt.Y("name:N", title=None, sort=None),
            x=alt.X("share:Q", title="share of characters", axis=alt.Axis(format=".0%")),
            tooltip=["name:N", alt.Tooltip("share:Q", format=".2%")],
        ),
        rows=len(values),
    )


def estimates(
    rows: Sequence[Mapping[str, Any]], name: str, what: str, *, title: str, percent: bool = False, line: bool = False
) -> Chart:
    """Return an estimate for each row, with its interval: bars, or a line over time."""
    values = [
        {"name": row[name], "mean": row[what]["mean"], "low": row[what]["low"], "high": row[what]["high"]}
        for row in rows
        if row[what]["mean"] is not None
    ]
    data, form = _data(values), ".1%" if percent else ",.2f"
    axis = alt.Axis(format=".0%" if percent else "~s", labelOverlap="greedy", labelSeparation=6)
    tips = ["name:N", *(alt.Tooltip(f"{one}:Q", format=form) for one in ("mean", "low", "high"))]
    if line:
        x = alt.X("name:O", title=None, axis=alt.Axis(labelOverlap=True))
        scale = alt.Scale(zero=False)
        band = alt.Chart(data).mark_area(opacity=0.25, color=_BLUE)
        drawn = alt.Chart(data).mark_line(point=True, color=_BLUE)
        return _finished(
            band.encode(x=x, y=alt.Y("low:Q", title=title, axis=axis, scale=scale), y2="high:Q")
            + drawn.encode(x=x, y=alt.Y("mean:Q", title=title, axis=axis, scale=scale), tooltip=tips)
        )
    y = alt.Y("name:N", title=None, sort=None)
    bars = alt.Chart(data).mark_bar(color=_BLUE, opacity=0.75)
    rules = alt.Chart(data).mark_rule(strokeWidth=2)
    return _finished(
        bars.encode(y=y, x=alt.X("mean:Q", title=title, axis=axis), tooltip=tips)
        + rules.encode(y=y, x=alt.X("low:Q", title=title), x2="high:Q"),
        rows=len(values),
    )


def words(rows: Sequence[Mapping[str, Any]], value: str, title: str) -> Chart:
    """Return a bar for each word."""
    values = [{"word": row["word"], "value": row[value], "count": row["count"]} for row in rows]
    chart = alt.Chart(_data(values)).mark_bar(color=_BLUE)
    return _finished(
        chart.encode(
            y=alt.Y("word:N", title=None, sort=None),
            x=alt.X("value:Q", title=title, axis=alt.Axis(format="~s")),
            tooltip=["word:N", alt.Tooltip("value:Q", title=title), "count:Q"],
        ),
        rows=len(values),
    )


def _data(rows: Sequence[Mapping[str, Any]]) -> Any:
    return alt.Data(values=rows)  # type: ignore[no-untyped-call]


def _finished(chart: Any, rows: int | None = None) -> Chart:
    """Return the chart's specification; `rows` is for charts with a row for each value."""
    height = _HEIGHT if rows is None else max(2, rows) * _ROW_HEIGHT
    chart = chart.properties(width="container", height=height)
    font = {"labelFont": _FONT, "titleFont": _FONT, "labelFontSize": 12, "titleFontSize": 12}
    chart = chart.configure(font=_FONT, background="transparent")
    chart = chart.configure_axis(**font, titleFontWeight="normal", labelLimit=140).configure_view(stroke=None)
    found: Chart = chart.to_dict()
    return found
