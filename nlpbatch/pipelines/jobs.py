"""One output of a job, from its records: state, counts, what is left, and what it cost."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from nlpbatch.errors import ConfigError
from nlpbatch.pipelines.history import PastRun, starts
from nlpbatch.pipelines.moments import moment
from nlpbatch.pipelines.records import JOB_RECORDS, Records

State = Literal["running", "done", "stopped", "failed", "lost", "to do", "stale", "unreadable"]
"""`lost`: its driver ended without saying so. `stopped`: it ended as it was asked to, before all was done."""

_ALIVE: Final = timedelta(seconds=60)
"""A driver renews its lease every five seconds; one that hasn't for so long, by its own clock, counts as dead."""
_COUNTS: Final = ("rows", "dead", "nulls", "tokens", "text_bytes", "seconds")
_CLIENT: Final = ("requests", "retries", "throttled_s", "answered_bytes")


@dataclass(frozen=True, slots=True)
class Batch:
    """A micro-batch that is whole.

    Args:
        number: Its number.
        started_at: ISO 8601, UTC.
        seconds: Wall time.
        rows: Rows read.
        dead: Rows that failed.

    """

    number: int
    started_at: str
    seconds: float
    rows: int
    dead: int


@dataclass(frozen=True, slots=True)
class JobRun:
    """What the records of an output say.

    Args:
        path: Where it is, below the directory that was searched.
        state: What has become of it.
        why: What it was stopped, failed or held up by; '' for nothing.
        input: What was read.
        analyzer: By which analyzer the texts were analysed.
        fingerprint: The analyzer's version.
        started_at: Of the first start; ISO 8601, UTC.
        ended_at: Of the last one; None while it runs, or if it is lost.
        attempts: Starts.
        holder: The driver that writes; '' if none does.
        counts: rows, dead, nulls, tokens, text_bytes, seconds, and the client's requests, retries, throttled_s.
        errors: Rows that failed, by code.
        analysed_bytes: What the proxy had analysed for it; None if it doesn't count.
        share: Of the bytes that this start has to do, 0 to 1; None if it isn't known.
        left_s: Seconds that are left at the present rate; None if that isn't known.
        set_aside: Files that couldn't be read.
        batches: Micro-batches that are whole, in order.
        history: Its starts, the oldest first.

    """

    path: str
    state: State
    why: str = ""
    input: str = ""
    analyzer: str = ""
    fingerprint: str = ""
    started_at: str | None = None
    ended_at: str | None = None
    attempts: int = 0
    holder: str = ""
    counts: Mapping[str, float] = field(default_factory=dict)
    errors: Mapping[str, int] = field(default_factory=dict)
    analysed_bytes: int | None = None
    share: float | None = None
    left_s: float | None = None
    set_aside: int = 0
    batches: Sequence[Batch] = ()
    history: Sequence[PastRun] = ()

    @property
    def rows_per_s(self) -> float:
        """Return rows over the wall time of all micro-batches."""
        seconds = self.counts.get("seconds", 0)
        return self.counts.get("rows", 0) / seconds if seconds else 0.0


def read_job(records: Records, path: str, now: datetime | None = None) -> JobRun:
    """Return what the records of an output say.

    Args:
        records: Where to read.
        path: The output.
        now: The time; the clock's, if None.

    Raises:
        ConfigError: A record can't be read.

    """
    own = f"{path}/{JOB_RECORDS}".lstrip("/")
    names = [name for name in records.names(f"{own}/attempts") if name.endswith(".json")]
    attempts = [one for name in names if (one := records.read(f"{own}/attempts/{name}"))]
    identity = (records.read(f"{own}/run.json") or {}).get("identity", {})
    holder = live_holder(records, f"{own}/lease", now or datetime.now(UTC))
    batches = _batches(records, path)
    counts, errors = _summed(batches)
    last = attempts[-1] if attempts else {}
    state = _state(last, holder)
    progress = (records.read_rewritten(f"{own}/progress.json") or {}) if state == "running" else {}
    if str(progress.get("at", "")) < str(last.get("started_at", "")):
        progress = {}  # of an earlier start
    return JobRun(
        path,
        state,
        why=str(last.get("reason") or "") or _why(state),
        input=str(identity.get("input", "")),
        analyzer=str((identity.get("asked") or {}).get("analyzer", "")),
        fingerprint=str(identity.get("fingerprint", "")),
        started_at=moment(attempts[0].get("started_at")) if attempts else None,
        ended_at=moment(last.get("ended_at")),
        attempts=len(attempts),
        holder=holder,
        counts=counts,
        errors=errors,
        analysed_bytes=_analysed_bytes(batches),
        share=1.0 if state == "done" else progress.get("share"),
        left_s=progress.get("left_s"),
        set_aside=sum(len(one.get("set_aside") or ()) for one in batches),
        batches=[_batch(one) for one in batches],
        history=_history(attempts, batches, path, state),
    )


def _history(
    attempts: Sequence[Mapping[str, Any]], batches: Sequence[Mapping[str, Any]], path: str, state: State
) -> list[PastRun]:
    """Return the starts; the last one is in the state that the whole is in."""
    found = starts(attempts, batches, path)
    return [*found[:-1], *(replace(one, state=state) for one in found[-1:])]


def live_holder(records: Records, directory: str, now: datetime) -> str:
    """Return the driver that has a lease, and has renewed it lately; '' if there is none."""
    numbered = [name for name in records.names(directory) if name.endswith(".json")]
    try:
        found = records.read_rewritten(f"{directory}/{numbered[-1]}") if numbered else None
    except ConfigError:
        return ""
    try:
        renewed = datetime.fromisoformat(found["renewed_at"]) if found else None
        alive = renewed is not None and now - renewed < _ALIVE
        return f"{found['application']} on {found['host']}" if alive and found else ""
    except (KeyError, TypeError, ValueError):
        return ""


def _state(attempt: Mapping[str, Any], holder: str) -> State:
    said = attempt.get("state")
    if said == "running":
        return "running" if holder else "lost"
    return {"complete": "done", "stopped": "stopped", "failed": "failed"}.get(str(said), "unreadable")  # type: ignore[return-value]


def _why(state: State) -> str:
    if state == "lost":
        return "its driver ended without saying so: start it again, it resumes where it ended"
    return "its records can't be read: they are half written, or of another version" if state == "unreadable" else ""


def _batches(records: Records, path: str) -> list[dict[str, Any]]:
    names = [name for name in records.directories(path) if name.startswith("run_batch=")]
    return [one for name in names if (one := records.read(f"{path}/{name}/_batch.json".lstrip("/")))]


def _summed(batches: Sequence[Mapping[str, Any]]) -> tuple[dict[str, float], dict[str, int]]:
    counts: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    for one in batches:
        counts.update({name: one.get(name) or 0 for name in _COUNTS})
        counts.update({name: (one.get("client") or {}).get(name) or 0 for name in _CLIENT})
        errors.update(one.get("errors") or {})
    return {name: round(value, 3) for name, value in counts.items()}, dict(sorted(errors.items()))


def _analysed_bytes(batches: Sequence[Mapping[str, Any]]) -> int | None:
    """Return the last count of each proxy's ledger, summed: each counts the whole run."""
    last: dict[str, Mapping[str, Any]] = {}
    for one in batches:
        for said in one.get("proxy") or ():
            known = last.setdefault(said["instance"], said)
            last[said["instance"]] = max(known, said, key=lambda count: int(count["analysed"]))
    return sum(int(said["analysed_bytes"]) for said in last.values()) if last else None


def _batch(one: Mapping[str, Any]) -> Batch:
    return Batch(
        int(one.get("number", 0)),
        str(one.get("started_at", "")),
        float(one.get("seconds", 0)),
        int(one.get("rows", 0)),
        int(one.get("dead", 0)),
    )
