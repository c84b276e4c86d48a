import random
from collections import Counter

import pytest

from nlpbatch.sampling.design import Unit, allot, choose

UNITS = [Unit(file, number, 100, 1_000) for file in range(10) for number in range(10)]


def test_no_more_is_read_than_the_budget_once_there_are_enough_rows():
    chosen = choose(UNITS, 200, 8_000, random.Random(1))
    assert len(chosen) == 8


def test_more_is_read_than_the_budget_if_there_are_too_few_rows_otherwise():
    assert len(choose(UNITS, 1_000, 1_000, random.Random(1))) == 10


def test_no_more_parts_are_read_than_rows_are_wanted():
    assert len(choose(UNITS, 3, 10**9, random.Random(1))) == 3


def test_all_parts_are_chosen_alike():
    seen = Counter(unit for seed in range(2_000) for unit in choose(UNITS, 1_000, 0, random.Random(seed)))
    assert len(seen) == len(UNITS)
    assert all(130 <= count <= 270 for count in seen.values())


@pytest.mark.parametrize(
    ("wanted", "sizes", "given"),
    [(10, [50, 50], [5, 5]), (10, [3, 4], [3, 4]), (5, [10, 20, 30], [1, 2, 2]), (1, [1, 1], [1, 0]), (0, [7], [0])],
)
def test_rows_are_allotted_in_proportion_to_what_parts_have(wanted, sizes, given):
    assert sum(given) == min(wanted, sum(sizes))
    assert allot(wanted, sizes) == given
