"""Counts what expectations look at, in one pass over the rows."""

from collections.abc import Sequence
from typing import Final

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as sf
from pyspark.sql.types import ArrayType

from nlpbatch.errors import ConfigError
from nlpbatch.recipe.expectations import DataFigures
from nlpbatch.spark.failure import failure
from nlpbatch.spark.schema import named

MAX_LABELS: Final = 1_000
MAX_LABEL_LENGTH: Final = 100
"""Bounds of what counts as labels: their values go to records, which hold no texts."""


def figures_of(df: DataFrame, *, texts: Sequence[str], nulls: Sequence[str], label: str | None) -> DataFigures:
    """Return the figures of all rows.

    Args:
        df: The rows.
        texts: Text columns, of strings or arrays of strings.
        nulls: Columns whose null values are counted.
        label: Column whose values are counted; None for none.

    Raises:
        ConfigError: The label has too many values, or too long ones.
        InternalError: Spark failed.

    """
    counted = {f"null_{position}": name for position, name in enumerate(nulls)}
    counts = [
        sf.count(sf.lit(1)).alias("rows"),
        *(sf.count_if(named(name).isNull()).alias(key) for key, name in counted.items()),
    ]
    if texts:
        counts.append(sf.avg(sf.char_length(joined_text(df, texts))).alias("length"))
    df.sparkSession.sparkContext.setJobDescription("nlpbatch recipe: expect")
    try:
        (row,) = df.agg(*counts).collect()
        labels = {} if label is None else _labels(df, label)
    except (PySparkException, Py4JJavaError) as error:
        raise failure(error) from error
    return DataFigures(
        row["rows"], {name: row[key] for key, name in counted.items()}, labels, row["length"] if texts else None
    )


def joined_text(df: DataFrame, names: Sequence[str]) -> Column:
    """Return all texts of a row as one, without null, a line break between two; "" without any."""
    texts = [
        sf.array_join(named(name), "\n") if isinstance(df.schema[name].dataType, ArrayType) else named(name)
        for name in names
    ]
    return sf.concat_ws("\n", *texts)


def _labels(df: DataFrame, label: str) -> dict[str, int]:
    grouped = df.where(named(label).isNotNull()).groupBy(named(label).cast("string").alias("label"))
    found = grouped.count().limit(MAX_LABELS + 1).collect()
    if len(found) > MAX_LABELS or any(len(row["label"]) > MAX_LABEL_LENGTH for row in found):
        raise ConfigError(
            f"[expect] label: column {label!r} has more than {MAX_LABELS:,} values, or one of more than "
            f"{MAX_LABEL_LENGTH} characters: name a column of labels"
        )
    return {row["label"]: row["count"] for row in sorted(found, key=lambda row: str(row["label"]))}
