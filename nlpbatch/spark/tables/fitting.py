"""Whether rows fit a table that is there already: what differs, in words, and how rows are brought into its columns."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as sf
from pyspark.sql.types import (
    ArrayType,
    ByteType,
    DataType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    ShortType,
    StructField,
    StructType,
)

from nlpbatch.errors import ConfigError
from nlpbatch.spark.schema import named

_WIDER: Final[dict[type[DataType], tuple[type[DataType], ...]]] = {
    ByteType: (ShortType, IntegerType, LongType),
    ShortType: (IntegerType, LongType),
    IntegerType: (LongType,),
    FloatType: (DoubleType,),
}
"""Types that hold every value of another."""
_GENERATED: Final = ("delta.generationExpression", "delta.identity.start", "CURRENT_DEFAULT")
"""Metadata of columns that Delta fills itself."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """How rows become rows of a table.

    Args:
        columns: The table's columns that are written, those that are added last.
        added: Columns that the table gets.
        sources: The rows' columns by the table's; columns that aren't in it are null.

    """

    columns: tuple[StructField, ...]
    added: tuple[StructField, ...]
    sources: dict[str, str]

    def apply(self, rows: DataFrame) -> DataFrame:
        """Return the rows with the table's columns, in its order."""
        return rows.select(*(self._column(field) for field in self.columns))

    def _column(self, field: StructField) -> Column:
        source = self.sources.get(field.name)
        column = sf.lit(None) if source is None else named(source)
        return column.cast(field.dataType).alias(field.name)


def fit(rows: StructType, table: StructType, *, name: str, evolve: bool) -> Fitting:
    """Return how rows are brought into a table's columns.

    Args:
        rows: Columns of the rows.
        table: Columns of the table.
        name: The table's, for errors.
        evolve: Whether the table may get columns, and rows may lack some that may be null.

    Raises:
        ConfigError: The columns differ; with all differences.

    """
    ours, theirs = ({field.name.lower(): field for field in schema} for schema in (rows, table))
    added = tuple(field for key, field in ours.items() if key not in theirs)
    lacking = [field for key, field in theirs.items() if key not in ours and not _is_filled(field)]
    both = [(ours[key], theirs[key]) for key in ours if key in theirs]
    faults = [*_type_faults(both), *(f"the rows lack {_shown(one)}, not null" for one in lacking if not one.nullable)]
    if not evolve:
        faults += [f"the table lacks {_shown(field)}" for field in added]
        faults += [f"the rows lack {_shown(field)}" for field in lacking if field.nullable]
    if faults:
        remedy = "name another table" if evolve else "name another table, or accept added and missing columns with "
        raise ConfigError(
            f"the rows don't fit table {name}: {'; '.join(faults)}: {remedy}{'' if evolve else '--evolve-schema'}"
        )
    columns = tuple(field for field in table if not (field.name.lower() not in ours and _is_filled(field)))
    sources = {theirs[key].name: ours[key].name for key in ours if key in theirs}
    return Fitting((*columns, *added), added, sources | {field.name: field.name for field in added})


def _type_faults(both: list[tuple[StructField, StructField]]) -> Iterator[str]:
    for own, other in both:
        if not holds(other.dataType, own.dataType):
            yield (
                f"column {other.name!r} is {other.dataType.simpleString()} in the table, {own.dataType.simpleString()} "
                "in the rows"
            )
        elif own.nullable and not other.nullable:
            yield (
                f"column {other.name!r} may not be null in the table (ALTER TABLE … ALTER COLUMN {other.name} "
                "DROP NOT NULL)"
            )


def holds(wide: DataType, narrow: DataType) -> bool:
    """Return whether every value of one type is a value of another, by the names of fields."""
    if isinstance(wide, ArrayType) and isinstance(narrow, ArrayType):
        return holds(wide.elementType, narrow.elementType)
    if isinstance(wide, MapType) and isinstance(narrow, MapType):
        return holds(wide.keyType, narrow.keyType) and holds(wide.valueType, narrow.valueType)
    if isinstance(wide, StructType) and isinstance(narrow, StructType):
        # A cast goes by position.
        return wide.names == narrow.names and all(
            holds(one.dataType, other.dataType) for one, other in zip(wide, narrow, strict=True)
        )
    if isinstance(wide, DecimalType) and isinstance(narrow, DecimalType):
        return wide.scale == narrow.scale and wide.precision >= narrow.precision
    return wide == narrow or type(wide) in _WIDER.get(type(narrow), ())


def _is_filled(field: StructField) -> bool:
    return any(name in field.metadata for name in _GENERATED)


def _shown(field: StructField) -> str:
    return f"{field.name} {field.dataType.simpleString()}"
