"""docs/compatibility.md and docs/compatibility.json, of what was tried."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from tests.compatibility.environments import PYTHONS, SPARKS
from tests.compatibility.expected import Verdict
from tests.compatibility.trial import MODES, Trial

FEATURES = {
    "`analyze`, `sentences`, `space`, `join`, `glue` on a DataFrame": ("analyze", "sentences", "space", "join", "glue"),
    "Columns of arrays of texts": ("arrays",),
    "A text that fails costs its row only": ("failed rows",),
    "Columns of 12 other types come out unchanged": ("types",),
    "A column of calendar intervals beside the text": ("interval",),
    "A column of variants beside the text": ("variant",),
    "`jobs/analyze.py`, killed with its JVM and resumed": ("resume",),
    "Jobs over JSON, CSV, text and ORC": ("json", "csv", "text", "orc"),
    "Jobs whose rows Spark's own writer writes": ("spark writes",),
    "Dead letters and `replay`": ("replay",),
    "A recipe: clean, analyze, features": ("recipe",),
    "Jobs in a session of Spark Connect": ("job in Connect",),
}
"""What the parts of a trial show, by how the page calls it."""
_SIGNS = {"works": "yes", "refused": "refused", "wrong": "**no**", "not tried": "not tried"}


def render_json(trials: Sequence[Trial], absent: dict[str, str], today: date) -> str:
    """Return what was found, for programs; `absent` has why a pair of Spark and Python wasn't tried."""
    found = {"date": today.isoformat(), "not_tried": absent, "trials": [asdict(trial) for trial in trials]}
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"


def read_json(path: Path) -> tuple[list[Trial], dict[str, str]]:
    """Return what `render_json` wrote; nothing if there is no file."""
    if not path.exists():
        return [], {}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    trials = []
    for one in found["trials"]:
        verdicts = {
            mode: {part: Verdict(**verdict) for part, verdict in parts.items()}
            for mode, parts in one["verdicts"].items()
        }
        trials.append(Trial(one["spark"], one["python"], one["versions"], verdicts))
    return trials, found["not_tried"]


def render_page(trials: Sequence[Trial], absent: dict[str, str], today: date, text: str) -> str:
    """Return the page: its text, with tables in place of `{tables}`."""
    by_key = {(trial.spark, trial.python): trial for trial in trials}
    parts = [_overview(by_key, absent)]
    for spark in SPARKS:
        of_spark = [by_key[spark, python] for python in PYTHONS if (spark, python) in by_key]
        if of_spark:
            parts.append(_details(spark, of_spark))
    return text.format(date=today.isoformat(), tables="\n\n".join(parts)) + "\n"


def _overview(trials: dict[tuple[str, str], Trial], absent: dict[str, str]) -> str:
    """Return the table of Sparks and Pythons, and below it what each pair is that wasn't tried."""
    rows = []
    for spark in SPARKS:
        cells = []
        for python in PYTHONS:
            if (spark, python) in trials:
                trial = trials[spark, python]
                cells.append("**no**" if trial.wrong else _modes(trial))
            else:
                cells.append(f"not tried: {absent.get(f'{spark}/{python}', 'not asked for')}")
        rows.append([f"Spark {spark}", *cells])
    return _table(["", *(f"Python {python}" for python in PYTHONS)], rows)


def _modes(trial: Trial) -> str:
    tried = [mode for mode in MODES if any(one.state != "not tried" for one in trial.verdicts[mode].values())]
    return ", ".join({"classic": "classic", "connect": "Connect"}[mode] for mode in tried)


def _details(spark: str, trials: Sequence[Trial]) -> str:
    """Return what a Spark can do, by mode; a cell names the Pythons where they differ."""
    rows, notes = [], []
    for feature, parts in FEATURES.items():
        row = [feature]
        for mode in MODES:
            states = {trial.python: _state(trial.verdicts[mode], parts) for trial in trials}
            row.append(_cell(states))
            notes += [verdict.note for verdict in states.values() if verdict is not None and verdict.note]
        if row[1:] != ["-"] * len(MODES):
            rows.append(row)
    versions = trials[0].versions
    title = f"## Spark {spark}\n\nTried: {versions['spark']}, pyarrow {versions['pyarrow']}, Python " + ", ".join(
        trial.versions["python"] for trial in trials
    )
    said = "\n".join(f"- {_one_line(note)}" for note in dict.fromkeys(notes))
    table = _table(["", "classic", "Connect"], rows)
    return f"{title}.\n\n{table}" + (f"\n\nWhat is said there:\n\n{said}" if said else "")


def _state(verdicts: dict[str, Verdict], parts: Iterable[str]) -> Verdict | None:
    """Return the worst verdict on some parts; None if the mode has none of them."""
    order = list(_SIGNS)
    found = [verdicts[part] for part in parts if part in verdicts]
    return max(found, key=lambda one: order.index(one.state), default=None)


def _cell(states: dict[str, Verdict | None]) -> str:
    signs = {python: "-" if verdict is None else _SIGNS[verdict.state] for python, verdict in states.items()}
    if len(set(signs.values())) == 1:
        return next(iter(signs.values()))
    return ", ".join(f"{sign} ({python})" for python, sign in signs.items())


def _one_line(note: str) -> str:
    return " ".join(note.split())[-400:]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
