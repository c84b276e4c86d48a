"""The rows of a table, a query or files, as stages read them that don't hand files to the analysis."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, ParseException, PySparkException
from pyspark.sql import DataFrame, SparkSession

from nlpbatch.errors import ConfigError
from nlpbatch.formats.encodings import known_encoding
from nlpbatch.formats.malformed import CORRUPT
from nlpbatch.formats.names import format_of
from nlpbatch.recipe.settings import TableSettings
from nlpbatch.spark.runs.inputs import Input
from nlpbatch.spark.runs.listing import Listing, list_files
from nlpbatch.spark.schema import named
from nlpbatch.spark.storage import first_line
from nlpbatch.suggestions import nearest


def query_frame(spark: SparkSession, query: str, section: str = "source") -> DataFrame:
    """Return what a query gives, not evaluated yet.

    Raises:
        ConfigError: It can't be run.

    """
    try:
        return spark.sql(query)
    except (ParseException, AnalysisException) as error:
        raise ConfigError(f"[{section}] the query can't be run: {first_line(error)}: correct it") from error
    except (PySparkException, Py4JJavaError) as error:
        raise ConfigError(
            f"[{section}] the query failed: {first_line(error)}: check the metastore and the query"
        ) from error


def look_at_files(spark: SparkSession, table: TableSettings, section: str) -> Input:
    """Return the files of a section's table, and their columns.

    Raises:
        ConfigError: They can't be read.

    """
    how = table.reading() | {"encoding": known_encoding(table.encoding)}
    with _in_section(section):
        return Input.look(spark, str(table.files), format_name=how.pop("format"), ddl=None, **how)


def read_table(spark: SparkSession, table: TableSettings, section: str) -> DataFrame:
    """Return the rows of a section's table, not evaluated yet; of those that can't be parsed there is only `CORRUPT`.

    Raises:
        ConfigError: They can't be read, or one of the files can't.

    """
    if table.query is not None:
        return query_frame(spark, table.query, section)
    found = look_at_files(spark, table, section)
    if found.faults:
        file, why = next(iter(sorted(found.faults.items())))
        raise ConfigError(f"[{section}] {file} can't be read: {why}: correct it or remove it")
    return found.read(spark, found.files)


def is_json(spark: SparkSession, table: TableSettings, section: str) -> bool:
    """Return whether only reading all of a table would tell its columns.

    Raises:
        ConfigError: There are no files.

    """
    if table.files is None or table.format is not None:
        return table.format == "json"
    with _in_section(section):
        return format_of(list_files(spark, table.files)) == "json"


def parsed(df: DataFrame) -> DataFrame:
    """Return the rows without those that can't be parsed, and without the column that says so."""
    return df.where(named(CORRUPT).isNull()).drop(CORRUPT) if CORRUPT in df.columns else df


def require_columns(df: DataFrame, named_by: Mapping[str, Iterable[str]]) -> None:
    """Refuse rows that lack columns: those of JSON are known only now.

    Args:
        df: The rows.
        named_by: Names of columns, by the key of the recipe that names them.

    Raises:
        ConfigError: One isn't there.

    """
    for key, names in named_by.items():
        for name in names:
            if name not in df.columns:
                raise ConfigError(f"{key}: the rows have no column {name!r}: {nearest(name, df.columns)}")


def contents_of(spark: SparkSession, files: str, section: str) -> str:
    """Return which files there are, in words, and as a hash of their names, sizes and times of change.

    Raises:
        ConfigError: There are none, or they can't be listed.

    """
    with _in_section(section):
        pattern = Listing.find(spark, files).pattern
    reader = spark.read.format("binaryFile").option("recursiveFileLookup", "true")
    try:  # of these columns alone, Spark reads no file
        rows = reader.load(pattern).select("path", "length", "modificationTime").orderBy("path").collect()
    except (PySparkException, Py4JJavaError) as error:
        raise ConfigError(f"[{section}] {files!r} can't be listed: {first_line(error)}: check the path") from error
    digest = hashlib.sha256(repr([tuple(row) for row in rows]).encode()).hexdigest()
    return f"{len(rows):,} files of {sum(row['length'] for row in rows):,} bytes ({digest[:12]})"


@contextmanager
def _in_section(section: str) -> Iterator[None]:
    """Name the section of a recipe in errors that speak of a job's options."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"[{section}] {error.message} (in a recipe, --NAME is NAME in [{section}])") from error
