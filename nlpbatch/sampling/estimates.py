"""What a sample says of the whole, and how far it may be off. Pure.

Rows of one part (a row group, a day's file) are often alike, so that the parts, not the rows, are what was drawn
independently: the error is computed from how the parts' totals differ (the ultimate-cluster estimator of a ratio;
Särndal, Swensson and Wretman 1992, 5.6 and 4.6).
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

CONFIDENCE: Final = 0.99
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean, and its margin: with 99 % confidence the whole's is not further away.

    The margin is None if the sample can't tell: it is of one part, or all its values are the same, from which nothing
    follows for the rest.
    """

    mean: float
    margin: float | None


def mean(
    values: Values, units: npt.NDArray[np.int64], *, weights: Values | None = None, is_all: bool = False
) -> Estimate:
    """Return the estimate of a mean.

    Args:
        values: float[n], a number for each row; NaN for none, which counts for nothing.
        units: int[n], the part that each row was taken from.
        weights: float[n], how many rows each stands for; all alike if None.
        is_all: Whether the rows are all there are.

    """
    known = ~np.isnan(values)
    values, units = values[known], units[known]
    weights = np.ones(len(values)) if weights is None else weights[known]
    total = float(weights.sum())
    if not total:
        return Estimate(math.nan, None)
    found = float((weights * values).sum()) / total
    if is_all:
        return Estimate(found, 0.0)
    _, positions = np.unique(units, return_inverse=True)
    if values.min() == values.max():
        return Estimate(found, None)
    residuals = np.bincount(positions, weights=weights * (values - found))
    count = len(residuals)
    if count < 2:  # noqa: PLR2004  (one part tells nothing of how parts differ)
        return Estimate(found, None)
    variance = count / (count - 1) * float((residuals**2).sum()) / total**2
    return Estimate(found, t_quantile((1 + CONFIDENCE) / 2, count - 1) * math.sqrt(variance))


def t_quantile(probability: float, freedom: int) -> float:
    """Return a quantile of Student's t (Cornish and Fisher's expansion; 1 % off at 3 degrees of freedom)."""
    z = NormalDist().inv_cdf(probability)
    if freedom == 1:
        return math.tan(math.pi * (probability - 0.5))
    if freedom == 2:  # noqa: PLR2004  (which has a closed form, too)
        return (2 * probability - 1) / math.sqrt(2 * probability * (1 - probability))
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return float(sum(term / freedom**power for power, term in enumerate(terms)))
