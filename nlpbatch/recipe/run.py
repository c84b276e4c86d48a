"""Runs the stages of a recipe in order, and skips those that are done for the same inputs."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pyspark.sql import SparkSession

from nlpbatch.errors import ConfigError
from nlpbatch.recipe.checks import check_early
from nlpbatch.recipe.estimate import estimate
from nlpbatch.recipe.outcomes import StageOutcome
from nlpbatch.recipe.recipe_file import Recipe
from nlpbatch.recipe.records import LEASE, StageRecord, changes, key_of
from nlpbatch.recipe.run_options import RunOptions
from nlpbatch.recipe.run_record import RunRecord
from nlpbatch.recipe.stages import stages_of
from nlpbatch.recipe.stages.stage import Stage, StageContext
from nlpbatch.spark.runs.attempts import now_text
from nlpbatch.spark.runs.lease import OutputLease


class RecipeRun:
    """One run of a recipe.

    `outcomes` has the stages that have ended, `warnings` what somebody should look at, such as breached expectations.

    Args:
        spark: Session; with Hive, if the recipe names a table or a query.
        recipe: What to make.
        options: How.
        say: Gets what happens, a line at a time.

    """

    def __init__(self, spark: SparkSession, recipe: Recipe, options: RunOptions, say: Callable[[str], None]) -> None:
        if options.on_sample:
            recipe.check_sample()
        self._spark = spark
        self._recipe = recipe
        self._options = options
        self._say = say
        self._context = StageContext(spark, recipe, options, say)
        self._stages = stages_of(self._context)
        self.outcomes: list[StageOutcome] = []
        self.warnings: list[str] = []

    def run(self) -> None:
        """Run the stages that are not done.

        Raises:
            ConfigError: The recipe doesn't fit the data, or a stage is missing that another one needs.
            ExpectationBreached: An expectation doesn't hold that stops the recipe.
            NlpbatchError: A stage failed; those before it are done, and the next run resumes after them.

        """
        stages = self._stages
        names = [stage.name for stage in stages]
        only = self._options.stage
        if only is not None and only not in names:
            raise ConfigError(f"--stage {only}: the recipe has no such stage: choose from {', '.join(names) or 'none'}")
        if self._options.dry_run:
            changed: set[str] = set()
            for stage in stages:
                self._report_state(stage, changed)
            self._say(f"everything: {estimate(self._spark, self._recipe.source, self._context)}")
            return
        for stage in stages if only is not None else ():
            if stage.name in self._needed_stages(str(only)):
                self._check_done(stage)
        check_early(self._context, only)
        application = self._spark.sparkContext.applicationId
        with OutputLease(self._context.base, LEASE, application, say=self._say) as lease:
            self._context.check_lease = lease.check
            with self._recorded(application) as record:
                for stage in stages:
                    if only in (None, stage.name):
                        lease.check()
                        record.at(stage.name)
                        self.outcomes.append(self._run_stage(stage))
                        self._warn(stage)

    @contextmanager
    def _recorded(self, application: str) -> Iterator[RunRecord]:
        variables = self._recipe.variables
        record = RunRecord(
            self._context.base, self._options, self._stages, application=application, variables=variables
        )
        try:
            yield record
        except BaseException as error:
            record.ended(error, self.outcomes)
            raise
        record.ended(None, self.outcomes)

    def _run_stage(self, stage: Stage) -> StageOutcome:
        record, state, overwrite = stage.record(), stage.state(), self._options.overwrite
        if state == "done" and not overwrite and not stage.resumes:
            self._say(f"{stage.name}: done already")
            ended_at, result = ("", {}) if record is None else (record.ended_at, record.result)
            return StageOutcome(stage.name, "skipped", f"done at {ended_at}, and nothing has changed", 0.0, result)
        reason = "--overwrite" if overwrite else "new files" if state == "done" else "not done yet"
        if record is not None and state == "stale":
            what = "; ".join(changes(record, stage.settings()))
            if stage.name == "dump" and not overwrite:
                raise ConfigError(
                    f"the dump at {self._context.base.within('dump')} was made with different settings: {what}: "
                    "give --overwrite to replace it and all that was made of it, or another [sink] path"
                )
            self._say(f"{stage.name}: stale, {what}")
            reason = f"stale, {what}"
        if stage.name != "analyze":  # it shows its own progress
            self._say(f"{stage.name}: started")
        began_s = time.monotonic()
        result = stage.run()
        settings, seconds = stage.settings(), round(time.monotonic() - began_s, 3)
        self._context.check_lease()
        variables = self._recipe.variables
        StageRecord(stage.name, key_of(settings), settings, now_text(), seconds, result, variables).write(stage.storage)
        self._say(f"{stage.name}: done in {seconds:,.1f} s{render_result(result)}")
        if record is not None and state == "done" and not overwrite and record.result.get("is") == result.get("is"):
            return StageOutcome(stage.name, "skipped", f"nothing new since {record.ended_at}", seconds, result)
        return StageOutcome(stage.name, "done", reason, seconds, result)

    def _warn(self, stage: Stage) -> None:
        for warning in stage.warnings:
            self.warnings.append(f"{stage.name}: {warning}")
            self._say(f"warning: {self.warnings[-1]}")

    def _needed_stages(self, name: str) -> set[str]:
        """Return the stages that one needs, directly and indirectly."""
        (needs,) = (stage.needs for stage in self._stages if stage.name == name)
        present = {stage.name for stage in self._stages}
        return {one for need in needs if need in present for one in (need, *self._needed_stages(need))}

    def _check_done(self, stage: Stage) -> None:
        """Refuse to run a stage without one that it needs, or with one that is stale."""
        record, state = stage.record(), stage.state()
        if state == "to do":
            raise ConfigError(f"--stage {self._options.stage} needs {stage.name}, which isn't done: run it first")
        if state == "stale" and record is not None:
            raise ConfigError(
                f"--stage {self._options.stage} needs {stage.name}, which is stale "
                f"({'; '.join(changes(record, stage.settings()))}): run it first"
            )

    def _report_state(self, stage: Stage, changed: set[str]) -> None:
        record, state = stage.record(), stage.state()
        before = changed & set(stage.needs)
        if stage.changes_rows and (state != "done" or before or self._options.overwrite):
            changed.add(stage.name)
        if state == "done" and (before or self._options.overwrite):
            why = f"{min(before)} will be run again" if before else "--overwrite"
            self._say(f"{stage.name}: will be run again, {why}")
            return
        if state == "stale" and record is not None:
            self._say(f"{stage.name}: stale, {'; '.join(changes(record, stage.settings()))}")
        else:
            result = (
                "" if record is None or state == "to do" else f" at {record.ended_at}{render_result(record.result)}"
            )
            self._say(f"{stage.name}: {state}{result}")


def render_result(result: Mapping[str, Any]) -> str:
    """Return what a stage reports, for a line of output."""
    reported = {name: value for name, value in result.items() if name != "is" and not isinstance(value, Mapping)}
    counts = {name: len(value) if isinstance(value, list) else value for name, value in reported.items()}
    shown = [
        f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}" for name, value in counts.items() if value
    ]
    return f": {', '.join(shown)}" if shown else ""
