"""UTC days and calendar months in seconds since the epoch. Pure: the arithmetic of the Gregorian calendar.

Source: Howard Hinnant, chrono-compatible low-level date algorithms (https://howardhinnant.github.io/date_algorithms.html).
A year begins with March there, so that a leap day is its last.
"""

from dataclasses import dataclass
from typing import Final, Literal

DAY_S: Final = 86_400
PeriodKind = Literal["day", "month"]


@dataclass(frozen=True, slots=True)
class Period:
    """One day, or one month.

    Args:
        label: `2027-01-31` or `2027-01`.
        start_s: When it begins, in seconds since the epoch.
        end_s: When the next one begins.

    """

    label: str
    start_s: int
    end_s: int


def period_at(kind: PeriodKind, epoch_s: float) -> Period:
    """Return the day or the month that a time is in."""
    days = int(epoch_s // DAY_S)
    year, month, day = _date(days)
    if kind == "day":
        return Period(f"{year:04}-{month:02}-{day:02}", days * DAY_S, (days + 1) * DAY_S)
    next_ = _days(year + month // 12, month % 12 + 1)
    return Period(f"{year:04}-{month:02}", _days(year, month) * DAY_S, next_ * DAY_S)


def _date(days: int) -> tuple[int, int, int]:
    """Return year, month and day of a number of days since 1970-01-01."""
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153  # 0 is March
    day = day_of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9  # noqa: PLR2004
    return year_of_era + era * 400 + (month <= 2), month, day  # noqa: PLR2004


def _days(year: int, month: int) -> int:
    """Return the days from 1970-01-01 to the first of a month."""
    year -= month <= 2  # noqa: PLR2004
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468
