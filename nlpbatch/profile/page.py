"""The report as one HTML file that needs nothing else: numbers, charts and examples."""

import html
import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from nlpbatch.profile import charts

_NONE: Final = "&ndash;"
_HERE: Final = files("nlpbatch.profile")  # which may be in a zip


def to_html(found: Mapping[str, Any], title: str) -> str:
    """Return the page of what `measure` found."""
    page = _Page()
    body = "\n".join(_sections(found, page))
    specs = json.dumps(page.specs, ensure_ascii=False).replace("<", "\\u003c")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{(_HERE / 'page.css').read_text(encoding='utf-8')}</style>\n"
        f"</head>\n<body>\n<header><h1>{html.escape(title)}</h1>{_subtitle(found)}</header>\n<main>\n{body}\n</main>\n"
        f"<script>{_vega()}</script>\n<script>\nconst specs = {specs};\n"
        f"{(_HERE / 'page.js').read_text(encoding='utf-8')}</script>\n</body>\n</html>\n"
    )


class _Page:
    """Collects the charts while the sections are written."""

    def __init__(self) -> None:
        self.specs: dict[str, charts.Chart] = {}

    def chart(self, spec: charts.Chart, label: str) -> str:
        name = f"chart-{len(self.specs)}"
        self.specs[name] = spec
        return f'<figure><figcaption>{html.escape(label)}</figcaption><div class="chart" id="{name}"></div></figure>'


@cache
def _vega() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script, as vl-convert has them."""
    import vl_convert  # noqa: PLC0415  (30 MB, for those who make reports)

    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return script.replace("</script", "<\\/script")


def _subtitle(found: Mapping[str, Any]) -> str:
    sample = found["sample"]
    total = "" if sample["rows_total"] is None else f" of {sample['rows_total']:,}"
    return (
        f"<p>{sample['rows']:,}{total} rows of <code>{html.escape(sample['source'])}</code>, drawn with seed "
        f"{sample['seed']} from {sample['units']:,} of {sample['units_total']:,} parts, reading "
        f"{sample['read_share']:.1%} of the bytes. Small numbers and thin lines tell how far a number may be off, with "
        f"{sample['confidence']:.0%} confidence.</p>"
    )


def _sections(found: Mapping[str, Any], page: _Page) -> Iterator[str]:
    if found["notes"]:
        yield _section(
            "To be known", "<ul>" + "".join(f"<li>{html.escape(one)}</li>" for one in found["notes"]) + "</ul>"
        )
    yield _section("At a glance", _glance(found))
    lengths = found["lengths"]
    drawn = [
        page.chart(
            charts.histogram(lengths[unit], unit), f"Length in {unit} (99 of 100 texts){_quantiles(lengths[unit])}"
        )
        for unit in ("characters", "tokens")
        if lengths.get(unit)
    ]
    if drawn:
        yield _section("Lengths", _grid(drawn))
    if found["scripts"]:
        yield _section(
            "Scripts", _grid([page.chart(charts.shares(found["scripts"], "script"), "Characters by script")])
        )
    if found["labels"]:
        share = charts.estimates(found["labels"], "value", "share", title="share", percent=True)
        size = charts.estimates(found["labels"], "value", "characters", title="characters")
        yield _section("Labels", _grid([page.chart(share, "Balance"), page.chart(size, "Mean length")]))
    for key, name, title in (("drift", "period", "Over time"), ("groups", "group", "Groups")):
        if found[key]:
            yield _section(title, _grid(list(_averages(found[key], name, page, line=key == "drift"))))
    if found["words"]:
        yield from _words(found["words"], page)
    if found["oddities"]:
        yield _section("Oddities", "".join(map(_oddity, found["oddities"])))


def _averages(rows: list[dict[str, Any]], name: str, page: _Page, *, line: bool) -> Iterator[str]:
    yield page.chart(charts.estimates(rows, name, "characters", title="characters", line=line), "Mean length")
    if "label" in rows[0]:
        yield page.chart(charts.estimates(rows, name, "label", title="label", line=line), "Mean label")


def _words(words: Mapping[str, Any], page: _Page) -> Iterator[str]:
    yield _section(
        "Words",
        _grid(
            [
                page.chart(charts.words(words["frequent"][:20], "count", "times"), "The most frequent")
                if words["frequent"]
                else "",
                page.chart(
                    charts.words(words["unknown_examples"][:20], "count", "times"),
                    f"Unknown to the analyzer: {words['unknown_share']:.2%} of {words['tokens']:,} tokens",
                )
                if words["unknown_examples"]
                else "",
            ]
        ),
    )
    for what, values in words["marks"].items():
        if values:
            drawn = [
                page.chart(charts.words(one["words"], "score", "standard errors"), f"{what}: {one['value']}")
                for one in values
            ]
            about = "<p>More often here than elsewhere, by log-odds with a prior: what a model may learn, and bias.</p>"
            yield _section(f"Words that mark a {what}", about + _grid(drawn))


def _glance(found: Mapping[str, Any]) -> str:
    texts, lengths = found["texts"], found["lengths"]
    cards = [("rows looked at", f"{texts['rows']:,}")]
    cards += [
        (f"{unit} on the average", _number(lengths[unit])) for unit in ("characters", "tokens") if lengths.get(unit)
    ]
    cards += [
        ("missing", _percent(texts["missing"])),
        ("blank", _percent(texts["blank"])),
        ("repeated within the sample", f"{texts['duplicate_share_in_sample']:.2%}"),
    ]
    if found["words"]:
        cards.append(("unknown words", f"{found['words']['unknown_share']:.2%}"))
    return "<dl>" + "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in cards) + "</dl>"


def _quantiles(found: Mapping[str, Any]) -> str:
    quantiles = found["quantiles"]
    return f": median {quantiles['median']:,.0f}, 95th {quantiles['p95']:,.0f}, longest {found['longest']:,.0f}"


def _oddity(kind: Mapping[str, Any]) -> str:
    examples = "".join(f"<li>{html.escape(text)}</li>" for text in kind["examples"])
    return f"<details><summary>{html.escape(kind['kind'])}: {kind['count']:,}</summary><ul>{examples}</ul></details>"


def _number(estimate: Mapping[str, Any]) -> str:
    return _NONE if estimate["mean"] is None else f"{estimate['mean']:,.1f}{_interval(estimate, ',.1f')}"


def _percent(estimate: Mapping[str, Any]) -> str:
    return _NONE if estimate["mean"] is None else f"{estimate['mean']:.2%}{_interval(estimate, '.2%')}"


def _interval(estimate: Mapping[str, Any], form: str) -> str:
    """Return how far an estimate may be off: nothing if it can't be, or if the sample can't tell."""
    mean, margin, low, high = (estimate[name] for name in ("mean", "margin", "low", "high"))
    if low is None or low == high:
        return ""
    if margin is None:  # all values are the same
        told = f"at most {high:{form}}" if mean == 0 else f"at least {low:{form}}"
    elif low == mean - margin and high == mean + margin:
        told = f"± {margin:{form}}"
    else:
        told = f"{low:{form}} to {high:{form}}"
    return f" <small>{told}</small>"


def _section(title: str, body: str) -> str:
    return f"<section><h2>{html.escape(title)}</h2>{body}</section>"


def _grid(figures: list[str]) -> str:
    return f'<div class="grid">{"".join(figures)}</div>'
