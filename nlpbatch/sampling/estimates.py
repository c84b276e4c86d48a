"""Estimates a mean or share of the whole from a sample, with its confidence interval. Pure."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

from nlpbatch.sampling.variance import QUANTILE, Units, UnitSums, Values, margin

_FEW: Final = 5
"""Degrees of freedom below which the difference of parts is estimated from all rows, not from the chosen ones."""
_MANY: Final = 10
"""Number of parts whose least or greatest value is the same, from which that value bounds the interval."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean or share with its margin: with 99 % confidence, the value of the whole lies from `low` to `high`.

    `margin` is half the width of the symmetric interval. `low` and `high` end where values do, and within 0 and 1 for a
    share. All three are None if the sample can't tell: it is of one part, or all its
    values are equal, which allows no conclusion on the rest. For a share of 0 or 1, only `margin` is None.
    """

    mean: float
    margin: float | None
    low: float | None
    high: float | None


def mean(
    values: Values,
    units: Units,
    *,
    weights: Values | None = None,
    chosen: npt.NDArray[np.bool_] | None = None,
    drawn_share: float = 0.0,
    is_all: bool = False,
    is_share: bool = False,
) -> Estimate:
    """Return the estimate of a mean.

    Args:
        values: float[n], a number for each row; NaN for none, which counts for nothing.
        units: int[n], the part that each row was drawn with; each its own if rows were drawn one by one.
        weights: float[n], how many rows each stands for; all alike if None.
        chosen: bool[n], the rows that the mean is of; all if None. Few of them may not tell how much parts differ:
            that is taken from all rows then.
        drawn_share: Share of all parts that were drawn, 0 to 1.
        is_all: Whether the sample has all rows.
        is_share: Whether the values are 0 and 1, and the mean a share.

    """
    weights = np.ones(len(values)) if weights is None else weights
    known = ~np.isnan(values) & (weights > 0)
    here = known if chosen is None else known & chosen
    if not here.any():
        return Estimate(math.nan, None, None, None)
    parts = UnitSums.of(values[here], units[here], weights[here])
    if is_all:
        return Estimate(parts.mean, 0.0, parts.mean, parts.mean)
    off = None
    if values[here].min() < values[here].max():
        needs_all = chosen is not None and parts.freedom < _FEW
        pooled = UnitSums.of(values[known], units[known], weights[known]) if needs_all else None
        off = margin(parts, 1 - drawn_share, pooled)
    if is_share:
        return _share(parts, off, 1 - drawn_share)
    if off is None:
        return Estimate(parts.mean, None, None, None)
    return Estimate(parts.mean, off, *_ended(parts.mean - off, parts.mean + off, values[known], units[known]))


def _ended(low: float, high: float, values: Values, units: Units) -> tuple[float, float]:
    """Return an interval that ends where the values of the sample do.

    That is at 0 if none is negative, and at the least and the greatest of them that several parts have: grades end at
    10, but the longest text of a sample is hardly the longest there is.
    """
    least, most = float(values.min()), float(values.max())
    low = max(0.0, low) if least >= 0 else low
    if low < least and _is_end(least, values, units):
        low = least
    if high > most and _is_end(most, values, units):
        high = most
    return low, high


def _is_end(value: float, values: Values, units: Units) -> bool:
    count = len(np.unique(units))
    return count >= _FEW and len(np.unique(units[values == value])) >= min(_MANY, count)


def _share(parts: UnitSums, off: float | None, left_out: float) -> Estimate:
    """Return the estimate of a share, with Wilson's interval (1927) by the effective sample size.

    That is the size of a simple random sample with the same margin; if all values are the same, the number of parts.
    """
    found = min(1.0, parts.mean)
    spread = found * (1 - found)
    if off is not None and spread:
        ratio = off**2 / spread
    elif off is not None or parts.count == 1:
        return Estimate(found, None, None, None)
    else:
        found, spread = float(round(found)), 0.0
        ratio = left_out * NormalDist().inv_cdf(QUANTILE) ** 2 / parts.effective_count
    centre = (found + ratio / 2) / (1 + ratio)
    half = math.sqrt(spread * ratio + ratio**2 / 4) / (1 + ratio)
    low, high = min(found, centre - half), max(found, centre + half)  # which may differ by rounding
    return Estimate(found, off, max(0.0, low), min(1.0, high))
