"""Times and numbers of records."""

from datetime import datetime
from typing import Final

_LARGEST: Final = 2**63


def moment(text: object) -> str | None:
    """Return a time of a record, None for none.

    Raises:
        ValueError: It is no time with a zone.

    """
    if text is None:
        return None
    if not isinstance(text, str) or datetime.fromisoformat(text).tzinfo is None:
        raise ValueError(f"{text!r} is no time with a zone")
    return text


def number(value: object) -> float | None:
    """Return a number of a record; None for what is none, or larger than any count or time."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < _LARGEST else None  # NaN isn't, either
