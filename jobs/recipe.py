"""spark-submit jobs/recipe.py recipe.toml: run the stages of a recipe."""

import argparse
import os
import sys
from datetime import date
from pathlib import Path

from nlpbatch.alerts.after import Ending, with_alert
from nlpbatch.alerts.alert import Alert
from nlpbatch.alerts.delivery import Alerts
from nlpbatch.errors import ConfigError, NlpbatchError
from nlpbatch.program import LOOK
from nlpbatch.recipe.alert_settings import alerts_of
from nlpbatch.recipe.hive import settings_of
from nlpbatch.recipe.outcomes import write_outcomes
from nlpbatch.recipe.recipe_file import Recipe
from nlpbatch.recipe.run import RecipeRun
from nlpbatch.recipe.run_alert import run_alert
from nlpbatch.recipe.run_options import RunOptions
from nlpbatch.recipe.stages import STAGES
from nlpbatch.recipe.variables import parse_assignments
from nlpbatch.spark.script import run_script, running_session, translated


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line, which `nlpbatch run` has, too."""
    found = argparse.ArgumentParser(
        prog="recipe.py",
        description="Run the stages of a recipe, from a dump to features of a data set. Stages that "
        "are done for the same inputs are skipped.",
        epilog="The address and the key of the service are read from NLPBATCH_SERVICE and NLPBATCH_API_KEY.",
    )
    add_arguments(found)
    return found


def add_arguments(found: argparse.ArgumentParser) -> None:
    """Add the options."""
    found.add_argument("recipe", type=Path, metavar="RECIPE.toml")
    found.add_argument(
        "--on",
        choices=("sample", "all"),
        default="all",
        help="analyze and make features of this (default: %(default)s)",
    )
    found.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="fill {{ NAME }} in the recipe, such as ds=2026-11-30, ds=today or ds=yesterday; repeatable",
    )
    found.add_argument("--stage", choices=STAGES, help="do this stage only")
    found.add_argument("--overwrite", action="store_true", help="also run stages that are done already")
    found.add_argument(
        "--dry-run", action="store_true", help="say what would be done, what is done, and how much it is"
    )
    found.add_argument("--outcome", type=Path, metavar="FILE", help="write what became of each stage as JSON")


def main(argv: list[str] | None = None) -> int:
    """Run it; return 0 when done, 1 when it failed, 2 for a recipe that can't be used, 130 after Ctrl-C.

    1 is also for an expectation that stops the recipe. 3 means that all is done, but one doesn't hold that only warns.
    """
    return run_script("recipe", lambda: _run(argv))


def _run(argv: list[str] | None) -> int:
    given = parser().parse_args(argv)
    recipe = Recipe.load(given.recipe, parse_assignments(given.set, date.today()))  # noqa: DTZ011  (the user's day)
    options = RunOptions.from_environment(
        on_sample=given.on == "sample",
        stage=given.stage,
        overwrite=given.overwrite,
        dry_run=given.dry_run,
        name=given.recipe.name,
    )
    alerts = alerts_of(recipe.alerts, os.environ)
    runs: list[RecipeRun] = []

    def alert(ending: Ending) -> Alert | None:
        return run_alert(ending, recipe, options, runs[0] if runs else None, alerts)

    def work() -> int:
        return _run_recipe(given, recipe, options, runs)

    quiet = options.dry_run or options.on_sample  # somebody is trying it, and looks
    return with_alert(lambda: translated(work), Alerts() if quiet else alerts, alert, _say)


def _run_recipe(given: argparse.Namespace, recipe: Recipe, options: RunOptions, runs: list[RecipeRun]) -> int:
    """Run it; add the run to `runs` when it begins."""
    hive = recipe.source.query is not None
    with running_session("recipe", hive=hive, settings=settings_of(recipe.source)) as spark:
        run, failed = RecipeRun(spark, recipe, options, _say), None
        runs.append(run)
        try:
            run.run()
        except NlpbatchError as error:
            failed = error
            raise
        finally:
            if given.outcome is not None:
                _write(given.outcome, run, recipe, failed)
    return LOOK if run.warnings else 0


def _write(file: Path, run: RecipeRun, recipe: Recipe, failed: NlpbatchError | None) -> None:
    try:
        write_outcomes(file, run.outcomes, recipe.variables, failed, run.warnings)
    except OSError as error:
        raise ConfigError(f"--outcome {file}: can't be written: {error.strerror}: check the path") from failed or error


def _say(line: str) -> None:
    print(f"recipe: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
