"""Writes the records of jobs and recipes by the classes that write real ones, into directories of this machine."""

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from nlpbatch.recipe.records import StageRecord
from nlpbatch.recipe.run_history import HISTORY, VERSION
from nlpbatch.spark.runs import layout
from nlpbatch.spark.runs.attempts import AttemptLog
from nlpbatch.spark.runs.batches import BatchRecord
from nlpbatch.spark.runs.holder import Holder
from nlpbatch.spark.runs.identity import RunFile, RunIdentity
from tests.fakes.local_storage import LocalStorage

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
_IDENTITY = RunIdentity("hdfs:///in", "parquet", {}, ("review",), {"analyzer": "default"}, "review string", "f" * 32)


def job(directory: Path, state: str | None = "complete", *, rows=(100,), reason=None, errors=None) -> Path:
    """Write an output of a job: one micro-batch for each number of rows; `state` None for a start that is under way."""
    output = LocalStorage(None, str(directory))
    output.make_directory("")
    run = RunFile("reviews-1", _IDENTITY, "0.1.0", NOW.isoformat())
    output.write_text(layout.RUN, json.dumps(asdict(run)))
    attempts = AttemptLog(output)
    attempt = attempts.begin("app-1")
    if state is not None:
        attempts.end(attempt, state, reason)
    for number, count in enumerate(rows):
        record = BatchRecord(
            *(number, "f" * 32, {f"hdfs:///in/{number}": 1_000}, count, 0, 0, 3 * count, errors or {}, 10 * count),
            *(NOW.isoformat(), 2.0),
            client={"requests": 1, "retries": 0},
            proxy=[{"instance": "p", "analysed": number + 1, "analysed_bytes": 1_000 * (number + 1)}],
        )
        output.write_text(f"{layout.batch_directory(number)}/{layout.RECORD}", record.to_json())
    return directory


def holder(directory: Path, records: str, renewed_at: datetime) -> None:
    """Write a lease."""
    one = replace(Holder.here("app-1"), renewed_at=renewed_at.isoformat())
    LocalStorage(None, str(directory)).write_text(f"{records}/lease/000001.json", json.dumps(asdict(one)))


def stage(directory: Path, name: str, needs=(), **result) -> None:
    """Write that a stage of a recipe was done."""
    ended_at = (NOW - timedelta(hours=1)).isoformat()
    record = StageRecord(name, "k", dict.fromkeys(needs, "k"), ended_at, 12.5, result)
    output = LocalStorage(None, str(directory))
    output.make_directory("")
    record.write(output)


def kept(day, stages, errors=None, *, state="complete", reason=None, only=None):
    """Return a run as a recipe's history has it.

    Args:
        day: Days after `NOW` at which it began; it took a minute.
        stages: By name, seconds and figures, and whether it was "skipped".
        errors: Rows that failed, by code.
        state: How it ended.
        reason: Why it failed.
        only: The only stage.

    """
    began = NOW + timedelta(days=day)
    done = {name: {"state": (*one, "done")[2], "seconds": one[0], "figures": one[1]} for name, one in stages.items()}
    times = {"started_at": began.isoformat(), "ended_at": (began + timedelta(minutes=1)).isoformat()}
    members = {"recipe": "reviews.toml", "variables": {}, "on_sample": False, "only": only, "errors": errors or {}}
    return {**members, **times, "state": state, "reason": reason, "stages": done}


def history(directory: Path, *runs) -> None:
    """Write the last runs of a recipe; a test of real recipes compares these with what they write."""
    LocalStorage(None, str(directory)).write_text(HISTORY, json.dumps({"version": VERSION, "runs": list(runs)}))
