"""Counts rows with their outcomes, column by column, without an object for each token."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import reduce
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from nlpbatch.client.columns.outcome_counts import count_outcomes
from nlpbatch.client.columns.outcome_schema import OUTCOME_ERROR_TYPE
from nlpbatch.client.columns.text_columns import TextColumn
from nlpbatch.formats.malformed import CORRUPT, MALFORMED_ERROR


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
        answer: What is answered first for each; see `Options.columns`.

    """

    def __init__(self, schema: pa.Schema, columns: Sequence[TextColumn], answer: str) -> None:
        self._columns = columns
        self._answer = answer
        self._corrupt = schema.names.index(CORRUPT) if CORRUPT in schema.names else None
        self._errors = [schema.names.index(column.error) for column in columns]
        self._found = [schema.names.index(column.added[0].name) for column in columns]

    def with_malformed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows with the error of lines that couldn't be parsed."""
        if self._corrupt is None or batch.column(self._corrupt).null_count == batch.num_rows:
            return batch
        is_corrupt = batch.column(self._corrupt).is_valid()
        members = {"attempts": None, "request_id": None, **MALFORMED_ERROR}
        position = self._errors[0]
        errors = pc.if_else(is_corrupt, pa.scalar(members, OUTCOME_ERROR_TYPE), batch.column(position))
        return batch.set_column(position, batch.schema.field(position), errors)

    def failed(self, batch: pa.RecordBatch) -> pa.Array | None:
        """Return which rows failed, `bool[rows]`; None if none has."""
        errors = [batch.column(position) for position in self._errors]
        if all(column.null_count == batch.num_rows for column in errors):
            return None
        return reduce(pc.or_, (column.is_valid() for column in errors))

    def count(self, batch: pa.RecordBatch) -> Counts:
        """Return the counts of rows."""
        texts = [batch.column(column.position) for column in self._columns]
        found, errors = ([batch.column(one) for one in positions] for positions in (self._found, self._errors))
        counts = count_outcomes(texts, found, errors, self._answer)
        numbers = {one.name: getattr(counts, one.name) for one in fields(counts) if one.name != "errors"}
        return Counts(**numbers, errors=dict(counts.errors))
