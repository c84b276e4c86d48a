"""A DAG made of a recipe: a task for each of its stages, in the recipe's own graph."""

import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, Param, TriggerRule

from nlpbatch.airflow.dates import PARAMETER
from nlpbatch.airflow.operator import RecipeStageOperator
from nlpbatch.airflow.sensor import SourceSensor
from nlpbatch.errors import ConfigError
from nlpbatch.recipe.graph import ancestors, graph_of, published
from nlpbatch.recipe.recipe_file import Recipe
from nlpbatch.recipe.template import RecipeTemplate

SOURCE_TASK: Final = "source"
"""The task that waits for the source."""
_RETRIES: Final = 2
_RETRY_DELAY: Final = timedelta(minutes=5)
_DATES: Final = ("ds", "date")
_ANY_TEXT: Final = "x"
"""Stands for a value that Airflow renders later, while a recipe is checked."""


def recipe_dag(
    recipe: str | Path,
    *,
    schedule: Any = None,
    dag_id: str | None = None,
    timezone: str = "UTC",
    command: Sequence[str] | None = None,
    variables: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    on_sample: bool = False,
    wait_for_source: bool | str = False,
    asset: Asset | None = None,
    partitioned: bool = False,
    default_args: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> DAG:
    """Return a DAG that runs a recipe; assign it to a global name of the file.

    Args:
        recipe: Path of the recipe. A relative one begins at the folder of the file that calls.
        schedule: A cron expression or preset, whose runs are about the interval that has just ended; or whatever else
            Airflow takes: assets, a timetable, None for runs by hand.
        dag_id: Name of the DAG; that of the recipe's file if left out.
        timezone: Where the schedule's days and hours are, and where dates begin, such as "Asia/Seoul".
        command: What runs a recipe, which is appended with its options: `nlpbatch run` in Airflow's own environment if
            left out, or `("/opt/nlpbatch/bin/nlpbatch", "run")`, or `("spark-submit", "--master", "yarn", …,
            "/opt/nlpbatch/jobs/recipe.py")`. The driver runs where the task does.
        variables: Values of the recipe's placeholders; the date comes from each run. Airflow's templates are rendered.
        env: Variables of the environment of the command, such as NLPBATCH_SERVICE. Airflow's templates are rendered.
        cwd: Where relative paths in the recipe begin; its folder if left out.
        on_sample: Whether analyze and features take the sample.
        wait_for_source: Whether to wait for the files of `[source]` first; a name, such as "_SUCCESS", waits for that
            file in their directory.
        asset: What a run announces when it has made something new; an asset with the output's address if left out.
        partitioned: Whether its events carry the date as a partition's key, for DAGs that are scheduled by partitions;
            DAGs that are scheduled by assets as such don't see these.
        default_args: Of all tasks, over `retries` 2 and `retry_delay` 5 minutes.
        arguments: Further ones of Airflow's DAG: start_date, catchup, tags, …

    Raises:
        ConfigError: The recipe can't be used; Airflow shows it as an error of the file that calls.

    """
    path = Path(recipe).absolute()
    if not Path(recipe).is_absolute():
        path = Path(sys._getframe(1).f_code.co_filename).parent.absolute() / recipe  # noqa: SLF001  (as Airflow does for fileloc)
    template = RecipeTemplate.read(path)
    given = dict(variables or {})
    example = _example(template, given)
    _check(example, timezone, arguments, waits=bool(wait_for_source))
    folder = str(Path(cwd).absolute() if cwd is not None else path.parent)
    graph = graph_of(example, on_sample=on_sample)
    dag = DAG(
        dag_id or path.stem,
        schedule=CronDataIntervalTimetable(schedule, timezone) if isinstance(schedule, str) else schedule,
        default_args={"retries": _RETRIES, "retry_delay": _RETRY_DELAY, **(default_args or {})},
        **{
            "catchup": False,
            "max_active_runs": 1,
            "tags": ["nlpbatch"],
            "params": _parameters(template),
            "doc_md": f"`{path.name}`\n\n```toml\n{template.text}\n```",
            **arguments,
            # One run of a recipe writes its output at a time: stages that don't need each other wait for each other.
            "max_active_tasks": 1,
        },
    )
    common = {"recipe": str(path), "variables": given, "timezone": timezone, "dag": dag}
    output = published(graph) if not on_sample else None
    tasks: dict[str, Any] = {}
    for place, (stage, needs) in enumerate(graph.items()):
        tasks[stage] = RecipeStageOperator(
            **common,
            stage=stage,
            made_of=ancestors(graph, stage),
            command=command or (sys.executable, "-m", "nlpbatch", "run"),
            env=env or {},
            options=("--on", "sample") if on_sample else (),
            cwd=folder,
            partitioned=partitioned,
            outlets=[asset or Asset(_address(template, folder))] if stage == output else [],
            trigger_rule=TriggerRule.NONE_FAILED,
            priority_weight=len(graph) - place,
            weight_rule="absolute",
            doc_md=f"`nlpbatch run {path.name} --stage {stage}`",
        )
        for need in needs:
            tasks[need] >> tasks[stage]
    if wait_for_source:
        marker = wait_for_source if isinstance(wait_for_source, str) else None
        sensor = SourceSensor(**common, task_id=SOURCE_TASK, marker=marker)
        for stage, needs in graph.items():
            if not needs:
                sensor >> tasks[stage]
    return dag


def _example(template: RecipeTemplate, variables: Mapping[str, str]) -> Recipe:
    """Return the recipe with values as they might be, to refuse it now if it can't be used."""
    texts = {name: _ANY_TEXT if "{{" in value else value for name, value in variables.items() if name not in _DATES}
    try:
        return template.example(texts)
    except ConfigError as error:
        raise ConfigError(f"{error.message} (in recipe_dag, --set NAME=VALUE is variables={{NAME: VALUE}})") from error


def _check(recipe: Recipe, timezone: str, arguments: Mapping[str, Any], *, waits: bool) -> None:
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError(f"timezone {timezone!r} is unknown: write it as Asia/Seoul") from error
    if waits and recipe.source.files is None:
        raise ConfigError(
            "wait_for_source waits for files, and [source] is a table or a query: schedule the DAG by an asset instead"
        )
    if "max_active_tasks" in arguments:
        raise ConfigError("max_active_tasks is 1, because one stage writes the output at a time: leave it out")
    if arguments.get("catchup") and "start_date" not in arguments:
        raise ConfigError("catchup needs to know since when: give start_date")


def _parameters(template: RecipeTemplate) -> dict[str, Param]:
    if not template.is_dated:
        return {}
    meaning = "The date that the run is about; left out, the start of its data interval."
    return {PARAMETER: Param(None, type=["null", "string"], format="date", description=meaning)}


def _address(template: RecipeTemplate, folder: str) -> str:
    """Return the output's address, with a scheme."""
    output = template.output
    return output if "://" in output else f"file://{Path(folder) / output}"
