"""The margin of a mean, by the variance of rows within parts and that of parts. Pure.

Rows of one part (a row group, a day's file) are often alike, so that the parts, not the rows, are what was drawn
independently: the error is computed from how the parts differ (the ultimate-cluster estimator of a ratio, as a
jackknife over parts; Särndal, Swensson and Wretman 1992, 4.6, 5.6 and 11.5). How much of these differences comes from
drawing rows within parts is known from many rows; only the excess is known from few parts. So each component has its
own quantile of Student's t, as in the modified large-sample intervals of Graybill and Wang (1980):

    margin² = t(rows)² · noise + t(parts)² · (1 - drawn share) · excess

Simulated for true variances of 1 to 100 times the noise, 99 % intervals cover ≥ 98.6 % with 20 parts, ≥ 97.6 % with 6
and ≥ 95 % with 3; parts that differ by noise alone have the margin of a simple random sample. With 2 parts nothing is
taken for noise. Rows that were drawn one by one are parts of one row: no noise, and the formula is the textbook's.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

CONFIDENCE: Final = 0.99
QUANTILE: Final = (1 + CONFIDENCE) / 2
Values = npt.NDArray[np.float64]
Units = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class UnitSums:
    """Sums of values by the parts that they were drawn with.

    Args:
        mean: Weighted mean of all values.
        weights: float[parts], sums of the weights.
        squares: float[parts], sums of the squared weights.
        residuals: float[parts], sums of weight times distance from the mean.
        row_variance: Variance of a row within its part; 0 if too few rows share a part to estimate it.
        row_freedom: Its degrees of freedom.

    """

    mean: float
    weights: Values
    squares: Values
    residuals: Values
    row_variance: float
    row_freedom: int

    @classmethod
    def of(cls, values: Values, units: Units, weights: Values) -> "UnitSums":
        """Return the sums of values, float[n > 0], without NaN."""
        total = float(weights.sum())
        mean = float((weights * values).sum()) / total
        _, position = np.unique(units, return_inverse=True)

        def by_part(numbers: Values) -> Values:
            return np.bincount(position, numbers).astype(np.float64)

        sizes = by_part(weights)
        freedom, variance = len(values) - len(sizes), 0.0
        if freedom >= len(sizes):  # two rows a part, on the average
            within = values - (by_part(weights * values) / sizes)[position]
            variance = float((weights * within**2).sum()) / total * len(values) / freedom
        return cls(mean, sizes, by_part(weights**2), by_part(weights * (values - mean)), variance, freedom)

    @property
    def count(self) -> int:
        """Return the number of parts."""
        return len(self.weights)

    @property
    def effective_count(self) -> float:
        """Return the effective number of parts (Kish)."""
        return float(self.weights.sum() ** 2 / (self.weights**2).sum())

    @property
    def noise(self) -> float:
        """Return the variance of the mean that comes from drawing rows within parts."""
        return self.row_variance * self.row_share

    @property
    def row_share(self) -> float:
        """Return the factor of a row's variance in that of the mean: 1 / rows with equal weights."""
        return float(self.squares.sum() / self.weights.sum() ** 2)

    @property
    def excess(self) -> float:
        """Return the variance of the mean between parts in excess of the noise; 0 or more."""
        if self.count == 1:
            return 0.0
        others = self.weights.sum() - self.weights
        between = (self.count - 1) / self.count * float(((self.residuals / others) ** 2).sum())
        return max(0.0, between - self.noise)

    @property
    def part_variance(self) -> float:
        """Return the variance of a part's own mean."""
        return self.excess * self.effective_count

    @property
    def freedom(self) -> int:
        """Return the degrees of freedom of the excess (Satterthwaite): parts - 1 if they are of one size."""
        parts = self.weights**2 * self.part_variance + self.squares * self.row_variance
        if not parts.any():
            parts = self.weights
        return int(float(parts.sum() ** 2 / (parts**2).sum()) - 1 + 1e-9)


def margin(parts: UnitSums, left_out: float = 1.0, pooled: UnitSums | None = None) -> float | None:
    """Return half the width of the interval around the mean; None if there is only one part.

    Args:
        parts: Sums of the values of the mean.
        left_out: Share of all parts that were not drawn: the finite population correction.
        pooled: Sums over more rows, which give the difference of parts, and of rows if necessary.

    """
    source = pooled or parts
    if source.count == 1:
        return None
    rows = parts if parts.row_variance else source
    noise = rows.row_variance * parts.row_share
    excess = source.part_variance / parts.effective_count
    freedom = max(1, source.freedom)
    if freedom == 1:  # two parts that happen to be alike allow no conclusion on the others
        excess += noise
    row_scale, part_scale = (t_quantile(QUANTILE, one) ** 2 for one in (max(1, rows.row_freedom), freedom))
    return math.sqrt(row_scale * noise + part_scale * excess * left_out)


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
