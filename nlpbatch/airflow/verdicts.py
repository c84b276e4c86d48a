"""What a finished command means for its task: done, skipped, to be tried again, or wrong for good. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from nlpbatch.program import LOOK, WRONG

Kind = Literal["done", "skipped", "failed", "wrong"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a stage.

    Args:
        kind: `failed` is worth another try, `wrong` isn't.
        reason: In words.
        figures: What the stage reports, and the seconds that it took.

    """

    kind: Kind
    reason: str
    figures: Mapping[str, Any] = field(default_factory=dict)


def judge(stage: str, exit_code: int, outcome: Mapping[str, Any] | None) -> Verdict:
    """Return what the end of a command means.

    Args:
        stage: The stage that it ran.
        exit_code: Its exit code; see `nlpbatch.program`.
        outcome: What it wrote with `--outcome`; None if it wrote nothing.

    """
    if exit_code not in {0, LOOK}:
        error = (outcome or {}).get("error")
        said = f"{error['code']}: {error['message']}" if error else f"exit code {exit_code}: its log says why"
        return Verdict("wrong" if exit_code == WRONG else "failed", f"{stage}: {said}")
    if outcome is None:
        return Verdict(
            "wrong",
            f"{stage}: the command ended well and wrote no outcome: it has to run the recipe on this machine, as "
            "nlpbatch run does, or spark-submit with --deploy-mode client",
        )
    (found,) = (one for one in outcome["stages"] if one["stage"] == stage)
    figures = {name: value for name, value in found["result"].items() if name != "is"}
    reason = "; ".join([found["reason"], *(f"look at it: {one}" for one in outcome.get("warnings", ()))])
    return Verdict(found["state"], reason, {**figures, "seconds": found["seconds"]})


def read_outcome(file: Path) -> Mapping[str, Any] | None:
    """Return what a command wrote; None if it wrote nothing."""
    found: Mapping[str, Any] | None = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
    return found


def recipe_change(name: str, digest: str, before: Mapping[str, str | None]) -> str | None:
    """Return why a stage must not run: the recipe isn't the one that earlier stages of the same run had; None if it is.

    Args:
        name: The recipe's.
        digest: What it says now.
        before: What it said to each stage that has run; None for those that haven't.

    """
    others = [stage for stage, one in before.items() if one is not None and one != digest]
    if not others:
        return None
    return (
        f"{name} was changed while this run was under way ({', '.join(others)} ran with it as it was before): clear "
        "all tasks of the run; stages whose settings are the same are skipped then"
    )


def command_line(command: Sequence[str], recipe: str, stage: str, variables: Mapping[str, str]) -> list[str]:
    """Return a command that runs one stage of a recipe.

    Args:
        command: What runs recipes, such as `nlpbatch run`.
        recipe: Path of the recipe.
        stage: The stage.
        variables: Values of the recipe's placeholders.

    """
    filled = [part for name, value in variables.items() for part in ("--set", f"{name}={value}")]
    return [*command, recipe, "--stage", stage, *filled]
