"""`nlpbatch schedule RECIPE.toml --cron … --as …`: files that have a recipe run on a schedule."""

import argparse
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from nlpbatch import __version__
from nlpbatch.errors import ConfigError

_KINDS: Final = ("airflow", "systemd", "kubernetes")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = commands.add_parser(
        "schedule",
        help="write the files that have a recipe run on a schedule",
        description="Write a DAG for Airflow, a timer and a service for systemd, or a CronJob for Kubernetes. A recipe "
        "by date gets the date of the day before the run: in Airflow that of the run's interval.",
    )
    parser.add_argument("recipe", type=Path, metavar="RECIPE.toml")
    parser.add_argument(
        "--cron", required=True, metavar="EXPR", help='such as "0 3 * * *" for 03:00 each day, or @daily'
    )
    parser.add_argument("--as", dest="kind", required=True, choices=_KINDS, help="what runs it")
    parser.add_argument("--timezone", default="UTC", help="of the schedule, such as Asia/Seoul (default: %(default)s)")
    parser.add_argument("--name", help="of the DAG, unit or CronJob; that of the recipe's file if left out")
    parser.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], help="fill {{ NAME }} in the recipe; repeatable"
    )
    parser.add_argument(
        "--image", default=f"nlpbatch-recipe:{__version__}", help="for kubernetes (default: %(default)s)"
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(), metavar="DIR", help="where to write (default: here)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write them, and say what to do with them."""
    from nlpbatch.recipe.template import RecipeTemplate  # noqa: PLC0415  (most commands need no recipes)
    from nlpbatch.recipe.variables import parse_assignments  # noqa: PLC0415
    from nlpbatch.schedule import WRITERS, Cron, Planned  # noqa: PLC0415

    plan = Planned(
        template=RecipeTemplate.read(arguments.recipe),
        cron=Cron.parse(arguments.cron),
        timezone=arguments.timezone,
        name=arguments.name or re.sub(r"[^a-z0-9]+", "-", arguments.recipe.stem.lower()).strip("-"),
        folder=Path.cwd(),
        python=Path(sys.executable),
        image=arguments.image,
        variables=parse_assignments(arguments.set, datetime.now(UTC).date()),
    )
    schedule = WRITERS[arguments.kind](plan)
    paths = {arguments.output / name: text for name, text in schedule.files.items()}
    _check_free(paths)
    arguments.output.mkdir(parents=True, exist_ok=True)
    for path, text in paths.items():
        path.write_text(text, encoding="utf-8")
        print(path)
    print(f"nlpbatch: {schedule.next_step}", file=sys.stderr)
    return 0


def _check_free(paths: dict[Path, str]) -> None:
    """Refuse to replace files that say something else.

    Raises:
        ConfigError: Naming them.

    """
    taken = [path for path, text in paths.items() if path.exists() and path.read_text(encoding="utf-8") != text]
    if taken:
        names = ", ".join(map(str, taken))
        raise ConfigError(f"{names} would be replaced, and differs: remove it, or give another -o")
