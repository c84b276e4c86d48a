"""Waits for the files of a recipe's source."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from nlpbatch.airflow.arrival import has_arrived
from nlpbatch.airflow.operator import run_variables
from nlpbatch.errors import ConfigError
from nlpbatch.recipe.template import RecipeTemplate


class SourceSensor(BaseSensorOperator):
    """Waits until the files are there that a recipe reads in this run; it holds no worker while it waits.

    Args:
        recipe: Path of the recipe.
        marker: Name of the file in the source's directory that says that it is complete; None if any file will do.
        variables: Values of the recipe's placeholders, but for the date. Templates are rendered.
        timezone: Where days begin.
        arguments: As every sensor takes them.

    """

    template_fields: Sequence[str] = ("variables",)

    def __init__(
        self, *, recipe: str, marker: str | None, variables: Mapping[str, str], timezone: str, **arguments: Any
    ) -> None:
        super().__init__(mode="reschedule", **arguments)
        self.recipe = recipe
        self.marker = marker
        self.variables = dict(variables)
        self.timezone = timezone

    def poke(self, context: Mapping[str, Any]) -> bool:
        """Return whether they are there."""
        try:
            template = RecipeTemplate.read(Path(self.recipe))
            recipe = template.fill(run_variables(context, template, self.variables, self.timezone))
        except ConfigError as error:
            raise AirflowFailException(error.message) from error
        try:
            arrived = has_arrived(recipe, self.marker)
        except ConfigError as error:  # a store that is away may be back at the next try
            raise AirflowException(error.message) from error
        self.log.info("%s: %s", recipe.source.files, "there" if arrived else "not there yet")
        return arrived
