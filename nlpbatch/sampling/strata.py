"""Chooses the rows of a stratified sample: the same number of each label, where a label has as many. Pure."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True, slots=True)
class Strata:
    """The picked rows.

    Args:
        rows: int64[n], ascending.
        weights: float[n], how many offered rows each stands for.
        labels: Number of labels.
        labels_without: Number of labels without a row, because there are more labels than wanted rows.

    """

    rows: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]
    labels: int
    labels_without: int


def stratify(labels: pa.ChunkedArray, wanted: int, chance: random.Random) -> Strata:
    """Pick rows at random within each label.

    Args:
        labels: The label of each row; null is a label, too.
        wanted: Number of rows to pick.
        chance: Random source.

    """
    codes = pc.dictionary_encode(labels, null_encoding="encode").combine_chunks().indices.to_numpy()
    sizes = np.bincount(codes)
    order = np.argsort(codes, kind="stable")  # the rows of the first label, then those of the second, …
    ends = np.cumsum(sizes)
    given = shares(wanted, sizes.tolist(), chance)
    rows, weights = [], []
    for end, size, count in zip(ends.tolist(), sizes.tolist(), given, strict=True):
        rows += [order[end - size + place] for place in chance.sample(range(size), count)]
        weights += [size / max(1, count)] * count
    picked = np.array(rows, np.int64)
    ascending = np.argsort(picked)
    without = sum(not count for count in given)
    return Strata(picked[ascending], np.array(weights)[ascending], len(given), without)


def shares(wanted: int, sizes: Sequence[int], chance: random.Random) -> list[int]:
    """Return the rows of each label: equal shares; others get the rest of small labels, the last rows at random."""
    given = [0] * len(sizes)
    open_ = chance.sample(range(len(sizes)), len(sizes))
    while wanted and open_:
        each = max(1, wanted // len(open_))
        for position in list(open_):
            more = min(each, sizes[position] - given[position], wanted)
            given[position] += more
            wanted -= more
            if given[position] == sizes[position]:
                open_.remove(position)
    return given
