"""Cron expressions: five fields, checked, and as systemd's calendar events."""

import re
from dataclasses import dataclass
from typing import Final, Self

from nlpbatch.errors import ConfigError
from nlpbatch.suggestions import nearest

_PRESETS: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_PART: Final = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()


_FIELDS: Final = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 7, _WEEKDAYS),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """When something runs, as cron has it: with both a day of the month and of the week, either of them will do.

    Args:
        text: The five fields.
        values: What each field allows, in order; empty for any.

    """

    text: str
    values: tuple[tuple[int, ...], ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return an expression.

        Raises:
            ConfigError: It isn't one; the field and its bounds are named.

        """
        fields = _PRESETS.get(text.strip().lower(), text).split()
        if len(fields) == 1 and fields[0].startswith("@"):
            raise ConfigError(f"--cron {text!r} is unknown: {nearest(text, _PRESETS)}")
        if len(fields) != len(_FIELDS):
            raise ConfigError(
                f"--cron {text!r} has {len(fields)} fields and needs 5: minute, hour, day, month, day of the week, "
                'such as "0 3 * * *" for 03:00 each day'
            )
        values = tuple(_values(given, field) for given, field in zip(fields, _FIELDS, strict=True))
        return cls(" ".join(fields), values)

    def calendars(self, timezone: str) -> list[str]:
        """Return systemd's calendar events that are the same together."""
        minutes, hours, days, months, weekdays = self.values
        names = ",".join(_WEEKDAYS[day].capitalize() for day in weekdays)
        at = f"{_listed(hours)}:{_listed(minutes)}:00 {timezone}"
        by_date, by_weekday = f"*-{_listed(months)}-{_listed(days)} {at}", f"{names} *-{_listed(months)}-* {at}"
        if days and weekdays:
            return [by_date, by_weekday]
        return [by_weekday if weekdays else by_date]


def _values(given: str, field: _Field) -> tuple[int, ...]:
    """Return what a field allows, sorted; nothing for all."""
    found: set[int] = set()
    for part in given.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise _fault(given, field)
        first, last, step = match["first"], match["last"], int(match["step"] or 1)
        if step < 1 or (first == "*" and last):
            raise _fault(given, field)
        if first == "*":
            low, high = field.least, field.most
        else:
            low = _number(first, given, field)
            high = _number(last, given, field) if last else field.most if match["step"] else low
        if low > high:
            raise _fault(given, field)
        found.update(range(low, high + 1, step))
    if field.names == _WEEKDAYS:
        found = {value % 7 for value in found}
    every = (field.most - field.least) + (field.names != _WEEKDAYS)
    return () if len(found) >= every else tuple(sorted(found))


def _number(text: str, given: str, field: _Field) -> int:
    if text.lower() in field.names:
        return field.names.index(text.lower()) + (1 if field.names == _MONTHS else 0)
    if not text.isdecimal() or not field.least <= int(text) <= field.most:
        raise _fault(given, field)
    return int(text)


def _fault(given: str, field: _Field) -> ConfigError:
    return ConfigError(
        f"--cron: {field.name} is {given!r}: give numbers from {field.least} to {field.most}, ranges (1-5), lists "
        "(1,3), steps (*/15) or *"
    )


def _listed(values: tuple[int, ...]) -> str:
    return ",".join(f"{value:02}" for value in values) or "*"
