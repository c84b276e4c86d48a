"""Cleans the texts of record batches, and counts what it did; runs in executors, with pyarrow alone."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from nlpbatch.recipe.markup import without_control_characters, without_html
from nlpbatch.recipe.masking import KINDS, mask

CHANGES: Final = ("html", "control_characters", *KINDS)
"""What is counted: texts that had HTML or control characters, and masks of each kind."""
PREFIX: Final = "_nlpbatch_"
"""Begins the names of columns that are there meanwhile."""


@dataclass(frozen=True, slots=True)
class TextRules:
    """What is done to a text, in this order.

    Args:
        html: Whether HTML is taken out.
        control_characters: Whether control characters are.
        masks: Kinds of personal numbers that are masked, of `masking.KINDS`.

    """

    html: bool
    control_characters: bool
    masks: tuple[str, ...]

    def apply(self, text: str) -> tuple[str, Counter[str]]:
        """Return the clean text, and counts of `CHANGES`."""
        counts: Counter[str] = Counter()
        if self.html and (bare := without_html(text)) != text:
            text = bare
            counts["html"] = 1
        if self.control_characters and (bare := without_control_characters(text)) != text:
            text = bare
            counts["control_characters"] = 1
        if self.masks:
            text, masked = mask(text, self.masks)
            counts += masked
        return text, counts


class TextCleaner:
    """Replaces texts by clean ones, and adds a column `PREFIX` + name for each of `CHANGES`; for `mapInArrow`.

    Args:
        columns: Text columns, of strings or lists of strings; null stays null.
        rules: What is done to each text.

    """

    def __init__(self, columns: Sequence[str], rules: TextRules) -> None:
        self._columns = columns
        self._rules = rules

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield each batch with clean texts and the counts at its end."""
        for batch in batches:
            counts: list[Counter[str]] = [Counter() for _ in range(batch.num_rows)]
            arrays = list(batch.columns)
            for name in self._columns:
                position = batch.schema.get_field_index(name)
                cleaned = [
                    self._clean(value, count) for value, count in zip(arrays[position].to_pylist(), counts, strict=True)
                ]
                arrays[position] = pa.array(cleaned, arrays[position].type)
            added = [pa.array([count[name] for count in counts], pa.int64()) for name in CHANGES]
            names = [*batch.schema.names, *(f"{PREFIX}{name}" for name in CHANGES)]
            yield pa.RecordBatch.from_arrays([*arrays, *added], names)

    def _clean(self, value: Any, counts: Counter[str]) -> Any:
        if isinstance(value, list):
            return [self._clean(text, counts) for text in value]
        if value is None:
            return None
        text, found = self._rules.apply(value)
        if found:
            counts.update(found)
        return text
