"""Which expectations hold, and how they are described."""

import pytest

from nlpbatch.recipe.expectations import Check, DataFigures, check_errors, check_rows
from nlpbatch.recipe.preparation_settings import ExpectSettings

FOUND = DataFigures(1_000, {"review": 30, "date": 0}, {"good": 600, "bad": 200}, 35.0)


def breaches(before=None, *, is_sample=False, **given):
    checks = check_rows(ExpectSettings(**given), FOUND, before, is_sample=is_sample)
    return [str(check) for check in checks if not check.holds]


@pytest.mark.parametrize(
    "given",
    [
        {"rows": {"min": 1_000, "max": 1_000}},
        {"null_share": {"review": 0.03, "date": 0}},
        {"label_shares": {"good": {"min": 0.75, "max": 0.75}, "bad": {"max": 0.25}, "ugly": {"max": 0}}},
    ],
)
def test_bounds_belong_to_what_is_allowed(given):
    assert breaches(**given) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rows": {"min": 1_001}}, "rows is 1,000, must be at least 1,001"),
        ({"rows": {"min": 10, "max": 999}}, "rows is 1,000, must be at least 10 and at most 999"),
        ({"null_share": {"review": 0.02}}, "null_share review is 0.03, must be at most 0.02"),
        ({"label_shares": {"good": {"max": 0.7}}}, "label_shares good is 0.75, must be at most 0.7"),
        ({"label_shares": {"ugly": {"min": 0.1}}}, "label_shares ugly is 0, must be at least 0.1"),
    ],
)
def test_a_breach_is_described_with_the_value_and_its_bounds(given, said):
    assert breaches(**given) == [said]


BEFORE = DataFigures(800, {"review": 8, "gone": 8}, {"good": 400, "bad": 200, "ugly": 200}, 50.0)


@pytest.mark.parametrize(
    ("name", "change"),
    [("rows", 0.25), ("nulls", 0.02), ("labels", 0.25), ("length", 0.3)],
)
def test_drift_is_the_change_since_the_run_before(name, change):
    (check,) = check_rows(ExpectSettings(drift={name: change - 0.001}), FOUND, BEFORE, is_sample=False)
    assert check.found == pytest.approx(change)
    assert not check.holds
    assert breaches(BEFORE, drift={name: change + 0.001}) == []
    assert breaches(FOUND, drift={name: 0}) == []


@pytest.mark.parametrize("before", [None, DataFigures(0)], ids=["no run", "a run without rows"])
def test_without_anything_before_nothing_has_drifted(before):
    (check,) = check_rows(ExpectSettings(drift={"labels": 0}), FOUND, before, is_sample=False)
    assert check.holds
    assert str(check) == "drift labels: nothing to compare with"


def test_the_number_of_rows_is_not_checked_on_a_sample():
    assert breaches(rows={"min": 5_000}, null_share={"review": 0}, is_sample=True) == [
        "null_share review is 0.03, must be at most 0"
    ]


def test_figures_come_back_from_a_record():
    assert DataFigures.of_record({"figures": {"rows": 3, "nulls": {"a": 1}}}) == DataFigures(3, {"a": 1})
    assert DataFigures.of_record({"checks": 3}) is None


def test_shares_of_nothing_are_zero():
    assert DataFigures(0).null_share("review") == DataFigures(0).label_share("good") == 0


@pytest.mark.parametrize(("dead", "holds"), [(10, True), (11, False)])
def test_an_analysis_may_have_a_share_of_failed_rows(dead, holds):
    (check,) = check_errors(ExpectSettings(error_ratio=0.01), 1_000, dead)
    assert check == Check("error_ratio", dead / 1_000, max=0.01)
    assert check.holds is holds


def test_an_analysis_of_nothing_has_no_errors():
    assert check_errors(ExpectSettings(error_ratio=0.01), 0, 0)[0].holds
