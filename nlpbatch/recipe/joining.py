"""Gives rows the columns of the one row of a second table that has their key; refuses tables that don't fit."""

from collections.abc import Iterator
from typing import Final

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as sf
from pyspark.sql.types import AtomicType, DataType, IntegralType, StructField, StructType

from nlpbatch.errors import ConfigError
from nlpbatch.formats.malformed import CORRUPT
from nlpbatch.recipe.preparation_settings import JoinSettings
from nlpbatch.spark.failure import failure
from nlpbatch.spark.schema import named
from nlpbatch.suggestions import nearest

MATCHED: Final = "_nlpbatch_matched"
"""Column that is null in rows without a partner."""
_PREFIX: Final = "_nlpbatch_joined_"


def joined_schema(rows: StructType, other: StructType, settings: JoinSettings) -> StructType:
    """Return the columns of joined rows.

    Args:
        rows: Columns of the rows.
        other: Columns of the joined table.
        settings: How they are joined.

    Raises:
        ConfigError: All that doesn't fit: missing keys, keys of other types, columns that both have.

    """
    faults = list(_faults(rows, other, settings))
    if faults:
        raise ConfigError("\n".join(faults))
    taken = [StructField(name, other[name].dataType) for name in _taken(other, settings)]
    return StructType([*rows.fields, *taken])


def joined(df: DataFrame, other: DataFrame, settings: JoinSettings) -> DataFrame:
    """Return all rows with the columns of their partners, and `MATCHED`; the joined table's keys are unique.

    Raises:
        ConfigError: As `joined_schema`.

    """
    other = other.drop(CORRUPT)
    joined_schema(df.schema, other.schema, settings)
    taken = _taken(other.schema, settings)
    keys = {f"{_PREFIX}key_{position}": name for position, name in enumerate(settings.on.values())}
    columns = {f"{_PREFIX}{position}": name for position, name in enumerate(taken)}
    renamed = [named(name).alias(meanwhile) for meanwhile, name in {**keys, **columns}.items()]
    partners = other.select(*renamed, sf.lit(True).alias(MATCHED))
    conditions: list[Column] = [named(mine) == sf.col(theirs) for mine, theirs in zip(settings.on, keys, strict=True)]
    own = [named(name) for name in df.columns]
    added = [sf.col(meanwhile).alias(name) for meanwhile, name in columns.items()]
    return df.join(partners, conditions, "left").select(*own, *added, MATCHED)


def check_unique(other: DataFrame, settings: JoinSettings) -> int:
    """Refuse a joined table in which a key is there more than once; return its rows that lack one.

    Raises:
        ConfigError: With how many keys and rows there are, without their values.
        InternalError: Spark failed.

    """
    theirs = list(settings.on.values())
    keys = [named(name).alias(f"key_{position}") for position, name in enumerate(theirs)]
    has_all = sf.lit(True)
    for position in range(len(keys)):
        has_all = has_all & sf.col(f"key_{position}").isNotNull()
    counted = other.drop(CORRUPT).select(*keys).groupBy(*(f"key_{position}" for position in range(len(keys)))).count()
    repeated = has_all & (sf.col("count") > 1)
    try:
        (row,) = counted.agg(
            sf.count_if(repeated).alias("keys"),
            sf.sum(sf.when(repeated, sf.col("count"))).alias("rows"),
            sf.sum(sf.when(~has_all, sf.col("count"))).alias("keyless"),
        ).collect()
    except (PySparkException, Py4JJavaError) as error:
        raise failure(error) from error
    if row["keys"]:
        names = ", ".join(theirs)
        raise ConfigError(
            f"[join] {row['keys']:,} keys ({names}) are in {row['rows']:,} rows of the joined table, must be in one "
            f"each: make them unique, such as with a query that has GROUP BY {names}"
        )
    return row["keyless"] or 0


def _taken(other: StructType, settings: JoinSettings) -> list[str]:
    if settings.columns is not None:
        return list(settings.columns)
    return [name for name in other.names if name not in settings.on.values() and name != CORRUPT]


def _faults(rows: StructType, other: StructType, settings: JoinSettings) -> Iterator[str]:
    for mine, theirs in settings.on.items():
        if mine not in rows.names:
            yield f"[join] on: the rows have no column {mine!r}: {nearest(mine, rows.names)}"
        if theirs not in other.names:
            yield f"[join] on: the joined table has no column {theirs!r}: {nearest(theirs, other.names)}"
        if mine in rows.names and theirs in other.names:
            yield from _type_faults(rows[mine], other[theirs])
    known = {name.lower(): name for name in rows.names}
    for name in _taken(other, settings):
        if name not in other.names:
            yield f"[join] columns: the joined table has no column {name!r}: {nearest(name, other.names)}"
        elif name.lower() in known:
            yield (
                f"[join] both have a column {known[name.lower()]!r}: leave it out of columns, or rename it in a query"
            )


def _type_faults(mine: StructField, theirs: StructField) -> Iterator[str]:
    one, other = mine.dataType.simpleString(), theirs.dataType.simpleString()
    if not isinstance(mine.dataType, AtomicType):
        yield f"[join] on: column {mine.name!r} is {one}, which is no key: choose another"
    elif not _comparable(mine.dataType, theirs.dataType):
        yield (
            f"[join] on: {mine.name!r} is {one} in the rows, and {theirs.name!r} is {other} in the joined table: "
            "cast one of them in a query"
        )


def _comparable(mine: DataType, theirs: DataType) -> bool:
    return mine == theirs or (isinstance(mine, IntegralType) and isinstance(theirs, IntegralType))
