"""Runs side by side: those of one recipe or job, over its dates, versions and starts, with what changed in between.

Where a recipe keeps its last runs, these are compared; records of an older version have only the last one of each
output. Of jobs, the starts are compared.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from nlpbatch.pipelines.moments import moment, number

VERSION: Final = 1
"""Of `_recipe/history.json`."""
MOST: Final = 60
"""Runs of a series that are shown, the latest."""
_LEAST_OF_EACH: Final = 3
"""The latest runs of an output that are compared, however many outputs there are."""
_COUNTS: Final = ("rows", "new_rows", "text_bytes", "analysed_bytes", "dead")
_COMPARED: Final = ("seconds", *_COUNTS)
_PARTITION: Final = re.compile(r"([^/=]+)=[^/]+")
_DATE: Final = re.compile(r"(?<![^/=])(?:\d{4}-\d{2}-\d{2}|\d{8})(?!\d)[^/]*")
"""A part of a path that is a date, or begins with one, be it the value of a name."""
_OUTPUT_VERSION: Final = re.compile(r"\.v\d+$")
_STATES: Final = {"complete": "done", "running": "running", "stopped": "stopped", "failed": "failed", "lost": "lost"}


@dataclass(frozen=True, slots=True)
class PastRun:
    """One run of an output.

    Args:
        path: The output.
        state: As of `JobRun`.
        started_at: ISO 8601, UTC.
        ended_at: None if that isn't known.
        seconds: Wall time; None if that isn't known.
        why: What stopped it.
        on_sample: Whether it was about the sample.
        only: The stages that it was limited to; none for no limit.
        rows: In the output after it.
        new_rows: Of these, those that it added.
        text_bytes: UTF-8 bytes of the texts.
        analysed_bytes: What the proxy had analysed for the output.
        dead: Rows that failed.
        errors: The same by code.
        stages: Seconds of each stage that it did.
        change: By figure, how much more than the run before, as a share of that: 0.1 is 10 % more.

    """

    path: str
    state: str
    started_at: str | None
    ended_at: str | None = None
    seconds: float | None = None
    why: str = ""
    on_sample: bool = False
    only: Sequence[str] = ()
    rows: int | None = None
    new_rows: int | None = None
    text_bytes: int | None = None
    analysed_bytes: int | None = None
    dead: int | None = None
    errors: Mapping[str, int] = field(default_factory=dict)
    stages: Mapping[str, float] = field(default_factory=dict)
    change: Mapping[str, float] = field(default_factory=dict)


def series_of(path: str) -> str:
    """Return what the outputs of one recipe or job have in common: `reviews/date=*` of all its dates and versions."""
    return _OUTPUT_VERSION.sub("", _PARTITION.sub(r"\1=*", path))


def dates_of(path: str) -> str:
    """Return what the dates and versions of one output have in common; other parts, such as regions, are their own."""
    return _DATE.sub("*", _OUTPUT_VERSION.sub("", path))


def kept_runs(found: Mapping[str, Any] | None, path: str) -> list[PastRun]:
    """Return the runs of `_recipe/history.json`, the oldest first; none of what can't be read.

    Runs of single stages, as engines that schedule stages make them, are one run as long as each is of another stage.
    """
    if found is None or found.get("version") != VERSION or not isinstance(found.get("runs"), list):
        return []
    runs: list[PastRun] = []
    variables: Any = None
    for one in found["runs"]:
        try:
            run = _kept_run(one, path)
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
        if runs and variables == one.get("variables") and _belongs(runs[-1], run):
            runs[-1] = _joined(runs[-1], run)
        else:
            runs.append(run)
        variables = one.get("variables")
    return runs


def starts(attempts: Sequence[Mapping[str, Any]], batches: Sequence[Mapping[str, Any]], path: str) -> list[PastRun]:
    """Return the starts of a job, the oldest first, each with the micro-batches that were begun while it ran."""
    found: list[PastRun] = []
    rows = 0
    ends = [*(str(one.get("started_at", "")) for one in attempts[1:]), "9"]
    for attempt, end in zip(attempts, ends, strict=True):
        began = str(attempt.get("started_at", ""))
        own = [one for one in batches if began <= str(one.get("started_at", "")) < end]
        new = sum(int(one.get("rows", 0)) for one in own)
        rows += new
        errors: dict[str, int] = {}
        for one in own:
            for code, count in (one.get("errors") or {}).items():
                errors[code] = errors.get(code, 0) + count
        started_at, ended_at = moment(attempt.get("started_at")), moment(attempt.get("ended_at"))
        found.append(
            PastRun(
                path,
                _STATES.get(str(attempt.get("state")), "unreadable"),
                started_at,
                ended_at,
                between(started_at, ended_at),
                str(attempt.get("reason") or ""),
                rows=rows,
                new_rows=new,
                text_bytes=sum(int(one.get("text_bytes", 0)) for one in own),
                dead=sum(int(one.get("dead", 0)) for one in own),
                errors=errors,
            )
        )
    lost = [replace(one, state="lost") if one.state == "running" else one for one in found[:-1]]
    return [*lost, *found[-1:]]


def counts_of(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return the counts that runs are compared by, of what an analysis reports."""
    return {name: number(figures.get(name)) for name in _COUNTS}


def side_by_side(outputs: Sequence[Sequence[PastRun]]) -> list[PastRun]:
    """Return the runs of one series, the latest date, version and start first, each compared with the one before.

    Args:
        outputs: The runs of each output, the oldest first.

    """
    of_each = max(_LEAST_OF_EACH, MOST // max(1, len(outputs)))
    runs = [run for output in outputs for run in output[-of_each:]]
    ordered = sorted(runs, key=lambda run: (natural(run.path), run.started_at or run.ended_at or ""))
    before: dict[tuple[bool, bool], PastRun] = {}
    found = []
    for run in ordered:
        kind = (run.on_sample, bool(run.only))
        found.append(replace(run, change=_change(before[kind], run)) if kind in before and run.state == "done" else run)
        if run.state == "done":
            before[kind] = run
    return found[::-1][:MOST]


def _change(before: PastRun, run: PastRun) -> dict[str, float]:
    pairs = {name: (getattr(before, name), getattr(run, name)) for name in _COMPARED}
    return {name: round(now / then - 1, 4) for name, (then, now) in pairs.items() if then and now is not None}


def _kept_run(one: Mapping[str, Any], path: str) -> PastRun:
    stages = one["stages"]
    done = {name: stage for name, stage in stages.items() if stage["state"] == "done"}
    rows = _last_rows(done.values()) if one["state"] == "complete" else {}
    figures = done["analyze"]["figures"] if "analyze" in done else rows
    started_at, ended_at = moment(one.get("started_at")), moment(one.get("ended_at"))
    return PastRun(
        path,
        _STATES[str(one["state"])],
        started_at,
        ended_at,
        between(started_at, ended_at),
        str(one.get("reason") or ""),
        on_sample=bool(one.get("on_sample")),
        only=[str(one["only"])] if one.get("only") else [],
        errors=dict(one.get("errors") or {}) if "analyze" in done else {},
        stages={name: float(stage["seconds"]) for name, stage in done.items()},
        **counts_of(figures),
    )


def _last_rows(stages: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the rows that the last stage which has any reports; other figures are of an analysis."""
    rows = [stage["figures"]["rows"] for stage in stages if "rows" in stage["figures"]]
    return {"rows": rows[-1]} if rows else {}


def _belongs(before: PastRun, run: PastRun) -> bool:
    """Return whether a run of a single stage goes on with those before it."""
    is_next = bool(before.only and run.only) and not set(run.only) & set(before.only)
    return is_next and before.state == "done" and before.on_sample == run.on_sample


def _joined(before: PastRun, run: PastRun) -> PastRun:
    first, second = (before, run) if "analyze" in before.stages else (run, before)
    pairs = {name: (getattr(first, name), getattr(second, name)) for name in _COUNTS}
    counts = {name: one if one is not None else other for name, (one, other) in pairs.items()}
    return replace(
        run,
        started_at=before.started_at,
        seconds=between(before.started_at, run.ended_at),
        only=[*before.only, *run.only],
        errors={**before.errors, **run.errors},
        stages={**before.stages, **run.stages},
        **counts,
    )


def between(start: str | None, end: str | None) -> float | None:
    """Return the seconds between two times; None if one isn't known."""
    if start is None or end is None:
        return None
    return round((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds(), 3)


def natural(path: str) -> list[tuple[bool, int, str]]:
    """Return what sorts names with numbers in them as people do: v2 before v10."""
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", path) if part]
