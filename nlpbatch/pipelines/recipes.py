"""One output of a recipe, from its records: its stages as a graph, each with its state and result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from nlpbatch.errors import ConfigError
from nlpbatch.pipelines.history import PastRun, between, counts_of, kept_runs
from nlpbatch.pipelines.jobs import JobRun, State, live_holder, read_job
from nlpbatch.pipelines.moments import moment, number
from nlpbatch.pipelines.records import RECIPE_RECORDS, Records

_ANALYZED: Final = "analyzed"
_HISTORY: Final = "history.json"
_EARLIER: Final = ("dump", "sample", "profile", "join", "clean", "expect", "analyze", "expect-errors", "features")
"""Order and, as members of a stage's settings, the stages before it: for records without a graph."""


@dataclass(frozen=True, slots=True)
class StageState:
    """A stage of a recipe.

    Args:
        name: Its name.
        needs: Stages before it.
        state: What has become of it.
        why: What it waits for, was stopped by, or is stale for.
        ended_at: When it was done; ISO 8601, UTC.
        seconds: What that took.
        result: What it reported.

    """

    name: str
    needs: Sequence[str]
    state: State
    why: str = ""
    ended_at: str | None = None
    seconds: float | None = None
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecipeState:
    """What the records of a recipe's output say.

    Args:
        path: Where it is, below the directory that was searched.
        recipe: Name of its file, as far as it is recorded.
        state: Of the whole: of the run that is under way, or of the last one.
        why: What it was stopped by.
        started_at: Of the last run; ISO 8601, UTC.
        ended_at: Of the last run.
        holder: The driver that runs it; '' if none does.
        stages: In order.
        job: Its analysis.
        history: Its last runs, the oldest first, with the one that is under way.

    """

    path: str
    recipe: str
    state: State
    why: str
    started_at: str | None
    ended_at: str | None
    holder: str
    stages: Sequence[StageState]
    job: JobRun | None
    history: Sequence[PastRun] = ()


def read_recipe(records: Records, path: str, now: datetime | None = None, *, histories: bool = True) -> RecipeState:
    """Return what the records of a recipe's output say.

    Args:
        records: Where to read.
        path: The output.
        now: The time; the clock's, if None.
        histories: Whether to read its last runs, too.

    Raises:
        ConfigError: A record can't be read.

    """
    now = now or datetime.now(UTC)
    own = f"{path}/{RECIPE_RECORDS}".lstrip("/")
    found = {
        name.removesuffix(".json"): one
        for name in records.names(own)
        if name.endswith(".json") and name != _HISTORY and (one := records.read(f"{own}/{name}"))
    }
    run = found.pop("run", {})
    holder = live_holder(records, f"{own}/lease", now)
    job_path = f"{path}/{_ANALYZED}".lstrip("/")
    job = read_job(records, job_path, now) if records.directories(f"{job_path}/_nlpbatch") else None
    stages = _stages(run, found, job, running=bool(holder))
    states = {one.state for one in stages}
    state: State = "running" if holder else _ended(run, states)
    why = str(run.get("reason") or "") or (
        "" if state != "lost" else "its driver ended without saying so: run it again"
    )
    started_at = moment(run.get("started_at"))
    ended_at = moment(run.get("ended_at")) or max((one.ended_at for one in stages if one.ended_at), default=None)
    history = kept_runs(_kept(records, own), path) if histories else []
    if run.get("state") == "running" or not history:
        is_over = state not in {"running", "lost"}
        history.append(_present(path, state, why, (started_at, ended_at if is_over else None), stages))
    return RecipeState(path, str(run.get("recipe", "")), state, why, started_at, ended_at, holder, stages, job, history)


def _kept(records: Records, own: str) -> Mapping[str, Any] | None:
    """Return the last runs that a recipe keeps; none if that can't be read, because nothing depends on it."""
    try:
        return records.read(f"{own}/{_HISTORY}")
    except ConfigError:
        return None


def _present(
    path: str, state: State, why: str, times: tuple[str | None, str | None], stages: Sequence[StageState]
) -> PastRun:
    """Return the run that is under way; or the last one, of records that keep no others."""
    started_at, ended_at = times
    since = started_at or ""
    done = [one for one in stages if one.state == "done" and (one.ended_at or "") >= since]
    figures = next((one.result for one in done if one.name == "analyze"), {})
    seconds = {one.name: one.seconds for one in done if one.seconds is not None}
    took = between(started_at, ended_at)
    return PastRun(path, state, started_at, ended_at, took, why, stages=seconds, **counts_of(figures))


def _ended(run: Mapping[str, Any], states: set[State]) -> State:
    said = run.get("state")
    if said == "running":
        return "lost"
    if said == "failed":
        return "failed"
    if "stale" in states:
        return "stale"
    return "done" if states <= {"done"} else "stopped"


def _stages(
    run: Mapping[str, Any], found: Mapping[str, Mapping[str, Any]], job: JobRun | None, *, running: bool
) -> list[StageState]:
    graph = {str(one["name"]): list(one.get("needs", ())) for one in run.get("stages", ())} or _guessed(found)
    stages = []
    for name, needs in graph.items():
        record = found.get(name)
        state: State = "done" if record is not None else "to do"
        why = ""
        if run.get("stage") == name and run.get("state") != "complete":
            state = "running" if running else ("failed" if run.get("state") == "failed" else "lost")
            why = str(run.get("reason") or "")
        elif record is not None and (stale := (run.get("stale") or {}).get(name)):
            state, why = "stale", str(stale)
        elif record is None and (missing := [need for need in needs if need not in found]):
            why = f"waits for {', '.join(missing)}"
        if name == "analyze" and state in {"running", "lost", "failed"} and job is not None and job.why:
            why = why or job.why
        members = record or {}
        seconds, result = number(members.get("seconds")), members.get("result") or {}
        if not isinstance(result, Mapping):
            raise TypeError(f"the result of {name} is no object")
        stages.append(StageState(name, needs, state, why, moment(members.get("ended_at")), seconds, result))
    return stages


def _guessed(found: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the graph of records that have none: stages that were done, and what their settings name."""
    names = [name for name in _EARLIER if name in found] + [name for name in found if name not in _EARLIER]
    return {name: [one for one in names if one in (found[name].get("settings") or {})] for name in names}
