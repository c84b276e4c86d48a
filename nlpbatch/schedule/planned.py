"""What is to run when, from which every kind of schedule is written."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from nlpbatch.errors import ConfigError
from nlpbatch.recipe.template import RecipeTemplate
from nlpbatch.recipe.variables import DATE
from nlpbatch.schedule.cron import Cron

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_NAME_CHARACTERS: Final = 52
"""Kubernetes adds eleven to the name of a CronJob, and names have up to 63."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A recipe on a schedule.

    Args:
        template: The recipe.
        cron: When it runs.
        timezone: Where the schedule's days and hours are.
        name: Of the DAG, the unit or the CronJob: lower-case letters, digits and hyphens.
        folder: Where relative paths in the recipe begin.
        python: Python that has nlpbatch and Spark.
        image: Container image with them, for Kubernetes.
        variables: Values of the recipe's placeholders, but for the date.

    Raises:
        ConfigError: The recipe can't be used, or any of the others; each fault is named.

    """

    template: RecipeTemplate
    cron: Cron
    timezone: str
    name: str
    folder: Path
    python: Path
    image: str
    variables: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check it."""
        self.template.example(self.variables)
        faults = []
        if {DATE, "date"} & self.variables.keys():
            faults.append("--set ds: the date comes from the schedule: leave it out")
        if not (_NAME.fullmatch(self.name) and len(self.name) <= _NAME_CHARACTERS):
            faults.append(
                f"--name {self.name!r}: a name is up to {_NAME_CHARACTERS} lower-case letters, digits and hyphens: "
                "give another --name"
            )
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            faults.append(f"--timezone {self.timezone!r} is unknown: write it as Asia/Seoul")
        if faults:
            raise ConfigError("\n".join(faults))

    @property
    def recipe(self) -> Path:
        """Return where the recipe is, wherever the schedule is read from."""
        return self.template.path.absolute()

    def assignments(self) -> list[str]:
        """Return the variables as options of `nlpbatch run`; the date is that of the day before the run."""
        dated = {DATE: "yesterday"} if self.template.is_dated else {}
        return [part for name, value in {**dated, **self.variables}.items() for part in ("--set", f"{name}={value}")]
