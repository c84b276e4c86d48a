"""Counts rows with their outcomes, column by column, without an object for each token."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import reduce
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from nlpbatch.client.columns.outcome_schema import OUTCOME_ERROR_TYPE
from nlpbatch.client.columns.text_columns import TextColumn
from nlpbatch.formats.malformed import CORRUPT, MALFORMED, MALFORMED_MESSAGE


@dataclass(frozen=True, slots=True)
class Counts:
    """What rows hold, as numbers that add up; the names are those of a job's summary.

    Args:
        rows: Rows read: those in the output and those that failed.
        dead: Rows that failed.
        nulls: Rows without any text.
        tokens: Tokens of all rows.
        text_bytes: UTF-8 bytes of the texts.
        errors: Rows that failed, by code.

    """

    rows: int = 0
    dead: int = 0
    nulls: int = 0
    tokens: int = 0
    text_bytes: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: "Counts") -> Self:
        """Return the sums."""
        numbers = {
            one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self) if one.name != "errors"
        }
        return type(self)(**numbers, errors=dict(sorted((Counter(self.errors) + Counter(other.errors)).items())))


class Outcomes:
    """Which rows failed, and the counts of all, where the text columns are known.

    Args:
        schema: Of the rows with their outcomes.
        columns: The text columns.

    """

    def __init__(self, schema: pa.Schema, columns: Sequence[TextColumn]) -> None:
        self._columns = columns
        self._corrupt = schema.names.index(CORRUPT) if CORRUPT in schema.names else None
        self._errors = [schema.names.index(column.error) for column in columns]
        self._found = [schema.names.index(column.added[0].name) for column in columns]

    def with_malformed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows with the error of lines that couldn't be parsed."""
        if self._corrupt is None or batch.column(self._corrupt).null_count == batch.num_rows:
            return batch
        is_corrupt = batch.column(self._corrupt).is_valid()
        members = {"code": MALFORMED, "message": MALFORMED_MESSAGE, "attempts": None, "request_id": None}
        position = self._errors[0]
        errors = pc.if_else(is_corrupt, pa.scalar(members, OUTCOME_ERROR_TYPE), batch.column(position))
        return batch.set_column(position, batch.schema.field(position), errors)

    def failed(self, batch: pa.RecordBatch) -> pa.Array | None:
        """Return which rows failed, `bool[rows]`; None if none has."""
        errors = [batch.column(position) for position in self._errors]
        if all(column.null_count == batch.num_rows for column in errors):
            return None
        return reduce(pc.or_, (column.is_valid() for column in errors))

    def count(self, batch: pa.RecordBatch, failed: pa.Array | None) -> Counts:
        """Return the counts of rows, of which `failed` says which have."""
        texts = [batch.column(column.position) for column in self._columns]
        no_text = reduce(pc.and_, (column.is_null() for column in texts))
        return Counts(
            rows=batch.num_rows,
            dead=0 if failed is None else pc.sum(failed).as_py() or 0,
            nulls=pc.sum(no_text).as_py() or 0,
            tokens=sum(_tokens(batch.column(position)) for position in self._found),
            text_bytes=sum(map(_text_bytes, texts)),
            errors={} if failed is None else self._by_code(batch.filter(failed)),
        )

    def _by_code(self, dead: pa.RecordBatch) -> dict[str, int]:
        codes = pc.coalesce(*(pc.struct_field(dead.column(position), "code") for position in self._errors))
        return {one["values"]: one["counts"] for one in pc.value_counts(codes).to_pylist()}


def _tokens(column: pa.Array) -> int:
    """Return how many tokens a column of tokens, of candidates or of lists of them has; of others none."""
    while pa.types.is_list(column.type):
        kind = column.type.value_type
        if pa.types.is_struct(kind):
            names = [one.name for one in kind]
            if "score" in names and "tokens" in names:
                column = pc.struct_field(column.flatten(), "tokens")
                continue
            return int(pc.sum(pc.list_value_length(column)).as_py() or 0)
        column = column.flatten()
    return 0


def _text_bytes(column: pa.Array) -> int:
    while not (pa.types.is_string(column.type)):
        column = column.flatten()
    return int(pc.sum(pc.binary_length(column)).as_py() or 0)


def as_members(counts: Counts) -> dict[str, Any]:
    """Return the counts as they are kept in JSON."""
    return {one.name: getattr(counts, one.name) for one in fields(counts)}
