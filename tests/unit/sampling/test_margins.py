"""Margins of samples of populations of all shapes: the truth is within them, and they are no wider than that takes."""

import random
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from nlpbatch.sampling.design import Unit, choose
from nlpbatch.sampling.estimates import mean

SEEDS = 150
ROWS = 600
Z = NormalDist().inv_cdf(0.995)
CHANCE = np.random.default_rng(7)


@pytest.fixture
def chance():
    return np.random.default_rng(11)


def noise(sizes):
    """Return parts of values that have nothing to do with the part, about 40 with a spread of 20, none under 0."""
    return [CHANCE.gamma(4, 10, size) for size in sizes]


def cut(values, parts):
    return np.array_split(values, parts)


ALIKE = noise([500] * 60)
SORTED = cut(np.sort(np.concatenate(ALIKE)), 60)
DRIFTING = [part + 0.5 * number for number, part in enumerate(ALIKE)]
ALIKE_WITH_A_TAIL = noise([*[1_000] * 30, *[20] * 30])
OTHER_TAIL = [*noise([1_000] * 30), *(part + 100 for part in noise([20] * 30))]
ONE_GIANT_OF_ANOTHER_KIND = [*noise([500] * 60), noise([30_000])[0] + 50]
TWO = [part + 10 * number for number, part in enumerate(noise([5_000] * 2))]
ONE = noise([10_000])
# parts, how many parts' bytes may be read, and the most that the margin may be, over what is right
POPULATIONS = {
    "alike": (ALIKE, 30, 1.25),
    "alike, six read": (ALIKE, 6, 1.5),
    "alike, three read": (ALIKE, 3, 2.0),
    "sorted": (SORTED, 20, 1.3),
    "sorted, six read": (SORTED, 6, 2.0),
    "drifting": (DRIFTING, 20, 1.3),
    "a tail of small ones": (ALIKE_WITH_A_TAIL, 15, 1.25),
    "a tail of another kind": (OTHER_TAIL, 15, 1.4),
    "one giant of another kind": (ONE_GIANT_OF_ANOTHER_KIND, 40, 2.0),
    "two, both read": (TWO, 2, 1.2),
    "one": (ONE, 1, 1.2),
}


def estimates(parts, read, *, is_share=False):
    """Return estimates of many samples."""
    units = [Unit(0, number, len(part), len(part)) for number, part in enumerate(parts)]
    budget = int(read * max(1, np.average([len(part) for part in parts], weights=[len(part) for part in parts])))
    for seed in range(SEEDS):
        choice = choose(units, ROWS, budget, random.Random(seed))
        values = np.concatenate([parts[pick.unit.number][list(pick.rows)] for pick in choice.picks])
        clusters = np.repeat([pick.cluster or 0 for pick in choice.picks], [len(pick.rows) for pick in choice.picks])
        one_by_one = choice.picks[0].cluster is None
        numbers = np.arange(len(values)) if one_by_one else clusters
        yield mean(values, numbers, drawn_share=choice.drawn_share, is_share=is_share)


@pytest.mark.parametrize("name", POPULATIONS)
def test_the_truth_is_within_and_the_margin_is_no_wider_than_that_takes(name):
    parts, read, width_max = POPULATIONS[name]
    found = list(estimates(parts, read))
    truth = np.concatenate(parts).mean()
    within = np.mean([one.low <= truth <= one.high for one in found])
    right = Z * np.std([one.mean for one in found])
    assert within >= 0.95
    assert np.median([one.margin for one in found]) <= width_max * right


@pytest.mark.parametrize("read", [3, 6, 30])
def test_parts_that_are_alike_have_the_margin_of_a_simple_random_sample(read):
    simple = Z * np.concatenate(ALIKE).std() / ROWS**0.5
    margins = [one.margin for one in estimates(ALIKE, read)]
    assert np.median(margins) <= 1.5 * simple
    assert min(margins) >= 0.9 * simple


@pytest.mark.parametrize("name", POPULATIONS)
def test_a_share_near_the_end_is_within_its_interval_which_ends_where_shares_do(name):
    parts, read, _ = POPULATIONS[name]
    bound = np.quantile(np.concatenate(parts), 0.98)
    ones = [(part > bound).astype(float) for part in parts]
    found = list(estimates(ones, read, is_share=True))
    truth = np.concatenate(ones).mean()
    assert np.mean([one.low <= truth <= one.high for one in found]) >= 0.95
    assert all(0 <= one.low <= one.mean <= one.high <= 1 for one in found)


values = arrays.arrays(np.float64, st.integers(2, 40), elements=st.floats(0, 1e6, width=32))


@given(values, st.integers(1, 12), st.floats(0, 1))
def test_an_interval_ends_where_values_do_and_holds_the_mean(numbers, parts, drawn_share):
    found = mean(numbers, np.arange(len(numbers)) % parts, drawn_share=drawn_share)
    if found.margin is None:
        assert (found.low, found.high) == (None, None)
    else:
        assert 0 <= found.low <= found.mean <= found.high
        assert found.high <= found.mean + found.margin


@given(values, st.integers(1, 12))
def test_the_interval_of_a_share_is_within_0_and_1(numbers, parts):
    ones = (numbers > 1).astype(float)
    found = mean(ones, np.arange(len(ones)) % parts, is_share=True)
    assert found.low is None or 0 <= found.low <= found.mean <= found.high <= 1


@given(values, st.integers(2, 12), st.floats(-1e3, 1e3), st.floats(0.1, 10))
def test_the_margin_follows_the_unit_of_the_values_and_not_their_zero(numbers, parts, zero, unit):
    units = np.arange(len(numbers)) % parts
    one, other = mean(numbers, units), mean(numbers * unit + zero, units)
    if one.margin is None or other.margin is None:
        return
    assert other.margin == pytest.approx(one.margin * unit, rel=1e-3, abs=1e-3)


def test_an_interval_ends_at_the_best_grade_but_not_at_the_longest_text(chance):
    units = np.repeat(np.arange(20), 30)
    grades = np.where(chance.random(600) < 0.8, 10.0, 1.0)
    chosen = np.flatnonzero(grades == 10)[:6].tolist() + np.flatnonzero(grades == 1)[:1].tolist()
    few = np.isin(np.arange(600), chosen)
    found = mean(grades, units, chosen=few)
    assert found.mean + found.margin > 10 == found.high
    lengths = chance.gamma(4, 10, 600)
    longest = np.isin(np.arange(600), np.argsort(lengths)[-3:])
    assert mean(lengths, units, chosen=longest).high > lengths.max()


def test_a_group_of_rows_that_share_no_part_takes_from_all_rows_how_much_rows_differ(chance):
    units = np.repeat(np.arange(30), 100)
    numbers = chance.normal(10, 5, 3_000)
    pair = np.isin(np.arange(3_000), [5, 505])
    numbers[pair] = 9.9, 10.1
    assert mean(numbers, units, chosen=pair).margin >= 2.5 * 5 / 2**0.5


def test_a_value_below_0_lets_the_interval_go_below_0():
    found = mean(np.array([-1.0, 3.0, 0.0, 2.0]), np.arange(4))
    assert found.low == found.mean - found.margin < 0


def test_a_share_of_none_has_an_upper_bound():
    found = mean(np.zeros(1_000), np.arange(1_000), is_share=True)
    assert (found.mean, found.margin, found.low) == (0, None, 0)
    assert found.high == pytest.approx(6.63 / 1_006.63, rel=0.01)


def test_a_group_in_two_parts_takes_from_all_rows_how_much_parts_differ(chance):
    units = np.repeat(np.arange(30), 100)
    numbers = chance.normal(0, 1, 3_000) + np.repeat(chance.normal(0, 1, 30), 100)
    group = (units < 2) & (np.arange(3_000) % 2 == 0)
    found = mean(numbers, units, chosen=group)
    assert found.margin == pytest.approx(2.76 * np.sqrt(1 / 2), rel=0.35)
