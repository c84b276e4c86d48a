import pytest

from tests.benchmarks.suite.figures import NoVerdict, Ratio, Spread, against, cpu_overhead, speeds, worse


def ratio(*values, is_more_better=True):
    return Ratio(Spread.of(values), is_more_better)


def test_a_spread_has_the_median_and_both_ends():
    assert Spread.of([3, 1, 2]) == Spread(2, 1, 3, 3)
    assert Spread.of([1, 2, 3, 10]).median == 2.5


def test_ratios_are_of_the_same_round():
    """A machine that becomes slower changes both figures of a round, and no ratio."""
    assert against([100, 50, 10], [200, 100, 20]).spread == Spread(0.5, 0.5, 0.5, 3)
    with pytest.raises(ValueError, match="shorter"):
        against([1, 2], [1])


def test_speeds_and_overheads_of_rounds():
    rounds = [{"documents": 100, "seconds": 10, "process_s": 20}, {"documents": 100, "seconds": 5, "process_s": 10}]
    assert speeds(rounds, "seconds") == [10, 20]
    assert speeds(rounds, "process_s") == [5, 10]
    assert cpu_overhead({"cpu_by_process_s": {"kiwi workers": 10, "spark jvm": 3, "api": 1}}, "kiwi workers") == 0.4


@pytest.mark.parametrize(
    ("now", "is_worse"),
    [
        (ratio(0.8, 0.9, 1.0), False),
        (ratio(0.85, 0.86, 0.87), False),
        (ratio(0.7, 0.75, 0.8), False),  # one round is as good as the worst that was recorded
        (ratio(0.7, 0.75, 0.79), True),
        (ratio(2.0, 2.0, 2.0), False),
    ],
)
def test_a_ratio_is_worse_if_its_best_round_is_below_all_that_were_recorded(now, is_worse):
    assert bool(worse({"job / bare": now}, {"job / bare": ratio(0.8, 0.9, 1.0)})) is is_worse


def test_costs_are_worse_if_they_are_greater():
    recorded = {"cpu": ratio(0.2, 0.25, 0.3, is_more_better=False)}
    assert worse({"cpu": ratio(0.1, 0.1, 0.1, is_more_better=False)}, recorded) == []
    assert worse({"cpu": ratio(0.3, 0.5, 0.5, is_more_better=False)}, recorded) == []
    assert worse({"cpu": ratio(0.31, 0.5, 0.5, is_more_better=False)}, recorded) == [
        "cpu: 0.310 to 0.500, recorded 0.200 to 0.300"
    ]


def test_ratios_that_one_side_lacks_are_left_out():
    three = ratio(1, 1, 1)
    assert worse({"a": three, "new": three}, {"a": three, "gone": three}) == []


@pytest.mark.parametrize(("now", "recorded"), [((1, 1), (1, 1, 1)), ((1, 1, 1), (1,))])
def test_a_ratio_without_a_spread_is_no_verdict(now, recorded):
    with pytest.raises(NoVerdict, match="'a' has fewer than 3 rounds"):
        worse({"a": ratio(*now)}, {"a": ratio(*recorded)})


def test_nothing_in_common_is_no_verdict():
    with pytest.raises(NoVerdict, match="no ratio was both measured and recorded"):
        worse({"a": ratio(1, 1, 1)}, {"b": ratio(1, 1, 1)})
