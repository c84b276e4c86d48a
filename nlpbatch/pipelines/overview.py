"""All jobs and recipes below a directory, as what the page, the terminal and `--json` show."""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from nlpbatch.alerts.alert import Fault
from nlpbatch.errors import ConfigError
from nlpbatch.pipelines.history import PastRun, dates_of, natural, series_of, side_by_side
from nlpbatch.pipelines.jobs import JobRun, read_job
from nlpbatch.pipelines.recipes import RecipeState, read_recipe
from nlpbatch.pipelines.records import Records

_BATCHES: Final = 200
"""The latest micro-batches that are shown of a job."""
_NEIGHBOURS: Final = 15
"""Outputs before and after one, by name, that are compared with it."""
_BAD: Final = ("failed", "lost", "unreadable")
Run = dict[str, Any]


def overview(records: Records, now: datetime | None = None, *, histories: bool = True) -> dict[str, Any]:
    """Return all that the records say, the latest first; `runs[n]` has the same members for jobs and recipes.

    `series` has the runs of each `runs[n]["series"]` side by side: dates, versions and starts of one recipe or job.

    Args:
        records: Where to look.
        now: The time; the clock's, if None.
        histories: Whether to read the last runs of each recipe, too.

    Raises:
        ConfigError: The directory can't be listed, or holds too many others.

    """
    now = now or datetime.now(UTC)
    runs: list[Run] = []
    within: set[str] = set()
    past: dict[str, list[Sequence[PastRun]]] = {}
    for found in records.find():
        try:
            if found.kind == "recipe":
                recipe = read_recipe(records, found.path, now, histories=histories)
                if recipe.job is not None:
                    within.add(recipe.job.path)
                runs.append(_of_recipe(recipe))
                past.setdefault(runs[-1]["series"], []).append(recipe.history)
            elif found.path not in within:
                job = read_job(records, found.path, now)
                runs.append(_of_job(job))
                past.setdefault(runs[-1]["series"], []).append(job.history)
        except ConfigError as error:
            runs.append(_unreadable(found.kind, found.path, error.message))
        except Exception as error:  # noqa: BLE001  (whatever a record holds, it spoils no other run)
            why = f"its records are of another version, or damaged ({type(error).__name__})"
            runs.append(_unreadable(found.kind, found.path, why))
    runs.sort(key=lambda run: (run["state"] == "running", run["started_at"] or run["ended_at"] or ""), reverse=True)
    series = {name: [asdict(run) for run in side_by_side(of)] for name, of in past.items()}
    at = now.isoformat(timespec="seconds")
    return dict(as_json({"url": records.url, "at": at, "runs": runs, "series": series}))


def as_json(value: Any) -> Any:
    """Return a value as every reader of JSON takes it: no NaN, no halves of characters."""
    if isinstance(value, dict):
        return {as_json(str(name)): as_json(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def series_around(records: Records, found: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return the series of a run, as `overview` has them, with the last runs of the outputs next to it.

    Args:
        records: Where to look.
        found: What `overview` returned.
        path: Of the run; one that isn't there any more has none.

    """
    named = [run for run in found["runs"] if run["path"] == path and run["state"] != "unreadable"]
    if not named:
        return {}
    alike = [run for run in found["runs"] if (run["series"], run["kind"]) == (named[0]["series"], named[0]["kind"])]
    members = sorted((run["path"] for run in alike), key=natural)
    place = members.index(path)
    past: list[Sequence[PastRun]] = []
    for member in members[max(0, place - _NEIGHBOURS) : place + _NEIGHBOURS + 1]:
        with suppress(Exception):  # unreadable, or gone by now
            read = read_recipe if named[0]["kind"] == "recipe" else read_job
            past.append(read(records, member).history)
    return dict(as_json({named[0]["series"]: [asdict(run) for run in side_by_side(past)]}))


def without_batches(
    found: Mapping[str, Any], path: str | None, series: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return what `overview` returned without micro-batches, but for one run: a thousand runs have a million.

    Args:
        found: What `overview` returned.
        path: Of the run.
        series: Of the run; none if left out.

    """

    def cut(run: Run) -> Run:
        job = run["job"]
        return run if job is None or run["path"] == path else run | {"job": job | {"batches": []}}

    return {**found, "runs": [cut(run) for run in found["runs"]], "series": dict(series or {})}


def faults(found: Mapping[str, Any], *, late: timedelta | None, now: datetime | None = None) -> list[Fault]:
    """Return what is wrong with runs.

    Args:
        found: What `overview` returned.
        late: A run that ended longer ago than this, and doesn't run now, is late; None to take none for late. Of the
            dates and versions of one recipe or job, that is about the latest.
        now: The time; the clock's, if None.

    """
    now = now or datetime.now(UTC)
    nothing = Fault("", found["url"], "directory", "failed", "no job or recipe has its records below it")
    wrong = [] if found["runs"] else [nothing]
    latest = _latest(found["runs"])
    for run in found["runs"]:
        of = (run["path"], run["path"] or found["url"], run["kind"])
        if run["state"] in _BAD:
            wrong.append(Fault(*of, run["state"], run["why"] or "no reason is recorded"))
        elif late is None or run["path"] not in latest or run["state"] == "running":
            continue
        elif _is_before(run["ended_at"], now - late):
            wrong.append(Fault(*of, "late", f"the last run ended {run['ended_at'] or 'never'}, and none runs"))
    return wrong


def _latest(runs: Sequence[Run]) -> set[str]:
    """Return the paths of outputs that no later date or version has come after."""
    last: dict[tuple[str, str], str] = {}
    for path, kind in sorted(((run["path"], run["kind"]) for run in runs), key=lambda one: natural(one[0])):
        last[dates_of(path), kind] = path
    return {*last.values()}


def _is_before(at: str | None, then: datetime) -> bool:
    return at is None or datetime.fromisoformat(at) < then


def _of_job(job: JobRun) -> Run:
    return {
        "kind": "job",
        "path": job.path,
        "name": job.path.rpartition("/")[2],
        "series": series_of(job.path),
        "state": job.state,
        "why": job.why,
        "started_at": job.started_at,
        "ended_at": job.ended_at,
        "holder": job.holder,
        "stages": [],
        "job": _job_members(job),
    }


def _of_recipe(recipe: RecipeState) -> Run:
    return {
        "kind": "recipe",
        "path": recipe.path,
        "name": recipe.recipe or recipe.path.rpartition("/")[2],
        "series": series_of(recipe.path),
        "state": recipe.state,
        "why": recipe.why,
        "started_at": recipe.started_at,
        "ended_at": recipe.ended_at,
        "holder": recipe.holder,
        "stages": [asdict(stage) for stage in recipe.stages],
        "job": None if recipe.job is None else _job_members(recipe.job),
    }


def _job_members(job: JobRun) -> Run:
    members = asdict(job)
    del members["history"]
    batches: Sequence[Run] = members["batches"]
    return members | {
        "batches": batches[-_BATCHES:],
        "batches_total": len(batches),
        "rows_per_s": round(job.rows_per_s, 1),
    }


def _unreadable(kind: str, path: str, why: str) -> Run:
    return {
        "kind": kind,
        "path": path,
        "name": path.rpartition("/")[2],
        "series": series_of(path),
        "state": "unreadable",
        "why": why,
        "started_at": None,
        "ended_at": None,
        "holder": "",
        "stages": [],
        "job": None,
    }
