import random
from collections import Counter

import pytest

from nlpbatch.sampling.design import Unit, choose

UNITS = [Unit(file, number, 100, 1_000) for file in range(10) for number in range(10)]


def taken(picks):
    return sum(len(pick.rows) for pick in picks)


def test_no_more_parts_are_read_than_the_budget_allows():
    picks = choose(UNITS, 200, 8_000, random.Random(1)).picks
    assert len(picks) == 8
    assert taken(picks) == 200
    assert {len(pick.rows) for pick in picks} == {25}


def test_more_is_read_than_the_budget_if_there_are_too_few_rows_otherwise():
    picks = choose(UNITS, 1_000, 1_000, random.Random(1)).picks
    assert len(picks) == 10
    assert taken(picks) == 1_000
    assert len({pick.cluster for pick in picks}) == 1


def test_no_more_parts_are_read_than_rows_are_wanted():
    assert len(choose(UNITS, 3, 10**9, random.Random(1)).picks) == 3


@pytest.mark.parametrize(("rows", "budget"), [(1, 0), (10, 10**9), (999, 10**9), (5_001, 0), (10_000, 0), (20_000, 0)])
def test_as_many_rows_are_taken_as_are_wanted_and_none_twice(rows, budget):
    for seed in range(20):
        picks = choose(UNITS, rows, budget, random.Random(seed)).picks
        assert taken(picks) == min(rows, 10_000)
        assert len({(pick.unit, row) for pick in picks for row in pick.rows}) == taken(picks)
        assert all(list(pick.rows) == sorted(pick.rows) for pick in picks)
        assert all(0 <= row < pick.unit.rows for pick in picks for row in pick.rows)


LARGE_AND_A_TAIL = [*(Unit(0, number, 10_000, 100_000) for number in range(7)), Unit(0, 7, 200, 2_000)]
LARGE_AND_TINY = [Unit(0, number, *((1_000, 10_000) if number % 2 else (50, 500))) for number in range(60)]
TINY = [Unit(number, 0, 1 + number % 7, 10) for number in range(200)]


@pytest.mark.parametrize("units", [LARGE_AND_A_TAIL, LARGE_AND_TINY, TINY], ids=["a tail", "tiny between", "tiny only"])
@pytest.mark.parametrize("rows", [20, 300])
@pytest.mark.parametrize("share", [0.0, 0.2])
def test_every_row_is_as_likely_as_any_other_whatever_the_sizes_of_parts(units, rows, share):
    total, seeds = sum(unit.rows for unit in units), 500
    small = (
        sorted(units, key=lambda unit: unit.rows)[: len(units) // 2] if units is not LARGE_AND_A_TAIL else units[-1:]
    )
    budget, chosen, in_first_half = int(share * sum(unit.size_bytes for unit in units)), 0, 0
    small_rows = sum(unit.rows for unit in small)
    sample_of = {id(unit) for unit in small}
    for seed in range(seeds):
        for pick in choose(units, rows, budget, random.Random(seed)).picks:
            chosen += len(pick.rows) * (id(pick.unit) in sample_of)
            in_first_half += sum(row < pick.unit.rows / 2 for row in pick.rows)
    wanted = min(rows, total)
    expected = seeds * wanted * small_rows / total
    # rows of one part come together: as many of them as are drawn at once count as one
    spread = (expected * max(1.0, wanted * 0.5)) ** 0.5
    assert abs(chosen - expected) <= 5 * spread
    assert 0.4 <= in_first_half / (seeds * wanted) <= 0.65


def test_all_parts_of_one_size_are_drawn_alike():
    seen = Counter(
        pick.unit for seed in range(2_000) for pick in choose(UNITS, 1_000, 10_000, random.Random(seed)).picks
    )
    assert len(seen) == len(UNITS)
    assert all(130 <= count <= 270 for count in seen.values())
