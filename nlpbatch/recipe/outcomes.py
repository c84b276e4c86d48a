"""What a run did, stage by stage, for those who started it: an engine that schedules recipes, an alert, a page."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from nlpbatch.errors import NlpbatchError

StageState = Literal["done", "skipped"]


@dataclass(frozen=True, slots=True)
class StageOutcome:
    """What became of one stage in one run.

    Args:
        stage: Its name.
        state: `done`, or `skipped` because there was nothing to do.
        reason: Why it ran or was skipped, in words.
        seconds: What it took.
        result: What its record reports.

    """

    stage: str
    state: StageState
    reason: str
    seconds: float = 0.0
    result: Mapping[str, Any] = field(default_factory=dict)


def write_outcomes(
    file: Path,
    outcomes: Sequence[StageOutcome],
    variables: Mapping[str, str],
    error: NlpbatchError | None,
    warnings: Sequence[str] = (),
) -> None:
    """Write what a run did as JSON; there is never half of it.

    Args:
        file: Where to.
        outcomes: The stages that ended, in order.
        variables: Values of the recipe's placeholders.
        error: What stopped the run; None if nothing did.
        warnings: What somebody should look at, such as expectations that don't hold.

    """
    members = {
        "variables": dict(variables),
        "stages": [asdict(outcome) for outcome in outcomes],
        "warnings": list(warnings),
        "error": None if error is None else {"code": error.code, "message": error.message},
    }
    part = file.with_name(f"{file.name}.part")
    part.write_text(json.dumps(members, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    part.replace(file)
