"""Columns that the caller gives in words."""

from typing import Final

from pyspark.errors import PySparkException
from pyspark.sql.types import StructType

from nlpbatch.errors import ConfigError
from nlpbatch.spark.storage import first_line

_REMEDY: Final = "write it as 'id bigint, review string'"


def schema_of(ddl: str) -> StructType:
    """Return the columns of a schema such as "id bigint, review string".

    Raises:
        ConfigError: Spark doesn't understand it, or it names no columns.

    """
    try:
        found = StructType.fromDDL(ddl)
    except PySparkException as error:
        raise ConfigError(f"schema {ddl!r} can't be read: {first_line(error)}: {_REMEDY}") from error
    if not isinstance(found, StructType):
        raise ConfigError(f"schema {ddl!r} names no columns: {_REMEDY}")
    return found
