"""What an alert says of a run of a recipe."""

from collections.abc import Mapping
from typing import Any

from nlpbatch.alerts.after import Ending
from nlpbatch.alerts.alert import Alert, StageReport, numbers
from nlpbatch.alerts.delivery import Alerts
from nlpbatch.alerts.links import report_links, run_link
from nlpbatch.errors import ExpectationBreached
from nlpbatch.recipe.graph import graph_of
from nlpbatch.recipe.recipe_file import Recipe
from nlpbatch.recipe.run import RecipeRun
from nlpbatch.recipe.run_options import RunOptions


def run_alert(
    ending: Ending, recipe: Recipe, options: RunOptions, run: RecipeRun | None, alerts: Alerts
) -> Alert | None:
    """Return the alert of a run; None if it has done one stage of several, and others are still to come.

    Args:
        ending: How it ended.
        recipe: What was to be made.
        options: How.
        run: What it did; None if it never began.
        alerts: Who is told, which has the address of a page.

    """
    graph = list(graph_of(recipe, on_sample=options.on_sample))
    if ending.state == "done" and options.stage is not None and options.stage != graph[-1]:
        return None
    outcomes, warnings = ([], []) if run is None else (run.outcomes, run.warnings)
    stages = [StageReport(one.stage, one.state, one.reason, one.seconds, numbers(one.result)) for one in outcomes]
    found = {one.stage: one.result for one in outcomes}
    output = recipe.sink.path
    written = str(found.get("profile", {}).get("report") or "")
    reports = written.split(", ") if written else []
    return Alert(
        event="run",
        kind="recipe",
        name=options.name or output.rstrip("/").rpartition("/")[2],
        output=output,
        state=ending.state,
        ended_at=ending.ended_at,
        breached=isinstance(ending.error, ExpectationBreached) or any(one.get("breaches") for one in found.values()),
        exit_code=ending.exit_code,
        started_at=ending.started_at,
        seconds=ending.seconds,
        stage=options.stage,
        variables=recipe.variables,
        error=ending.error_members,
        warnings=tuple(warnings),
        stages=stages,
        figures=_figures(found.get("analyze", {})),
        link=run_link(alerts.page, alerts.page_of, output),
        reports=report_links(alerts.page, alerts.page_of, output, reports),
    )


def _figures(analysis: Mapping[str, Any]) -> dict[str, float]:
    return {**numbers(analysis), **{f"errors.{code}": count for code, count in (analysis.get("errors") or {}).items()}}
