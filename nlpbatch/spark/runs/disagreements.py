"""Why Spark finds no columns that all files of an input share, in words that name columns and files."""

from typing import Final

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrameReader, SparkSession

from nlpbatch.spark.runs.listing import EXACTLY
from nlpbatch.spark.storage import first_line

_COMPARED_FILES: Final = 1_000
_CASE_SENSITIVE: Final = "spark.sql.caseSensitive"


def disagreement(
    spark: SparkSession, error: PySparkException | Py4JJavaError, reader: DataFrameReader, files: list[str]
) -> str:
    """Return what is wrong.

    Args:
        spark: The reader's session.
        error: What Spark said.
        reader: Reads the files.
        files: Those that can be read.

    """
    condition = error.getCondition() if isinstance(error, PySparkException) else None
    if condition == "COLUMN_ALREADY_EXISTS":
        return _same_names(spark, reader, files) or first_line(error)
    other_types = _other_types(reader, files)
    if other_types:
        return other_types
    if condition == "UNABLE_TO_INFER_SCHEMA":
        return "no file is whole and of this format"
    return first_line(error)


def _same_names(spark: SparkSession, reader: DataFrameReader, files: list[str]) -> str:
    """Return which names differ in case only."""
    spark.conf.set(_CASE_SENSITIVE, "true")
    try:
        names = reader.options(**EXACTLY).load(files).schema.names
    except (PySparkException, Py4JJavaError):
        return ""
    finally:
        spark.conf.unset(_CASE_SENSITIVE)
    known: dict[str, str] = {}
    for name in names:
        if known.setdefault(name.lower(), name) != name:
            return f"columns {known[name.lower()]!r} and {name!r} differ in case only: rename one"
    return ""


def _other_types(reader: DataFrameReader, files: list[str]) -> str:
    """Return which files have a column in another type than the first file that has it."""
    known: dict[str, tuple[str, str]] = {}
    for path in files[:_COMPARED_FILES]:
        try:
            schema = reader.options(**EXACTLY).load(path).schema
        except (PySparkException, Py4JJavaError):
            continue  # a damaged file has no types to compare
        for field in schema:
            kind = field.dataType.simpleString()
            first_path, first_kind = known.setdefault(field.name, (path, kind))
            if kind != first_kind:
                return f"column {field.name!r} is {first_kind} in {first_path} and {kind} in {path}"
    return ""
