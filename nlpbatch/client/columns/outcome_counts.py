"""Counts of rows that have their outcomes, as a run's records and summaries give them; needs pyarrow."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from nlpbatch.older_python import Self

_WITH_TOKENS: Final = ("tokens", "candidates")


@dataclass(slots=True)
class OutcomeCounts:
    """What was counted of some rows.

    Args:
        rows: All of them.
        dead: Those with an error.
        nulls: Those without any text.
        tokens: Tokens in all columns, elements and candidates.
        text_bytes: UTF-8 bytes of the texts.
        errors: Rows by the code of their first error.

    """

    rows: int = 0
    dead: int = 0
    nulls: int = 0
    tokens: int = 0
    text_bytes: int = 0
    errors: Counter[str] = field(default_factory=Counter)

    def add(self, other: Self) -> None:
        """Add the counts of other rows."""
        self.rows += other.rows
        self.dead += other.dead
        self.nulls += other.nulls
        self.tokens += other.tokens
        self.text_bytes += other.text_bytes
        self.errors.update(other.errors)


def count_outcomes(
    texts: Sequence[pa.Array], found: Sequence[pa.Array], errors: Sequence[pa.Array], answer: str
) -> OutcomeCounts:
    """Return the counts of rows.

    Args:
        texts: The columns that were analysed: strings, arrays of strings, or documents as lists.
        found: Of each, what was answered first.
        errors: Of each, the errors: structs with a `code`.
        answer: What the answers in `found` are; see `Options.columns`. Only tokens and candidates have tokens.

    """
    counts = OutcomeCounts(
        rows=len(texts[0]),
        nulls=_all_null(texts),
        tokens=sum(map(_tokens_in, found)) if answer in _WITH_TOKENS else 0,
        text_bytes=sum(map(_text_bytes_in, texts)),
    )
    if any(column.null_count < len(column) for column in errors):
        codes = pc.coalesce(*(pc.struct_field(column, "code") for column in errors))
        by_code = pc.value_counts(codes.drop_null()).to_pylist()
        counts.errors.update({one["values"]: one["counts"] for one in by_code})
        counts.dead = counts.errors.total()
    return counts


def _tokens_in(found: pa.Array) -> int:
    """Return the tokens in lists of tokens, in lists of candidates that have some, and in lists of either."""
    inner = found.type.value_type
    values = found.flatten()  # without what null rows have
    if pa.types.is_list(inner):  # of a column of arrays: an answer for each element
        return _tokens_in(values)
    names = [one.name for one in inner]
    return _tokens_in(pc.struct_field(values, "tokens")) if "tokens" in names else len(values)


def _text_bytes_in(texts: pa.Array) -> int:
    """Return the UTF-8 bytes of all texts in a column; the texts of tokens are their forms."""
    kind = texts.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _text_bytes_in(texts.flatten())
    if pa.types.is_struct(kind):
        return _text_bytes_in(pc.struct_field(texts, "form"))
    return pc.sum(pc.binary_length(texts)).as_py() or 0


def _all_null(columns: Sequence[pa.Array]) -> int:
    if any(column.null_count == 0 for column in columns):
        return 0
    first, *others = (column.is_null() for column in columns)
    for one in others:
        first = pc.and_(first, one)
    return int(pc.sum(first).as_py() or 0)
