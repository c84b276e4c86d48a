"""What the stages of a trial have made: ten rows, the checks of an expectation, or a report."""

from typing import Any, Final

from nlpbatch.errors import ConfigError
from nlpbatch.pipelines.preview import preview
from nlpbatch.pipelines.records import Records
from nlpbatch.pipelines.reports import read_report
from nlpbatch.recipe.recipe_file import Recipe

_ON_SAMPLE: Final = "on-sample"
_OF_ALL: Final = ("dump", "sample", "profile")
"""Stages that write beside the whole, also on a sample."""
_CHECKS: Final = ("expect", "expect-errors")


def result_of(recipe: Recipe, stage: str) -> dict[str, Any]:
    """Return what a stage made on the sample: `columns` and `rows` as `preview` has them, or `reports` by name.

    Args:
        recipe: With its variables filled in.
        stage: Which.

    Raises:
        ConfigError: There is nothing to show.

    """
    records = Records(recipe.sink.path)
    if stage == "profile":
        return {"reports": [name for name in _text_columns(recipe) if f"{name}.html" in records.names("profile")]}
    if stage in _CHECKS and (records.read(f"{_ON_SAMPLE}/expect/{stage}.json") or {}).get("checks") == []:
        raise ConfigError(f"{stage} checks nothing on a sample: [expect] rows is about all rows")
    return preview(records, "" if stage in _OF_ALL else _ON_SAMPLE, stage)


def report_of(recipe: Recipe, column: str) -> bytes:
    """Return the report on a text column of the sample, as HTML.

    Raises:
        ConfigError: There is none.

    """
    if column not in _text_columns(recipe):
        raise ConfigError(f"there is no report on {column!r}: choose from {', '.join(_text_columns(recipe)) or 'none'}")
    return read_report(Records(recipe.sink.path), "", f"{column}.html")


def _text_columns(recipe: Recipe) -> list[str]:
    """Return the columns that may have a report; names that lead elsewhere have none here."""
    columns = recipe.analyze.columns if recipe.analyze is not None else ()
    return [name for name in columns if "/" not in name and name not in {".", ".."}]
