"""What there is to know of a sample of texts, as plain numbers: the report's JSON."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from nlpbatch.errors import ConfigError
from nlpbatch.profile.dates import periods
from nlpbatch.profile.marking import marks
from nlpbatch.profile.oddities import oddities
from nlpbatch.sampling.estimates import CONFIDENCE, Estimate, mean
from nlpbatch.sampling.sample import UNIT, WEIGHT, Sample

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
CONTENT_TAGS: Final = ("NNG", "NNP", "VV", "VV-R", "VV-I", "VA", "VA-R", "VA-I", "MAG", "XR", "IC", "SL")
"""Tags of words that mean something by themselves."""
_BINS: Final = 40
_MOST_LABELS: Final = 12
_FEW_VALUES: Final = 6
"""A number with more values than that is cut into thirds, to be told apart by words."""
_MOST_GROUPS: Final = 20
_MOST_MARKS: Final = 15
_QUANTILES: Final = {"p1": 0.01, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95, "p99": 0.99}
_WORDS: Final = 50_000
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ProfileColumns:
    """Columns of a sample that the report is about."""

    text: str
    label: str | None = None
    group: str | None = None
    date: str | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of some rows of the sample, as `nlpbatch.profile.tokens.analyse` returns them.

    Args:
        rows: int64[n].
        tokens: list<struct<form, tag, lemma, oov>>[n].

    """

    rows: pa.Array
    tokens: pa.Array


def measure(sample: Sample, columns: ProfileColumns, tokens: Tokens | None) -> dict[str, Any]:
    """Return everything, ready for JSON; parts that the data doesn't allow are None, and `notes` says why.

    Raises:
        ConfigError: A column isn't there.

    """
    view = _View.of(sample, columns)
    notes = [*sample.design.notes]
    found: dict[str, Any] = {
        "columns": asdict(columns),
        "sample": asdict(sample.design) | {"read_share": sample.design.read_share, "confidence": CONFIDENCE},
        "texts": _texts(view),
        "lengths": {"characters": _lengths(view, view.lengths)},
        "scripts": _scripts(view.texts),
        "labels": _labels(view, notes),
        "drift": _drift(view, notes),
        "groups": _groups(view, notes),
        "words": None,
        "oddities": oddities(view.texts),
    }
    if view.texts.null_count == len(view.texts):
        notes.append(f"column {columns.text!r} is null in every row: there is nothing to look at")
    if tokens is not None and len(tokens.rows):
        found["lengths"]["tokens"] = _token_lengths(view, tokens)
        found["words"] = _words(view, tokens)
    return found | {"notes": notes}


@dataclass(frozen=True, slots=True)
class _View:
    """The sample's columns by what they are for."""

    texts: pa.Array
    lengths: Floats
    units: npt.NDArray[np.int64]
    weights: Floats | None
    is_all: bool
    label: pa.Array | None
    group: pa.Array | None
    date: pa.Array | None

    @classmethod
    def of(cls, sample: Sample, columns: ProfileColumns) -> "_View":
        table = sample.table

        def column(name: str | None) -> pa.Array | None:
            if name is None:
                return None
            if name not in table.schema.names:
                raise ConfigError(f"the sample has no column {name!r}: choose from {', '.join(table.schema.names)}")
            return table.column(name).combine_chunks()

        texts: Any = column(columns.text)
        if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type) or pa.types.is_null(texts.type)):
            raise ConfigError(f"column {columns.text!r} is {texts.type}, not text: choose another")
        texts = texts.cast(pa.string())
        lengths = pc.utf8_length(texts).cast(pa.float64()).to_numpy(zero_copy_only=False)
        weights = table.column(WEIGHT).to_numpy() if WEIGHT in table.schema.names else None
        units = table.column(UNIT).to_numpy().astype(np.int64)
        given = (column(columns.label), column(columns.group), column(columns.date))
        return cls(texts, lengths, units, weights, sample.design.is_all, *given)

    def mean(self, values: Floats, rows: npt.NDArray[np.bool_] | None = None) -> dict[str, float | None]:
        """Return the estimate of a mean, over all rows or some."""
        chosen = np.ones(len(values), bool) if rows is None else rows
        weights = None if self.weights is None else self.weights[chosen]
        return _plain(mean(values[chosen], self.units[chosen], weights=weights, is_all=self.is_all))


def _plain(estimate: Estimate) -> dict[str, float | None]:
    found = None if math.isnan(estimate.mean) else estimate.mean
    return {"mean": found, "margin": estimate.margin}


def _mask(values: pa.Array) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = pc.fill_null(values, False).to_numpy(zero_copy_only=False).astype(bool)
    return found


def _texts(view: _View) -> dict[str, Any]:
    missing = _mask(pc.is_null(view.texts))
    blank = _mask(pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(view.texts)), 0))
    codes = pc.dictionary_encode(view.texts.filter(pa.array(~missing & ~blank))).indices.to_numpy()
    counts = np.bincount(codes) if len(codes) else np.array([0])
    repeated = int((counts[counts > 1] - 1).sum())
    return {
        "rows": len(view.texts),
        "missing": view.mean(missing.astype(float)),
        "blank": view.mean(blank.astype(float)),
        "duplicates_in_sample": repeated,
        "duplicate_share_in_sample": repeated / len(codes) if len(codes) else 0.0,
    }


def _lengths(view: _View, values: Floats, rows: Floats | None = None) -> dict[str, Any] | None:
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    # The longest hundredth would press all others into one bar.
    top = float(np.quantile(known, 0.99))
    counts, edges = np.histogram(known[known <= max(top, 1)], bins=min(_BINS, max(1, int(top))))
    return {
        **(view.mean(values) if rows is None else {}),
        "quantiles": {name: float(np.quantile(known, q)) for name, q in _QUANTILES.items()},
        "longest": float(known.max()),
        "histogram": {"counts": counts.tolist(), "edges": [round(float(edge), 2) for edge in edges]},
    }


def _token_lengths(view: _View, tokens: Tokens) -> dict[str, Any] | None:
    counts = pc.list_value_length(tokens.tokens).cast(pa.float64()).to_numpy(zero_copy_only=False)
    found = _lengths(view, counts, rows=counts)
    if found is None:
        return None
    rows = tokens.rows.to_numpy()
    weights = None if view.weights is None else view.weights[rows]
    whole = view.is_all and len(rows) == len(view.texts)
    return found | {"rows": len(rows)} | _plain(mean(counts, view.units[rows], weights=weights, is_all=whole))


def _scripts(texts: pa.Array) -> list[dict[str, Any]]:
    total = pc.sum(pc.utf8_length(texts)).as_py() or 0
    found = {name: pc.sum(pc.count_substring_regex(texts, pattern)).as_py() or 0 for name, pattern in SCRIPTS.items()}
    found["other"] = max(0, total - sum(found.values()))
    return [{"script": name, "share": count / total if total else 0.0} for name, count in found.items() if count]


def _labels(view: _View, notes: list[str]) -> list[dict[str, Any]] | None:
    if view.label is None:
        return None
    counts = _counts(view.label)
    if len(counts) == 1:
        notes.append(f"the label has one value only, {counts[0][0]!r}: nothing can be learned from it")
    if len(counts) > _MOST_LABELS:
        notes.append(f"the label has {len(counts):,} values; the {_MOST_LABELS} most frequent are shown")
        counts = counts[:_MOST_LABELS]
    shown = []
    for value, count in sorted(counts, key=lambda item: _order(item[0])):
        here = _mask(
            pc.is_null(view.label) if value is None else pc.equal(view.label, pa.scalar(value, view.label.type))
        )
        shown.append(
            {"value": _text(value), "count": count}
            | {"share": view.mean(here.astype(float)), "characters": view.mean(view.lengths, here)}
        )
    return shown


def _drift(view: _View, notes: list[str]) -> list[dict[str, Any]] | None:
    if view.date is None:
        return None
    found = periods(view.date)
    if found is None:
        notes.append("the date column holds no dates that could be read: write them as 2018-05-31")
        return None
    numbers = _numbers(view.label)
    shown = []
    for value, count in sorted(_counts(found), key=lambda item: str(item[0] or "")):
        if value is None:
            continue
        here = _mask(pc.equal(found, value))
        shown.append(
            {"period": value, "count": count, "characters": view.mean(view.lengths, here)}
            | ({} if numbers is None else {"label": view.mean(numbers, here)})
        )
    return shown


def _groups(view: _View, notes: list[str]) -> list[dict[str, Any]] | None:
    if view.group is None:
        return None
    counts = _counts(view.group)
    if len(counts) > _MOST_GROUPS:
        notes.append(f"there are {len(counts):,} groups in the sample; the {_MOST_GROUPS} largest are shown")
    numbers = _numbers(view.label)
    shown = []
    for value, count in counts[:_MOST_GROUPS]:
        here = _mask(
            pc.is_null(view.group) if value is None else pc.equal(view.group, pa.scalar(value, view.group.type))
        )
        shown.append(
            {"group": _text(value), "count": count, "characters": view.mean(view.lengths, here)}
            | ({} if numbers is None else {"label": view.mean(numbers, here)})
        )
    return shown


def _words(view: _View, tokens: Tokens) -> dict[str, Any]:
    flat = pc.list_flatten(tokens.tokens)
    parents = pc.list_parent_indices(tokens.tokens).to_numpy()
    fields = {name: pc.struct_field(flat, name) for name in ("form", "tag", "lemma", "oov")}
    unknown = _mask(fields["oov"])
    content = _mask(pc.is_in(fields["tag"], value_set=pa.array(CONTENT_TAGS)))
    encoded = pc.dictionary_encode(pc.coalesce(fields["lemma"], fields["form"]).filter(pa.array(content)))
    words, codes = encoded.dictionary.to_pylist(), encoded.indices.to_numpy()
    rows = tokens.rows.to_numpy()[parents[content]]
    total = np.bincount(codes, minlength=len(words))
    kept = np.argsort(-total, kind="stable")[:_WORDS]
    frequent = [{"word": words[position], "count": int(total[position])} for position in kept[:30]]
    unknown_forms = pc.value_counts(fields["form"].filter(pa.array(unknown)))
    return {
        "rows": len(tokens.rows),
        "tokens": len(flat),
        "unknown_share": float(unknown.mean()) if len(unknown) else 0.0,
        "unknown_examples": _most_frequent(unknown_forms, 30),
        "frequent": frequent,
        "marks": {
            what: [
                {"value": name, "words": [asdict(mark) for mark in found]}
                for name, found in _marks(values, rows, codes, words)
            ]
            for what, values in (("label", view.label), ("group", view.group))
            if values is not None
        },
    }


def _marks(
    values: pa.Array, rows: npt.NDArray[np.int64], codes: npt.NDArray[np.int32], words: list[str]
) -> Iterable[Any]:
    for name, here in _classes(values):
        inside = here[rows]
        counts = np.bincount(codes[inside], minlength=len(words)).astype(np.int64)
        others = np.bincount(codes[~inside], minlength=len(words)).astype(np.int64)
        found = marks(words, counts, others, _MOST_MARKS)
        if found:
            yield name, found


def _classes(values: pa.Array) -> list[tuple[str, npt.NDArray[np.bool_]]]:
    """Return which rows have which value; a number with many values is cut into thirds."""
    counts = _counts(values)
    numbers = _numbers(values)
    if numbers is not None and len(counts) > _FEW_VALUES:
        low, high = (float(one) for one in np.nanquantile(numbers, [1 / 3, 2 / 3]))
        if low < high:
            middle = f"> {low:g}, ≤ {high:g}" if (numbers > high).any() else f"> {low:g}"
            cut = [
                (f"≤ {low:g}", numbers <= low),
                (middle, (numbers > low) & (numbers <= high)),
                (f"> {high:g}", numbers > high),
            ]
        else:  # more than a third has the same value
            cut = [(f"< {low:g}", numbers < low), (f"{low:g}", numbers == low), (f"> {low:g}", numbers > low)]
        return [(name, rows) for name, rows in cut if rows.any()]
    most = _MOST_LABELS if numbers is not None else _FEW_VALUES
    return [
        (_text(value), _mask(pc.equal(values, pa.scalar(value, values.type))))
        for value, _ in sorted(counts[:most], key=lambda item: _order(item[0]))
        if value is not None
    ]


def _counts(values: pa.Array) -> list[tuple[Any, int]]:
    """Return values with how often they occur, the most frequent first."""
    found = ((item["values"], item["counts"]) for item in pc.value_counts(values).to_pylist())
    return sorted(found, key=lambda item: (-item[1], _order(item[0])))


def _most_frequent(counts: pa.StructArray, most: int) -> list[dict[str, Any]]:
    found = sorted(counts.to_pylist(), key=lambda item: -item["counts"])[:most]
    return [{"word": item["values"], "count": item["counts"]} for item in found]


def _numbers(values: pa.Array | None) -> Floats | None:
    if values is None or not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        return None
    found: Floats = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return found


def _order(value: Any) -> tuple[bool, bool, Any]:
    is_number = isinstance(value, int | float)
    return value is None, not is_number, value if is_number else str(value)


def _text(value: Any) -> str:
    return "(missing)" if value is None else str(value)


def plain(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what was measured with NaN as None, which JSON has."""
    return {name: _without_nan(value) for name, value in found.items()}


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {name: _without_nan(item) for name, item in value.items()}
    return [_without_nan(item) for item in value] if isinstance(value, list | tuple) else value
