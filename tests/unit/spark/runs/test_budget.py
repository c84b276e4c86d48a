from datetime import UTC, datetime, timedelta

import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.spark.runs.budget import LEAST_ROWS, Budget, parse_until, too_many_errors

NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)


def test_without_bounds_nothing_is_ever_spent():
    assert Budget().spent(10**18, NOW) is None


def test_bytes_are_spent_once_they_are_reached():
    budget = Budget(max_bytes=1_000)
    assert budget.spent(999, NOW) is None
    assert budget.spent(1_000, NOW) == "the budget of 1,000 bytes is used up"


def test_time_is_spent_once_it_has_come():
    budget = Budget(until=NOW + timedelta(hours=1))
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


@pytest.mark.parametrize(
    ("dead", "rows", "most", "said"),
    [
        (LEAST_ROWS, LEAST_ROWS, None, None),
        (LEAST_ROWS - 1, LEAST_ROWS - 1, 0.0, None),
        (10, LEAST_ROWS, 0.01, None),
        (11, LEAST_ROWS, 0.01, "11 of 1,000 rows failed (1.1%), allowed are 1.0%"),
        (1, LEAST_ROWS, 0.0, "1 of 1,000 rows failed (0.1%), allowed are 0.0%"),
    ],
)
def test_a_ratio_is_believed_from_a_thousand_rows_on(dead, rows, most, said):
    assert too_many_errors(dead, rows, most) == said
