"""Moments as operators write and read them: ISO 8601 in UTC, or a span from now. Pure: now is an argument."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_SPAN: Final = re.compile(r"([0-9]{1,6})([smhd])")
_UNIT_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
FORMS: Final = "give a date such as 2027-01-31, a time such as 2027-01-31T18:00:00+09:00, or a span such as 90d or 12h"


def iso(seconds: float) -> str:
    """Return seconds since the epoch as `2027-01-31T18:00:00Z`, rounded down to whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def future(text: str, now_s: float) -> float:
    """Return the moment that a text names; a date means the end of that day in UTC, a span the time after now.

    Raises:
        ValueError: It names none; the message says how to write one.

    """
    return _moment(text, now_s, 1, timedelta(days=1))


def past(text: str, now_s: float) -> float:
    """Return the moment that a text names; a date means the beginning of that day in UTC, a span the time before now.

    Raises:
        ValueError: It names none; the message says how to write one.

    """
    return _moment(text, now_s, -1, timedelta(0))


def _moment(text: str, now_s: float, sign: int, of_day: timedelta) -> float:
    """Return seconds since the epoch; texts without an offset are in UTC."""
    span = _SPAN.fullmatch(text)
    if span is not None:
        return now_s + sign * int(span[1]) * _UNIT_S[span[2]]
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            found = found.replace(tzinfo=UTC)
        return (found + of_day if _DATE.fullmatch(text) else found).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(f"{text[:40]!r} is no moment: {FORMS}") from None
