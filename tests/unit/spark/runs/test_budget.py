from datetime import UTC, datetime, timedelta

import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.spark.runs.budget import InputBudget, parse_until

NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)


def test_without_bounds_nothing_is_ever_spent():
    assert InputBudget().spent(10**18, NOW) is None


def test_bytes_are_spent_once_they_are_reached():
    budget = InputBudget(max_bytes=1_000)
    assert budget.spent(999, NOW) is None
    assert budget.spent(1_000, NOW) == "the budget of 1,000 bytes is used up"


def test_time_is_spent_once_it_has_come():
    budget = InputBudget(until=NOW + timedelta(hours=1))
    assert budget.spent(0, NOW) is None
    assert budget.spent(0, NOW + timedelta(hours=1)) == "it is 2026-11-24 06:00"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("06:00", datetime(2026, 11, 24, 6, 0, tzinfo=UTC)),
        ("04:59", datetime(2026, 11, 25, 4, 59, tzinfo=UTC)),
        ("05:00", datetime(2026, 11, 25, 5, 0, tzinfo=UTC)),
        ("2026-11-30T18:30+00:00", datetime(2026, 11, 30, 18, 30, tzinfo=UTC)),
    ],
)
def test_a_clock_means_its_next_time(text, expected):
    assert parse_until(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "6 o'clock", "25:00", "2026-11-24T04:00+00:00", "2026-13-01"])
def test_a_time_that_is_none_or_has_passed_is_refused(text):
    with pytest.raises(ConfigError, match="until is"):
        parse_until(text, NOW)
