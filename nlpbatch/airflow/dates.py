"""The date that a run of a DAG is about. Pure: Airflow's values in, a date out.

Taken from the first of these that says something: the parameter `date`, the partition's key, the events of assets that
started the run, the start of the data interval (so the run of 00:00 is about the day that has just ended).
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, tzinfo
from typing import Any, Final

from nlpbatch.errors import ConfigError

PARAMETER: Final = "date"
"""Name of the parameter, and of the member of an event's `extra`."""
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def partition_date(
    *,
    parameter: Any = None,
    partition_key: str | None = None,
    events: Iterable[Mapping[str, Any]] = (),
    interval_start: datetime | None = None,
    timezone: tzinfo,
) -> str:
    """Return the date of a run, as 2026-11-30.

    Args:
        parameter: What a person gave for this run.
        partition_key: Airflow's key of the partition that the run makes.
        events: What the events of assets carry that started the run.
        interval_start: Start of the run's data interval, with its time zone.
        timezone: Where days begin.

    Raises:
        ConfigError: Nothing says which date, or several are meant.

    """
    if parameter is not None:
        return _checked(parameter, f"parameter {PARAMETER}")
    if partition_key:
        return _checked(partition_key, "the partition's key")
    arrived = sorted({str(event[PARAMETER]) for event in events if event.get(PARAMETER) is not None})
    if len(arrived) > 1:
        raise ConfigError(
            f"{len(arrived)} dates arrived at once ({', '.join(arrived[:5])}), and a run is about one: start a run for "
            f'each with {{"{PARAMETER}": "{arrived[0]}"}}, or schedule by partitions (PartitionedAssetTimetable)'
        )
    if arrived:
        return _checked(arrived[0], f"{PARAMETER} of the asset's event")
    if interval_start is not None:
        return interval_start.astimezone(timezone).date().isoformat()
    raise ConfigError(
        f'the recipe needs a date and the run has none: start it with {{"{PARAMETER}": "2026-11-30"}}, or have the '
        f'event that starts it carry extra={{"{PARAMETER}": …}}'
    )


def _checked(value: Any, source: str) -> str:
    try:
        if _DATE.fullmatch(str(value)):
            return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        pass
    raise ConfigError(f"{source} is {value!r}, which is not a date: write it as 2026-11-30")
