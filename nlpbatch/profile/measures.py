"""Measures a sample of texts, as plain numbers for the report's JSON."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nlpbatch.profile.dates import periods
from nlpbatch.profile.oddities import oddities
from nlpbatch.profile.view import (
    Floats,
    ProfileColumns,
    Tokens,
    View,
    counts_of,
    mask,
    numbers_of,
    order,
    plain_estimate,
    rows_with,
    shown,
)
from nlpbatch.profile.words import words_of
from nlpbatch.sampling.estimates import mean
from nlpbatch.sampling.sample import Sample
from nlpbatch.sampling.variance import CONFIDENCE

SCRIPTS: Final = {
    "한글": r"\p{Hangul}",
    "Latin": r"\p{Latin}",
    "digits": r"\p{Nd}",
    "漢字": r"\p{Han}",
    "かな": r"[\p{Hiragana}\p{Katakana}]",
    "punctuation": r"\p{P}",
    "symbols and emoji": r"\p{S}",
    "blanks": r"[\s\p{Z}]",
}
_BINS: Final = 40
_MAX_LABELS: Final = 12
_MAX_GROUPS: Final = 20
_QUANTILES: Final = {"p1": 0.01, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95, "p99": 0.99}


def measure(sample: Sample, columns: ProfileColumns, tokens: Tokens | None) -> dict[str, Any]:
    """Return everything, ready for JSON; parts that the data doesn't allow are None, and `notes` says why.

    Raises:
        ConfigError: A column isn't there.

    """
    view = View.of(sample, columns)
    notes = [*sample.design.notes]
    found: dict[str, Any] = {
        "columns": asdict(columns),
        "sample": asdict(sample.design) | {"read_share": sample.design.read_share, "confidence": CONFIDENCE},
        "texts": _texts(view),
        "lengths": {"characters": _character_lengths(view)},
        "scripts": _scripts(view),
        "labels": _labels(view, notes),
        "drift": _drift(view, notes),
        "groups": _groups(view, notes),
        "words": None,
        "oddities": oddities(view.texts),
    }
    if view.weights is not None:
        notes.append("rows were drawn by label: duplicates, oddities and counts of words are those of the sample")
    if view.texts.null_count == len(view.texts):
        notes.append(f"column {columns.text!r} is null in every row: there is nothing to look at")
    if tokens is not None and len(tokens.rows):
        found["lengths"]["tokens"] = _token_lengths(view, tokens)
        found["words"] = words_of(view, tokens)
    return found | {"notes": notes}


def _texts(view: View) -> dict[str, Any]:
    missing = mask(pc.is_null(view.texts))
    blank = mask(pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(view.texts)), 0))
    codes = pc.dictionary_encode(view.texts.filter(pa.array(~missing & ~blank))).indices.to_numpy()
    counts = np.bincount(codes) if len(codes) else np.array([0])
    repeated = int((counts[counts > 1] - 1).sum())
    return {
        "rows": len(view.texts),
        "missing": view.share(missing),
        "blank": view.share(blank),
        "duplicates_in_sample": repeated,
        "duplicate_share_in_sample": repeated / len(codes) if len(codes) else 0.0,
    }


def _quantile(values: Floats, share: float, weights: Floats | None) -> float:
    if weights is None:
        return float(np.quantile(values, share))
    return float(np.quantile(values, share, weights=weights, method="inverted_cdf"))


def _lengths(values: Floats, weights: Floats | None) -> dict[str, Any] | None:
    is_known = ~np.isnan(values)
    known, weights = values[is_known], None if weights is None else weights[is_known]
    if not len(known):
        return None
    # The longest hundredth would press all others into one bar.
    top = _quantile(known, 0.99, weights)
    shown_ = known <= max(top, 1)
    counts, edges = np.histogram(
        known[shown_], bins=min(_BINS, max(1, int(top))), weights=None if weights is None else weights[shown_]
    )
    return {
        "quantiles": {name: _quantile(known, q, weights) for name, q in _QUANTILES.items()},
        "longest": float(known.max()),
        "histogram": {"counts": counts.tolist(), "edges": [round(float(edge), 2) for edge in edges]},
    }


def _character_lengths(view: View) -> dict[str, Any] | None:
    found = _lengths(view.lengths, view.weights)
    return None if found is None else view.mean(view.lengths) | found


def _token_lengths(view: View, tokens: Tokens) -> dict[str, Any] | None:
    counts = pc.list_value_length(tokens.tokens).cast(pa.float64()).to_numpy(zero_copy_only=False)
    rows = tokens.rows.to_numpy()
    weights = None if view.weights is None else view.weights[rows]
    found = _lengths(counts, weights)
    if found is None:
        return None
    is_all = view.is_all and len(rows) == len(view.texts)
    estimate = mean(counts, view.units[rows], weights=weights, is_all=is_all)
    return found | {"rows": len(rows)} | plain_estimate(estimate)


def _scripts(view: View) -> list[dict[str, Any]]:
    def characters(counts: pa.Array) -> float:
        numbers = pc.fill_null(counts, 0).cast(pa.float64()).to_numpy(zero_copy_only=False)
        return float(numbers.sum() if view.weights is None else numbers @ view.weights)

    total = characters(pc.utf8_length(view.texts))
    found = {name: characters(pc.count_substring_regex(view.texts, pattern)) for name, pattern in SCRIPTS.items()}
    found["other"] = max(0.0, round(total - sum(found.values()), 6))
    return [{"script": name, "share": count / total if total else 0.0} for name, count in found.items() if count]


def _labels(view: View, notes: list[str]) -> list[dict[str, Any]] | None:
    if view.label is None:
        return None
    counts = counts_of(view.label)
    if len(counts) == 1:
        notes.append(f"the label has one value only, {counts[0][0]!r}: nothing can be learned from it")
    if len(counts) > _MAX_LABELS:
        notes.append(f"the label has {len(counts):,} values; the {_MAX_LABELS} most frequent are shown")
        counts = counts[:_MAX_LABELS]
    found = []
    for value, count in sorted(counts, key=lambda item: order(item[0])):
        here = rows_with(view.label, value)
        found.append(
            {"value": shown(value), "count": count}
            | {"share": view.share(here), "characters": view.mean(view.lengths, here)}
        )
    return found


def _drift(view: View, notes: list[str]) -> list[dict[str, Any]] | None:
    if view.date is None:
        return None
    found = periods(view.date)
    if found is None:
        notes.append("the date column holds no dates that could be read: write them as 2018-05-31")
        return None
    numbers = numbers_of(view.label)
    rows = []
    for value, count in sorted(counts_of(found), key=lambda item: str(item[0] or "")):
        if value is None:
            continue
        here = mask(pc.equal(found, value))
        rows.append(
            {"period": value, "count": count, "characters": view.mean(view.lengths, here)}
            | ({} if numbers is None else {"label": view.mean(numbers, here)})
        )
    return rows


def _groups(view: View, notes: list[str]) -> list[dict[str, Any]] | None:
    if view.group is None:
        return None
    counts = counts_of(view.group)
    if len(counts) > _MAX_GROUPS:
        notes.append(f"there are {len(counts):,} groups in the sample; the {_MAX_GROUPS} largest are shown")
    numbers = numbers_of(view.label)
    found = []
    for value, count in counts[:_MAX_GROUPS]:
        here = rows_with(view.group, value)
        found.append(
            {"group": shown(value), "count": count, "characters": view.mean(view.lengths, here)}
            | ({} if numbers is None else {"label": view.mean(numbers, here)})
        )
    return found


def plain(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what was measured with NaN as None, which JSON has."""
    return {name: _without_nan(value) for name, value in found.items()}


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {name: _without_nan(item) for name, item in value.items()}
    return [_without_nan(item) for item in value] if isinstance(value, list | tuple) else value
