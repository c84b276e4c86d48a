"""A sample's columns by what they are for in the report, and what is asked of any column."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from nlpbatch.errors import ConfigError
from nlpbatch.profile.columns import check_countable, usable
from nlpbatch.sampling.design import UNIT, WEIGHT
from nlpbatch.sampling.estimates import Estimate, mean
from nlpbatch.sampling.sample import Sample

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


@dataclass(frozen=True, slots=True)
class View:
    """The sample's columns by what they are for."""

    texts: pa.Array
    lengths: Floats
    units: npt.NDArray[np.int64]
    weights: Floats | None
    drawn_share: float
    is_all: bool
    label: pa.Array | None
    group: pa.Array | None
    date: pa.Array | None

    @classmethod
    def of(cls, sample: Sample, columns: ProfileColumns) -> "View":
        """Return the columns of a sample.

        Raises:
            ConfigError: One isn't there, or the text column holds something else.

        """
        table = sample.table

        def column(name: str | None) -> pa.Array | None:
            if name is None:
                return None
            if name not in table.schema.names:
                raise ConfigError(f"the sample has no column {name!r}: choose from {', '.join(table.schema.names)}")
            return usable(name, table.column(name).combine_chunks())

        texts: Any = column(columns.text)
        if not is_text(texts.type):
            raise ConfigError(f"column {columns.text!r} is {texts.type}, not text: choose another")
        texts = texts.cast(pa.string())
        lengths = pc.utf8_length(texts).cast(pa.float64()).to_numpy(zero_copy_only=False)
        weights = table.column(WEIGHT).to_numpy() if WEIGHT in table.schema.names else None
        units = table.column(UNIT).to_numpy().astype(np.int64)
        given = (column(columns.label), column(columns.group), column(columns.date))
        for name, values in zip((columns.label, columns.group, columns.date), given, strict=True):
            if name is not None and values is not None:
                check_countable(name, values)
        return cls(texts, lengths, units, weights, sample.design.drawn_share, sample.design.is_all, *given)

    def mean(self, values: Floats, rows: npt.NDArray[np.bool_] | None = None) -> dict[str, float | None]:
        """Return the estimate of a mean, over all rows or some."""
        return self._estimate(values, rows, is_share=False)

    def share(self, values: npt.NDArray[np.bool_]) -> dict[str, float | None]:
        """Return the estimate of the share of rows for which something is true."""
        return self._estimate(values.astype(float), None, is_share=True)

    def _estimate(
        self, values: Floats, rows: npt.NDArray[np.bool_] | None, *, is_share: bool
    ) -> dict[str, float | None]:
        found = mean(
            values,
            self.units,
            weights=self.weights,
            chosen=rows,
            drawn_share=self.drawn_share,
            is_all=self.is_all,
            is_share=is_share,
        )
        return plain_estimate(found)


def is_text(kind: pa.DataType) -> bool:
    """Return whether a column of a type can be looked at as texts; one of nothing can."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind))


def plain_estimate(estimate: Estimate) -> dict[str, float | None]:
    """Return an estimate for JSON, which has no NaN."""
    found = None if math.isnan(estimate.mean) else estimate.mean
    return {"mean": found, "margin": estimate.margin, "low": estimate.low, "high": estimate.high}


def mask(values: pa.Array) -> npt.NDArray[np.bool_]:
    """Return booleans as NumPy has them; null is False."""
    found: npt.NDArray[np.bool_] = pc.fill_null(values, False).to_numpy(zero_copy_only=False).astype(bool)
    return found


def rows_with(values: pa.Array, value: Any) -> npt.NDArray[np.bool_]:
    """Return which rows have a value; None for those that have none."""
    return mask(pc.is_null(values) if value is None else pc.equal(values, pa.scalar(value, values.type)))


def counts_of(values: pa.Array) -> list[tuple[Any, int]]:
    """Return values with how often they occur, the most frequent first."""
    found = ((item["values"], item["counts"]) for item in pc.value_counts(values).to_pylist())
    return sorted(found, key=lambda item: (-item[1], order(item[0])))


def numbers_of(values: pa.Array | None) -> Floats | None:
    """Return the values of a column of numbers, NaN for null; None if it is one of something else."""
    if values is None or not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        return None
    found: Floats = pc.cast(values, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return found


def order(value: Any) -> tuple[bool, bool, Any]:
    """Return a key to sort values of any type by: numbers first, then text, then null."""
    is_number = isinstance(value, int | float)
    return value is None, not is_number, value if is_number else str(value)


def shown(value: Any) -> str:
    """Return a value as the report names it."""
    return "(missing)" if value is None else str(value)
