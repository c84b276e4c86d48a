"""spark-submit jobs/recipe.py recipe.toml: run the stages of a recipe."""

import argparse
import sys
from pathlib import Path
from typing import Final

from nlpbatch.recipe.hive import settings_of
from nlpbatch.recipe.recipe_file import Recipe
from nlpbatch.recipe.run import RecipeRun
from nlpbatch.recipe.run_options import RunOptions
from nlpbatch.recipe.stages import STAGES
from nlpbatch.spark.script import run_script, running_session

BREACHED: Final = 3
"""Exit code: everything is done, but an expectation doesn't hold that only warns."""


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
    found.add_argument("--stage", choices=STAGES, help="do this stage only")
    found.add_argument("--overwrite", action="store_true", help="also run stages that are done already")
    found.add_argument(
        "--dry-run", action="store_true", help="say what would be done, what is done, and how much it is"
    )


def main(argv: list[str] | None = None) -> int:
    """Run it; return 0 when done, 1 when it failed, 2 for a recipe that can't be used, 130 after Ctrl-C.

    1 is also for an expectation that stops the recipe. 3 means that all is done, but one doesn't hold that only warns.
    """
    return run_script("recipe", lambda: _run(argv))


def _run(argv: list[str] | None) -> int:
    given = parser().parse_args(argv)
    recipe = Recipe.load(given.recipe)
    options = RunOptions.from_environment(
        on_sample=given.on == "sample", stage=given.stage, overwrite=given.overwrite, dry_run=given.dry_run
    )
    hive = recipe.source.query is not None
    with running_session("recipe", hive=hive, settings=settings_of(recipe.source)) as spark:
        run = RecipeRun(spark, recipe, options, _say)
        run.run()
    return BREACHED if run.warnings else 0


def _say(line: str) -> None:
    print(f"recipe: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
