"""What a stage or a job made: ten rows, read from its first Parquet file, or the checks of expectations."""

import math
import posixpath
from typing import Any, Final

from nlpbatch.errors import ConfigError
from nlpbatch.pipelines.overview import as_json
from nlpbatch.pipelines.records import Records

ROWS: Final = 10
_DIRECTORIES: Final = {
    "dump": "dump",
    "sample": "sample",
    "join": "joined",
    "clean": "cleaned",
    "analyze": "analyzed",
    "features": "features",
}
"""Where stages of a recipe write rows."""
_CHECKS: Final = ("expect", "expect-errors")
"""Stages that write checks."""
_LONGEST: Final = 400
_LARGEST: Final = 2**53
"""Whole numbers from here on, browsers round."""
_DEPTH: Final = 4


def preview(records: Records, path: str, stage: str | None) -> dict[str, Any]:
    """Return `columns` and `rows` of the first ten rows, or of all checks; texts are cut after 400 characters.

    Args:
        records: Where to look.
        path: Of a job or recipe.
        stage: Of the recipe; None for a job.

    Raises:
        ConfigError: There is no such stage, or nothing to show yet, or pyarrow isn't installed.

    """
    if stage in _CHECKS:
        return _checks(records, posixpath.join(path, f"expect/{stage}.json"))
    if stage is not None and stage not in _DIRECTORIES:
        raise ConfigError(f"stage {stage!r} writes no rows: choose from {', '.join((*_DIRECTORIES, *_CHECKS))}")
    directory = path if stage is None else posixpath.join(path, _DIRECTORIES[stage])
    file = _first_file(records, directory, _DEPTH)
    if file is None:
        raise ConfigError(f"nothing is in {directory or records.url} yet that could be shown: rows of Parquet are")
    try:
        import pyarrow.parquet as pq  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise ConfigError("a preview needs pyarrow: pip install 'nlpbatch[explore]'") from error
    with records.open(file) as opened:
        batch = next(pq.ParquetFile(opened).iter_batches(batch_size=ROWS), None)
    return {"file": as_json(file)} | ({"columns": [], "rows": []} if batch is None else show_rows(batch))


def show_rows(rows: Any) -> dict[str, Any]:
    """Return `columns` and `rows` of a table or a batch of Arrow.

    Raises:
        ConfigError: A value has no counterpart in Python, such as a day in the year 275,760.

    """
    columns = rows.schema.names
    try:
        values = rows.to_pylist()
    except (ValueError, ArithmeticError, ImportError) as error:
        raise ConfigError(f"the rows can't be shown ({type(error).__name__}): read the file itself") from error
    shown = {"columns": columns, "rows": [[_shown(row[name]) for name in columns] for row in values]}
    return dict(as_json(shown))


def _checks(records: Records, file: str) -> dict[str, Any]:
    found = records.read(file)
    checks = [one for one in (found or {}).get("checks") or () if isinstance(one, dict)]
    if not checks:
        raise ConfigError(f"{file} has no checks yet")
    columns = list(checks[0])
    shown = {"file": file, "columns": columns, "rows": [[_shown(one.get(name)) for name in columns] for one in checks]}
    return dict(as_json(shown))


def _first_file(records: Records, directory: str, depth: int) -> str | None:
    for name in records.names(directory):
        if name.endswith(".parquet") and not name.startswith("_"):
            return posixpath.join(directory, name)
    for name in records.directories(directory) if depth else ():
        if not name.startswith("_") and (found := _first_file(records, posixpath.join(directory, name), depth - 1)):
            return found
    return None


def _shown(value: Any) -> Any:
    """Return a value as JSON has it: tokens as form and tag, all else that is no number as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float):
        return str(value) if isinstance(value, int) and abs(value) >= _LARGEST else value
    if isinstance(value, list) and value and all(isinstance(one, dict) and "form" in one for one in value):
        return {"tokens": [[str(one["form"]), str(one.get("tag") or "")] for one in value[:100]]}
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
