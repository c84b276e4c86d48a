"""One stage of a recipe as a task: a command that runs it, and what its outcome means to Airflow."""

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import Asset, BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from nlpbatch.airflow.dates import PARAMETER, partition_date
from nlpbatch.airflow.verdicts import command_line, judge, read_outcome, recipe_change
from nlpbatch.errors import ConfigError
from nlpbatch.recipe.template import RecipeTemplate
from nlpbatch.recipe.variables import DATE

RECIPE_KEY: Final = "recipe"
"""XCom of a task: which recipe it ran."""
SKIPPED_KEY: Final = "skipped"
"""XCom of a task that was skipped: the reason."""


class RecipeStageOperator(BaseOperator):
    """Runs one stage of a recipe in a process of its own, which ends with the task, however that ends.

    Args:
        recipe: Path of the recipe.
        stage: The stage, which is also the task's name.
        made_of: Stages that it is made of, directly and indirectly: they ran before it, in the same pass over the run.
        command: What runs recipes; the recipe and its options follow.
        options: Further options of it.
        variables: Values of the recipe's placeholders, but for the date. Templates are rendered.
        env: Variables of the environment, in addition to those of the task. Templates are rendered.
        cwd: Where relative paths begin.
        timezone: Where days begin.
        partitioned: Whether the events of `outlets` carry the date as a partition's key.
        arguments: As every operator takes them.

    """

    template_fields: Sequence[str] = ("variables", "env")
    template_fields_renderers: Mapping[str, str] = {"variables": "json", "env": "json"}
    ui_color = "#e8f0fe"

    def __init__(
        self,
        *,
        recipe: str,
        stage: str,
        made_of: Sequence[str],
        command: Sequence[str],
        options: Sequence[str],
        variables: Mapping[str, str],
        env: Mapping[str, str],
        cwd: str,
        timezone: str,
        partitioned: bool,
        **arguments: Any,
    ) -> None:
        super().__init__(task_id=stage, **arguments)
        self.recipe = recipe
        self.stage = stage
        self.made_of = list(made_of)
        self.command = list(command)
        self.options = list(options)
        self.variables = dict(variables)
        self.env = dict(env)
        self.cwd = cwd
        self.timezone = timezone
        self.partitioned = partitioned

    @cached_property
    def _hook(self) -> Any:
        return SubprocessHook()

    def execute(self, context: Mapping[str, Any]) -> Mapping[str, Any]:
        """Run the stage; return what it reports.

        Raises:
            AirflowSkipException: It was done already, and nothing has changed.
            AirflowFailException: It can't be done; another try would fail, too.
            AirflowException: It failed; the next try resumes it.

        """
        try:
            template = RecipeTemplate.read(Path(self.recipe))
            variables = run_variables(context, template, self.variables, self.timezone)
        except ConfigError as error:
            raise AirflowFailException(error.message) from error
        self._check_unchanged(context["ti"], template)
        verdict = judge(self.stage, *self._run(template, variables))
        if verdict.kind == "wrong":
            raise AirflowFailException(verdict.reason)
        if verdict.kind == "failed":
            raise AirflowException(verdict.reason)
        if verdict.kind == "skipped":
            context["ti"].xcom_push(key=SKIPPED_KEY, value=verdict.reason)
            raise AirflowSkipException(f"{self.stage}: {verdict.reason}")
        self._announce(context, variables, verdict.figures)
        return {"reason": verdict.reason, **verdict.figures}

    def on_kill(self) -> None:
        """End the process and all that it has started."""
        self._hook.send_sigterm()

    def _run(self, template: RecipeTemplate, variables: Mapping[str, str]) -> tuple[int, Mapping[str, Any] | None]:
        """Return the command's exit code, and the outcome that it wrote."""
        with tempfile.TemporaryDirectory(prefix="nlpbatch-") as folder:
            # What was checked is what runs, whoever saves the file meanwhile.
            recipe, outcome = Path(folder) / template.path.name, Path(folder) / "outcome.json"
            recipe.write_text(template.text, encoding="utf-8")
            command = command_line(self.command, str(recipe), self.stage, variables)
            tied = (sys.executable, "-m", "nlpbatch.serving.tied", str(os.getpid()))
            result = self._hook.run_command(
                [*tied, *command, *self.options, "--outcome", str(outcome)],
                env={**os.environ, **self.env},
                cwd=self.cwd,
            )
            return result.exit_code, read_outcome(outcome)

    def _check_unchanged(self, ti: Any, template: RecipeTemplate) -> None:
        before = {name: ti.xcom_pull(task_ids=name, key=RECIPE_KEY) for name in self.made_of}
        if change := recipe_change(template.path.name, template.digest, before):
            raise AirflowFailException(change)
        ti.xcom_push(key=RECIPE_KEY, value=template.digest)

    def _announce(self, context: Mapping[str, Any], variables: Mapping[str, str], figures: Mapping[str, Any]) -> None:
        """Have the events of the assets that the task makes say of what date they are, and what was made."""
        for asset in self.outlets:
            if isinstance(asset, Asset):
                event = context["outlet_events"][asset]
                event.extra = {**variables, **figures}
                if DATE in variables:
                    event.extra[PARAMETER] = variables[DATE]
                    if self.partitioned:
                        event.add_partitions(variables[DATE])


def run_variables(
    context: Mapping[str, Any], template: RecipeTemplate, given: Mapping[str, str], timezone: str
) -> dict[str, str]:
    """Return the values of a recipe's placeholders in a run of a DAG.

    Args:
        context: Airflow's, of the task.
        template: The recipe.
        given: Those that the DAG states.
        timezone: Where days begin.

    Raises:
        ConfigError: The recipe needs a date and the run has none.

    """
    if not template.is_dated or {DATE, PARAMETER} & given.keys():
        return dict(given)
    arrived = (context.get("triggering_asset_events") or {}).values()
    day = partition_date(
        parameter=(context.get("params") or {}).get(PARAMETER),
        partition_key=context.get("partition_key"),
        events=[event.extra or {} for events in arrived for event in events],
        interval_start=context.get("data_interval_start"),
        timezone=ZoneInfo(timezone),
    )
    return {DATE: day, **given}
