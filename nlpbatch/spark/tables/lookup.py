"""What Spark knows of a table: whether it is there, its format and its columns; all else is an error with a remedy."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from nlpbatch.errors import CatalogAway, ConfigError
from nlpbatch.spark.failure import failure
from nlpbatch.spark.storage import first_line
from nlpbatch.spark.tables.formats import FORMATS, require_jar, spark_version
from nlpbatch.spark.tables.names import TableName
from nlpbatch.suggestions import nearest

_ABSENT: Final = {
    *("TABLE_OR_VIEW_NOT_FOUND", "SCHEMA_NOT_FOUND", "PATH_NOT_FOUND"),
    *("DELTA_TABLE_NOT_FOUND", "DELTA_MISSING_DELTA_TABLE", "DELTA_PATH_DOES_NOT_EXIST"),
}
_UNCONFIGURED: Final = {"DELTA_CONFIGURE_SPARK_SESSION_WITH_EXTENSION_AND_CATALOG"}
_AWAY: Final = re.compile(
    r"java\.net\.(?:\w*ConnectException|NoRouteToHostException|SocketException|SocketTimeoutException|"
    r"UnknownHostException)|HttpHostConnectException|ConnectTimeoutException|TTransportException|"
    r"SessionHiveMetaStoreClient|RESTException|ServiceUnavailableException|ServiceFailureException|"
    r"CommitStateUnknownException|JDBCConnectionException"
)
"""What the clients of catalogs say if nobody answers."""
_PLUGIN: Final = "Cannot find catalog plugin class"
_DETAILS: Final = "# Detailed Table Information"


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table that is there.

    Args:
        name: Its name.
        format: One of `FORMATS`.
        schema: Its columns.
        location: Its directory.

    """

    name: TableName
    format: str
    schema: StructType
    location: str


def find_table(spark: SparkSession, name: str | TableName) -> FoundTable | None:
    """Return what is known of a table; None if there is none.

    Raises:
        ConfigError: Not a name, a view, a table of another format, or Spark lacks what its format needs.
        CatalogAway: Its catalog doesn't answer.

    """
    table = name if isinstance(name, TableName) else TableName.parse(spark, name)
    if table.is_path:
        require_jar(spark, FORMATS[table.parts[0].lower()], table.catalog)
    try:
        with reached(spark, table):
            schema = spark.table(str(table)).schema
            described = spark.sql(f"DESCRIBE TABLE EXTENDED {table}").collect()
    except PySparkException as error:
        if error.getCondition() in _ABSENT:
            return None
        raise failure(error) from error
    names = [row["col_name"] for row in described]
    details = described[names.index(_DETAILS) :] if _DETAILS in names else []
    found = {row["col_name"]: row["data_type"] for row in details}
    provider = str(found.get("Provider", "")).lower()
    if provider not in FORMATS:
        what = f"a table of the format {provider}" if provider else "a view"
        raise ConfigError(f"{table} is {what}: name a table of Delta or Iceberg")
    require_jar(spark, FORMATS[provider], table.catalog)
    return FoundTable(table, provider, schema, str(found.get("Location", "")))


def require_table(spark: SparkSession, name: str | TableName) -> FoundTable:
    """Return what is known of a table that has to be there.

    Raises:
        ConfigError: As `find_table`, or there is no such table.
        CatalogAway: Its catalog doesn't answer.

    """
    table = name if isinstance(name, TableName) else TableName.parse(spark, name)
    found = find_table(spark, table)
    if found is None:
        raise ConfigError(f"there is no table {table} in catalog {table.catalog!r}: {_near(spark, table)}")
    return found


@contextmanager
def reached(spark: SparkSession, table: TableName) -> Iterator[None]:
    """Turn errors of a catalog that is away or isn't configured into those of this product; let others through.

    Raises:
        CatalogAway: It doesn't answer.
        ConfigError: Spark lacks the jar or the settings of the table's format, or doesn't know the catalog.
        PySparkException: Any other error; those of the JVM, too, if they aren't one of these.

    """
    try:
        yield
    except (PySparkException, Py4JError) as error:
        said = str(error)
        condition = error.getCondition() if isinstance(error, PySparkException) else None
        if condition == "REQUIRES_SINGLE_PART_NAMESPACE" and len(table.parts) > 2:  # noqa: PLR2004
            remedy = FORMATS["iceberg"].remedy(spark_version(spark), table.parts[0])
            raise ConfigError(f"{table}: Spark has no catalog {table.parts[0]!r}: {remedy}") from error
        if condition in _UNCONFIGURED or _PLUGIN in said:
            kind = FORMATS["iceberg" if "iceberg" in said else "delta"]
            raise ConfigError(
                f"{table}: Spark has no {kind.title} here: {kind.remedy(spark_version(spark), table.catalog)}"
            ) from error
        if _AWAY.search(said):
            line = _cause(said) or first_line(error)
            raise CatalogAway(
                f"the catalog {table.catalog!r} of {table} doesn't answer: {line}: start again once it does, the run "
                "resumes"
            ) from error
        if isinstance(error, Py4JJavaError):
            raise failure(error) from error
        raise


def _cause(said: str) -> str | None:
    found = re.findall(rf"(?:{_AWAY.pattern}).*", said)
    return found[-1].strip() if found else None


def _near(spark: SparkSession, table: TableName) -> str:
    """Return the remedy for a name that isn't there: those that are."""
    names: list[str] = []
    with suppress(PySparkException, Py4JError):
        schema = TableName(table.parts[:-1], table.catalog)
        within = f" IN {schema}" if schema.parts else ""
        names = [row["tableName"] for row in spark.sql(f"SHOW TABLES{within}").collect() if not row["isTemporary"]]
    return nearest(table.parts[-1], sorted(names)) if names else "check the name, or create it"
