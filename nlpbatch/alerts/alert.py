"""What an alert says: one object for every hook, as JSON (docs/alert.schema.json) and as text for people.

There is no text of documents in it: figures are numbers, and messages are those of errors and of expectations, which
have none.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

VERSION: Final = 1
"""Of the JSON: members may be added to a version; one that changes its meaning or goes makes another."""
STATES: Final = ("failed", "breached", "look", "late", "stopped", "done")
DEFAULT_STATES: Final = ("failed", "breached", "look", "late")
"""What somebody has to look at."""
MAX_FAULTS: Final = 100
"""Faults that an alert names of all that a check found."""
_MAX_MESSAGE: Final = 2_000
State = Literal["failed", "look", "late", "stopped", "done"]


@dataclass(frozen=True, slots=True)
class StageReport:
    """What became of a stage.

    Args:
        name: The stage.
        state: `done`, or `skipped` because there was nothing to do.
        reason: Why.
        seconds: What it took.
        figures: Numbers that it reports, by name.

    """

    name: str
    state: str
    reason: str
    seconds: float
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    """A run that a check found to be wrong.

    Args:
        path: Its output, below the directory that was checked.
        name: Of the recipe's file, or of the output.
        kind: `job` or `recipe`.
        state: `failed`, `lost`, `unreadable` or `late`.
        why: In words.

    """

    path: str
    name: str
    kind: str
    state: str
    why: str


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert, of a run that has ended or of a check.

    Args:
        event: Of what.
        kind: What ran or was looked at.
        name: Of the recipe's file or of the output.
        output: Directory that it writes; for a check, the one that was looked at.
        state: How it ended: `failed`, `look` (done, but somebody should look), `stopped` (as it was asked to), `done`;
            of a check also `late`.
        breached: Whether an expectation of the recipe didn't hold, be it that it stopped the run or only warns.
        exit_code: Of the run; None for a check.
        started_at: ISO 8601, UTC.
        ended_at: ISO 8601, UTC.
        seconds: Wall time between them.
        stage: The only stage that was to run; None for all.
        variables: Values of the recipe's placeholders, such as its date.
        error: `code` and `message` of what stopped it; None if nothing did.
        warnings: What somebody should look at.
        stages: Those of a recipe that ended, in order.
        figures: Numbers of the analysis.
        faults: What a check found, up to 100.
        faults_total: How many there are.
        link: Where a page shows it; None if no page was named.
        reports: Addresses of reports of the data.

    """

    event: Literal["run", "check"]
    kind: Literal["recipe", "job", "directory"]
    name: str
    output: str
    state: State
    ended_at: str
    breached: bool = False
    exit_code: int | None = None
    started_at: str | None = None
    seconds: float | None = None
    stage: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    error: Mapping[str, str] | None = None
    warnings: Sequence[str] = ()
    stages: Sequence[StageReport] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
    faults: Sequence[Fault] = ()
    faults_total: int = 0
    link: str | None = None
    reports: Sequence[str] = ()

    @property
    def states(self) -> frozenset[str]:
        """Return what it is an alert of, of `STATES`."""
        kinds = {"late" if fault.state == "late" else "failed" for fault in self.faults}
        return frozenset({self.state, *kinds, *(("breached",) if self.breached else ())})

    @property
    def summary(self) -> str:
        """Return it in a line."""
        said = "done, but somebody should look" if self.state == "look" else self.state
        what = f"{said}, expectation breached" if self.breached else said
        if self.event == "check":
            found = f"failed, lost or late: {self.faults_total:,}" if self.faults else "in order"
            found = "can't be looked at" if self.error else found
            return _one_line(f"{self.output}: {found}")
        about = " ".join([self.name, *self.variables.values(), *([f"({self.stage})"] if self.stage else [])])
        took = "" if self.seconds is None else f" after {self.seconds:,.0f} s"
        return _one_line(f"{about}: {what}{took}")

    def to_json(self) -> str:
        """Return it as JSON, its members in a fixed order, without a line end."""
        members = {"version": VERSION, "text": self.summary, **_plain(asdict(self))}
        return json.dumps(members, ensure_ascii=False, allow_nan=False)

    def to_text(self) -> str:
        """Return it for a person."""
        lines = [self.summary, "", f"output: {self.output}"]
        lines += [f"link: {self.link}"] if self.link else []
        lines += [f"report: {one}" for one in self.reports]
        lines += [f"{self.error['code']}: {_cut(self.error['message'])}"] if self.error else []
        lines += [f"warning: {_cut(one)}" for one in self.warnings]
        lines += [_stage_line(one) for one in self.stages]
        lines += [", ".join(f"{name} {value:,}" for name, value in self.figures.items())] if self.figures else []
        lines += [f"{one.path or one.name}: {one.state}: {_cut(one.why)}" for one in self.faults]
        hidden = self.faults_total - len(self.faults)
        lines += [f"and {hidden:,} more"] if hidden > 0 else []
        return "\n".join(lines) + "\n"


def numbers(result: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of what a stage reports; names and texts of the data are left out with all that is nested."""
    kept = {name: value for name, value in result.items() if isinstance(value, int | float)}
    return {name: value for name, value in kept.items() if not isinstance(value, bool) and math.isfinite(value)}


def _stage_line(stage: StageReport) -> str:
    figures = "".join(f", {name} {value:,}" for name, value in stage.figures.items())
    return f"{stage.name}: {stage.state} ({_cut(stage.reason)}) in {stage.seconds:,.1f} s{figures}"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_plain(str(name)): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    # Names of files may have bytes that are no characters.
    return _cut(value.encode("utf-8", "replace").decode()) if isinstance(value, str) else value


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_MESSAGE else f"{text[: _MAX_MESSAGE - 1]}…"


def _one_line(text: str) -> str:
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())
