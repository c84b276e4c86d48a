import random

import numpy as np
import pytest

from nlpbatch.sampling.design import Unit, choose
from nlpbatch.sampling.estimates import mean
from nlpbatch.sampling.variance import t_quantile


@pytest.mark.parametrize(
    ("probability", "freedom", "known"),
    [(0.995, 1, 63.657), (0.995, 2, 9.925), (0.995, 5, 4.032), (0.995, 10, 3.169), (0.995, 100, 2.626)],
)
def test_quantiles_of_students_t_are_those_of_its_tables(probability, freedom, known):
    assert t_quantile(probability, freedom) == pytest.approx(known, rel=0.01)


def test_nothing_is_off_if_all_rows_are_there():
    assert mean(np.array([1.0, 3.0]), np.array([0, 1]), is_all=True).margin == 0.0


def test_values_that_are_all_the_same_say_nothing_of_the_rest():
    assert mean(np.zeros(100), np.repeat([0, 1, 2, 3, 4], 20)).margin is None


def test_one_part_has_no_margin():
    assert mean(np.array([1.0, 3.0]), np.array([0, 0])).margin is None


def test_weights_count_rows_as_often_as_they_stand_for():
    found = mean(np.array([1.0, 4.0]), np.array([0, 1]), weights=np.array([3.0, 1.0]))
    assert found.mean == pytest.approx(1.75)


def test_rows_without_a_value_count_for_nothing():
    assert mean(np.array([1.0, np.nan, 3.0]), np.array([0, 1, 2])).mean == 2.0
    assert np.isnan(mean(np.array([np.nan]), np.array([0])).mean)


@pytest.mark.parametrize("sizes", [[50] * 400, [90, 10] * 200], ids=["one size", "two sizes"])
def test_the_whole_is_within_the_margin_99_times_in_100_though_rows_of_a_part_are_alike(sizes):
    chance = np.random.default_rng(5)
    levels = chance.normal(10, 3, 400) + np.array(sizes) / 10  # large parts are of another kind
    parts = [chance.normal(level, 1, size) for level, size in zip(levels, sizes, strict=True)]
    truth = float(np.mean(np.concatenate(parts)))
    units = [Unit(0, number, size, size) for number, size in enumerate(sizes)]
    within = 0
    for seed in range(400):
        picks = choose(units, 400, 2_000, random.Random(seed)).picks
        taken = [parts[pick.unit.number][list(pick.rows)] for pick in picks]
        numbers = np.repeat([pick.cluster for pick in picks], [len(pick.rows) for pick in picks])
        found = mean(np.concatenate(taken), numbers)
        within += abs(found.mean - truth) <= found.margin
    assert within >= 0.97 * 400
