"""`nlpbatch run RECIPE.toml`: a recipe on this machine."""

import argparse
import os
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Final

from nlpbatch.cli.local_spark import environment, spark_submit, submit
from nlpbatch.cli.stack import Stack, StackOptions, stop_on_signals

_ASKING: Final = (None, "profile", "analyze")
"""Stages that ask the service; None is all of them."""
_STAGES: Final = ("dump", "sample", "profile", "join", "clean", "expect", "analyze", "expect-errors", "features")
"""Those of `nlpbatch.recipe.stages`, which needs the spark extra."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = commands.add_parser(
        "run",
        help="run the stages of a recipe on this machine",
        description="Run the stages of a recipe, from a dump to features of a data set, with a Spark on this machine. "
        "Without NLPBATCH_SERVICE, an API and a proxy are started for it.",
    )
    parser.add_argument("recipe", type=Path, metavar="RECIPE.toml")
    parser.add_argument("--on", choices=("sample", "all"), default="all", help="analyze and make features of this")
    parser.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="fill {{ NAME }} in the recipe, such as ds=2026-11-30, ds=today or ds=yesterday; repeatable",
    )
    parser.add_argument("--stage", choices=_STAGES, help="this one only")
    parser.add_argument("--overwrite", action="store_true", help="also run stages that are done already")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and how much it is")
    parser.add_argument("--outcome", type=Path, metavar="FILE", help="write what became of each stage as JSON")
    parser.add_argument(
        "--conf", metavar="KEY=VALUE", action="append", type=_setting, default=[], help="setting of Spark; repeatable"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Submit it; return what the job returns."""
    import jobs.recipe  # noqa: PLC0415  (needs the spark extra)
    from nlpbatch.recipe.alert_settings import alerts_of  # noqa: PLC0415
    from nlpbatch.recipe.recipe_file import Recipe  # noqa: PLC0415
    from nlpbatch.recipe.variables import parse_assignments  # noqa: PLC0415

    variables = parse_assignments(arguments.set, date.today())  # noqa: DTZ011  (the user's day)
    recipe = Recipe.load(arguments.recipe, variables)  # errors in the recipe are reported before anything starts
    alerts_of(recipe.alerts, os.environ)
    if arguments.on == "sample":
        recipe.check_sample()
    options = [str(arguments.recipe), "--on", arguments.on]
    options += ["--stage", arguments.stage] if arguments.stage else []
    options += [f"--{name.replace('_', '-')}" for name in ("overwrite", "dry_run") if getattr(arguments, name)]
    options += [part for name, value in variables.items() for part in ("--set", f"{name}={value}")]
    options += ["--outcome", str(arguments.outcome)] if arguments.outcome else []
    stop_on_signals()
    with ExitStack() as running:
        given = {}
        named = (recipe.analyze and recipe.analyze.service) or os.environ.get("NLPBATCH_SERVICE")
        if recipe.analyze is not None and not named and not arguments.dry_run and arguments.stage in _ASKING:
            stack = running.enter_context(Stack(StackOptions()))
            given = {"NLPBATCH_SERVICE": stack.service, "NLPBATCH_API_KEY": stack.api_key or ""}
        command = spark_submit("*", Path(str(jobs.recipe.__file__)), *options, conf=arguments.conf)
        return submit(command, {**environment(os.environ.get("NLPBATCH_API_KEY")), **given})


def _setting(text: str) -> str:
    name, separator, _ = text.partition("=")
    if not (name and separator):
        raise argparse.ArgumentTypeError(f"{text!r} is no setting: write it as KEY=VALUE")
    return text
