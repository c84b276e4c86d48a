"""The words of a sample's texts: the frequent, the unknown, and those that mark one label or group."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from nlpbatch.profile.marking import marks
from nlpbatch.profile.view import Tokens, View, counts_of, mask, numbers_of, order, rows_with, shown

CONTENT_TAGS: Final = ("NNG", "NNP", "VV", "VV-R", "VV-I", "VA", "VA-R", "VA-I", "MAG", "XR", "IC", "SL")
"""Tags of words that mean something by themselves."""
_MAX_VALUES: Final = 12
_FEW_VALUES: Final = 6
"""A number with more values than that is cut into thirds, which words then distinguish."""
_MAX_MARKS: Final = 15
_FREQUENT: Final = 30


def words_of(view: View, tokens: Tokens) -> dict[str, Any]:
    """Return the measures of the words, ready for JSON."""
    flat = pc.list_flatten(tokens.tokens)
    parents = pc.list_parent_indices(tokens.tokens).to_numpy()
    fields = {name: pc.struct_field(flat, name) for name in ("form", "tag", "lemma", "oov")}
    unknown = mask(fields["oov"])
    content = mask(pc.is_in(fields["tag"], value_set=pa.array(CONTENT_TAGS)))
    encoded = pc.dictionary_encode(pc.coalesce(fields["lemma"], fields["form"]).filter(pa.array(content)))
    words, codes = encoded.dictionary.to_pylist(), encoded.indices.to_numpy()
    rows = tokens.rows.to_numpy()[parents[content]]
    weights = None if view.weights is None else view.weights[tokens.rows.to_numpy()[parents]]
    total = np.bincount(codes, minlength=len(words))
    most_first = np.argsort(-total, kind="stable")[:_FREQUENT]
    unknown_forms = pc.value_counts(fields["form"].filter(pa.array(unknown)))
    return {
        "rows": len(tokens.rows),
        "tokens": len(flat),
        "unknown_share": float(np.average(unknown, weights=weights)) if len(unknown) else 0.0,
        "unknown_examples": _most_frequent(unknown_forms),
        "frequent": [{"word": words[position], "count": int(total[position])} for position in most_first],
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
    # a word counts once in a document
    row_of, code_of = np.divmod(np.unique(rows * max(1, len(words)) + codes), max(1, len(words)))
    for name, here in _classes(values):
        inside = here[row_of]
        counts = np.bincount(code_of[inside], minlength=len(words)).astype(np.int64)
        others = np.bincount(code_of[~inside], minlength=len(words)).astype(np.int64)
        found = marks(words, counts, others, _MAX_MARKS)
        if found:
            yield name, found


def _classes(values: pa.Array) -> list[tuple[str, npt.NDArray[np.bool_]]]:
    """Return which rows have which value; a number with many values is cut into thirds."""
    counts = counts_of(values)
    numbers = numbers_of(values)
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
    max_values = _MAX_VALUES if numbers is not None else _FEW_VALUES
    return [
        (shown(value), rows_with(values, value))
        for value, _ in sorted(counts[:max_values], key=lambda item: order(item[0]))
        if value is not None
    ]


def _most_frequent(counts: pa.StructArray) -> list[dict[str, Any]]:
    found = sorted(counts.to_pylist(), key=lambda item: -item["counts"])[:_FREQUENT]
    return [{"word": item["values"], "count": item["counts"]} for item in found]
