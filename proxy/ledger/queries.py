"""What callers and operators may ask of the ledger, and the answer as JSON members."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, get_args

from nlpbatch.errors import InvalidRequest
from nlpbatch.wire.usage import Usage
from proxy.ledger.book import By, Query, Reading
from proxy.ledger.counters import ABANDONED, ANALYSED_BYTES, ANSWERED, COUNTERS, FAILED, MAX_JOBS, OTHER, REFUSED

_NAMES: Final[Mapping[By, tuple[str, ...]]] = {
    "tenant": ("tenant",),
    "key": ("tenant", "key"),
    "job": ("tenant", "job"),
    "day": ("day",),
}
_PARAMETERS: Final = ("job", "by", "since", "until")
_DAYS: Final = 31
"""Days that an answer with rows covers without `since`, today included."""
_EVER: Final = ("1970-01-01", "9999-12-31")
_MAX_SHOWN: Final = 80


def query_of_tenant(parameters: Mapping[str, str], tenant: str, today: date) -> Query:
    """Return what a tenant asks of its own counts with `GET /v1/usage`.

    Args:
        parameters: Of the request: job, by, since, until.
        tenant: Whose key it came with.
        today: By the ledger's clock.

    Raises:
        InvalidRequest: A parameter is unknown, missing, or can't be used.

    """
    _check_known(parameters, _PARAMETERS)
    job, by = parameters.get("job") or None, parameters.get("by")
    if job is None and by is None:
        raise InvalidRequest("job is missing: ask for /v1/usage?job=NAME, or with by=job, by=day or by=key", path="job")
    group = None if by is None else _by(by, ("job", "day", "key"))
    default = _EVER if group is None else _last_days(today)
    return Query(*_days(parameters, default), group, tenant, job)


def query_of_operator(parameters: Mapping[str, str], today: date) -> Query:
    """Return what an operator asks of everybody's counts with `GET /usage` at the admin listener.

    Args:
        parameters: Of the request: by (tenant, if it isn't there), since, until, tenant, job.
        today: By the ledger's clock.

    Raises:
        InvalidRequest: A parameter is unknown, or can't be used.

    """
    _check_known(parameters, (*_PARAMETERS, "tenant"))
    group = _by(parameters.get("by", "tenant"), get_args(By))
    days = _days(parameters, _last_days(today))
    return Query(*days, group, parameters.get("tenant") or None, parameters.get("job") or None)


def usage_of(reading: Reading, job: str) -> Usage:
    """Return the counts of a job, all in one."""
    counts = dict(zip(COUNTERS, reading.counts.get((), [0] * len(COUNTERS)), strict=True))
    members: dict[str, Any] = _state(reading) | counts
    return Usage(job=job, **members)


def rows_to_json(reading: Reading, query: Query) -> dict[str, Any]:
    """Return the rows, days in their order and others by their bytes; of too many jobs, the last are added up."""
    by = query.by or "tenant"
    rows = _order(reading.counts.items(), by)
    named = [dict(zip(_NAMES[by], name, strict=True)) | _members(counts) for name, counts in rows]
    asked = {"since": query.since, "until": query.until, "by": by}
    return _state(reading) | asked | {"rows": named}


def _order(
    rows: Iterable[tuple[tuple[str, ...], Sequence[int]]], by: By
) -> list[tuple[tuple[str, ...], Sequence[int]]]:
    if by == "day":
        return sorted(rows)
    ordered = sorted(rows, key=lambda row: (-row[1][ANALYSED_BYTES], row[0]))
    if by != "job" or len(ordered) <= MAX_JOBS:
        return ordered
    others: dict[tuple[str, ...], list[int]] = {}
    for (tenant, *_), counts in ordered[MAX_JOBS:]:
        sums = others.setdefault((tenant, OTHER), [0] * len(COUNTERS))
        others[tenant, OTHER] = [had + more for had, more in zip(sums, counts, strict=True)]
    kept = {name: list(counts) for name, counts in ordered[:MAX_JOBS]}
    for name, counts in others.items():
        had = kept.get(name, [0] * len(COUNTERS))
        kept[name] = [one + more for one, more in zip(had, counts, strict=True)]
    return list(kept.items())


def _members(counts: Sequence[int]) -> dict[str, int]:
    requests = sum(counts[index] for index in (ANSWERED, REFUSED, FAILED, ABANDONED))
    return {"requests": requests} | dict(zip(COUNTERS, counts, strict=True))


def _state(reading: Reading) -> dict[str, Any]:
    return {
        "instance": reading.ledger,
        "started_at": _time(reading.started_us),
        "at": _time(reading.at_us),
        "complete_until": _time(reading.complete_us),
        "missing": reading.missing,
    }


def _time(us: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)).isoformat(timespec="microseconds")


def _check_known(parameters: Mapping[str, str], known: tuple[str, ...]) -> None:
    for name in parameters:
        if name not in known:
            shown = name[:_MAX_SHOWN]
            raise InvalidRequest(f"no parameter {shown!r}: choose from {', '.join(known)}", path=f"?{shown}")


def _by(value: str, known: tuple[By, ...]) -> By:
    for name in known:
        if name == value:
            return name
    raise InvalidRequest(f"by={value[:_MAX_SHOWN]!r} is none of {', '.join(known)}: choose one of them", path="?by")


def _last_days(today: date) -> tuple[str, str]:
    return (today - timedelta(days=_DAYS - 1)).isoformat(), today.isoformat()


def _days(parameters: Mapping[str, str], default: tuple[str, str]) -> tuple[str, str]:
    until = _day(parameters["until"], "until") if "until" in parameters else default[1]
    if "since" not in parameters:
        return min(default[0], until), until
    since = _day(parameters["since"], "since")
    if since > until:
        raise InvalidRequest(f"since={since} is after until={until}: exchange them", path="?since")
    return since, until


def _day(value: str, name: str) -> str:
    try:
        day = date.fromisoformat(value)
    except ValueError:
        day = None
    if day is None or day.isoformat() != value:  # fromisoformat takes other forms, too
        raise InvalidRequest(
            f"{name}={value[:_MAX_SHOWN]!r} is not a date: give year, month and day, such as 2026-11-27",
            path=f"?{name}",
        )
    return value
