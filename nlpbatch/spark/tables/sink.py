"""The two tables that a run adds its rows to: those with an outcome, and beside it the dead letters.

TABLE        the input's columns, and those of the outcome
TABLE_dead   the same, the run and the micro-batch; partitioned by run, so that a replay replaces its own rows
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sf
from pyspark.sql.types import IntegerType, StringType, StructField, StructType

from nlpbatch.errors import ConfigError
from nlpbatch.formats.malformed import CORRUPT
from nlpbatch.older_python import Self
from nlpbatch.spark.failure import failure
from nlpbatch.spark.runs.layout import PARTITION
from nlpbatch.spark.schema import named
from nlpbatch.spark.storage import Storage
from nlpbatch.spark.tables.commits import COMMITS, CommitName, TableCommits
from nlpbatch.spark.tables.direct import DIRECT, DirectFiles
from nlpbatch.spark.tables.fitting import Fitting, fit
from nlpbatch.spark.tables.formats import FORMATS, require_jar
from nlpbatch.spark.tables.lookup import FoundTable, find_table, reached, require_table
from nlpbatch.spark.tables.names import TableName

RUN: Final = "nlpbatch_run"
BATCH: Final = "nlpbatch_batch"
"""Columns of dead letters that say which run and micro-batch they are of."""
_OF_DEAD: Final = (StructField(RUN, StringType()), StructField(BATCH, IntegerType()))
_BRANCHES: Final = ("spark.wap.branch", "spark.wap.id")


@dataclass(frozen=True, slots=True)
class SinkTable:
    """One of the two.

    Args:
        name: Its name.
        format: One of `FORMATS`.
        wanted: Columns of the rows.
        found: What is there; None if it has to be made.
        fitting: How the rows become the table's.
        partitioned_by: Column that it is partitioned by if it is made here.

    """

    name: TableName
    format: str
    wanted: StructType
    found: FoundTable | None
    fitting: Fitting
    partitioned_by: str | None = None

    def make(self, spark: SparkSession) -> None:
        """Create it, or add the columns that it lacks.

        Raises:
            CatalogAway: The catalog doesn't answer.
            ConfigError: It can't be made; with the catalog's reason.

        """
        try:
            with reached(spark, self.name):
                if self.found is None:
                    self._create(spark)
                elif self.fitting.added:
                    added = ", ".join(f"`{one.name}` {one.dataType.simpleString()}" for one in self.fitting.added)
                    spark.sql(f"ALTER TABLE {self.name} ADD COLUMNS ({added})")
        except PySparkException as error:
            if error.getCondition() == "TABLE_OR_VIEW_ALREADY_EXISTS":  # another driver made it meanwhile
                return
            raise ConfigError(f"table {self.name} can't be made: {failure(error).message}") from error

    def _create(self, spark: SparkSession) -> None:
        if not self.name.is_path and len(self.name.parts) > 1:
            schema = TableName(self.name.parts[:-1], self.name.catalog)
            spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {schema}")
        plain = StructType([StructField(one.name, one.dataType) for one in self.wanted])
        writer = spark.createDataFrame([], plain).writeTo(str(self.name)).using(self.format)
        if self.partitioned_by is not None:
            writer = writer.partitionedBy(sf.col(self.partitioned_by))
        writer.create()

    def commits(self, spark: SparkSession) -> TableCommits:
        """Return what commits to it."""
        return COMMITS[self.format](spark, self.name)


@dataclass(frozen=True, slots=True)
class TableSink:
    """Both tables of a run.

    Args:
        spark: Session.
        rows: Rows with an outcome.
        dead: Dead letters.

    """

    spark: SparkSession
    rows: SinkTable
    dead: SinkTable

    @classmethod
    def plan(cls, spark: SparkSession, name: str, schema: StructType, *, given: str | None, evolve: bool) -> Self:
        """Return the tables, after checking everything that can be wrong with them; nothing is written.

        Args:
            spark: Session.
            name: The table's.
            schema: Columns of the rows, with those of the outcome.
            given: The format that a new table gets; None to find out that of a table that is there.
            evolve: Whether the table may get columns, and rows may lack some.

        Raises:
            CatalogAway: The catalog doesn't answer.
            ConfigError: Not the name of a table that can be written, or its columns differ.

        """
        branch = next((key for key in _BRANCHES if spark.conf.get(key, None)), None)
        if branch is not None:
            raise ConfigError(f"{branch} is set, so that rows would go to a branch of {name}: unset it")
        table = TableName.parse(spark, name)
        found = find_table(spark, table)
        table_format = _format(spark, table, found, given)
        taken = next((one.name for one in _OF_DEAD if one.name in schema.names), None)
        if taken is not None:
            raise ConfigError(f"the input has a column {taken!r}, which dead letters have for the run: rename it")
        wanted = StructType([one for one in schema if one.name != CORRUPT])
        of_dead = StructType([*schema, *_OF_DEAD])
        beside = find_table(spark, table.dead)
        return cls(
            spark,
            SinkTable(table, table_format, wanted, found, _fitting(wanted, found, table, evolve=evolve)),
            SinkTable(
                table.dead,
                table_format if beside is None else beside.format,
                of_dead,
                beside,
                _fitting(of_dead, beside, table.dead, evolve=True),
                partitioned_by=RUN,
            ),
        )

    @classmethod
    def existing(cls, spark: SparkSession, name: str) -> Self:
        """Return tables that a run has written.

        Raises:
            CatalogAway: The catalog doesn't answer.
            ConfigError: One of them is gone.

        """
        dead = require_table(spark, TableName.parse(spark, name).dead)
        require_table(spark, name)
        added = {one.name for one in _OF_DEAD}
        return cls.plan(
            spark, name, StructType([one for one in dead.schema if one.name not in added]), given=None, evolve=True
        )

    def make(self) -> None:
        """Create the tables that aren't there, and add columns that are accepted."""
        for table in (self.rows, self.dead):
            table.make(self.spark)

    def bases(self) -> dict[str, str | None]:
        """Return what a later look-up goes back to, by "rows" and "dead"."""
        with reached(self.spark, self.rows.name):
            try:
                return {name: table.commits(self.spark).base() for name, table in self._tables().items()}
            except PySparkException as error:
                raise failure(error) from error

    def add_rows(self, rows: DataFrame, name: CommitName, bases: Mapping[str, str | None]) -> None:
        """Add rows with an outcome, once."""
        self.rows.commits(self.spark).append(self.rows.fitting.apply(rows), name, bases["rows"])

    def direct(self, output: Storage) -> DirectFiles | None:
        """Return what adds files to the table of rows as they are; None if Spark's writer has to.

        Args:
            output: Where they are staged.

        """
        found = require_table(self.spark, self.rows.name)
        place = found.name.parts[1] if found.name.is_path else found.location
        if not _is_same(found.schema, self.rows.wanted) or not place:
            return None
        direct = DIRECT[found.format](self.spark, found.name, place)
        return direct if direct.can(found.schema, output) else None

    def add_files(
        self, files: Sequence[str], name: CommitName, bases: Mapping[str, str | None], direct: DirectFiles
    ) -> None:
        """Add files with rows that have an outcome, once; they are in the table's directory."""
        commits = self.rows.commits(self.spark)
        try:
            direct.add(files, name, commits, bases["rows"])
        except (PySparkException, Py4JError):  # as in `TableCommits`: a lost answer, or another writer
            try:
                with reached(self.spark, self.rows.name):
                    direct.add(files, name, commits, bases["rows"])
            except PySparkException as error:
                raise failure(error) from error

    def add_dead(self, rows: DataFrame, run: str, name: CommitName, bases: Mapping[str, str | None]) -> None:
        """Add dead letters, once."""
        rows = rows.withColumn(RUN, sf.lit(run)).withColumn(BATCH, sf.lit(name.number))
        self.dead.commits(self.spark).append(self.dead.fitting.apply(rows), name, bases["dead"])

    def replace_dead(self, rows: DataFrame, run: str, name: CommitName, bases: Mapping[str, str | None]) -> None:
        """Replace all dead letters of a run, once; the rows have their micro-batch."""
        rows = self.dead.fitting.apply(rows.withColumn(RUN, sf.lit(run)))
        self.dead.commits(self.spark).replace(rows, named(RUN) == run, name, bases["dead"])

    def dead_letters(self, run: str) -> DataFrame:
        """Return the dead letters of a run, with the number of their micro-batch as `run_batch`."""
        with reached(self.spark, self.dead.name):
            rows = self.spark.table(str(self.dead.name)).where(named(RUN) == run)
        return rows.drop(RUN).withColumnRenamed(BATCH, PARTITION)

    def _tables(self) -> dict[str, SinkTable]:
        return {"rows": self.rows, "dead": self.dead}


def _format(spark: SparkSession, table: TableName, found: FoundTable | None, given: str | None) -> str:
    """Return the format of a table that is there, or is to be made."""
    if found is not None:
        if given not in {None, found.format}:
            raise ConfigError(f"table {table} is of {found.format}, not {given}: leave --table-format out")
        return found.format
    if table.is_path:
        given = table.parts[0].lower()
    if given is None:
        raise ConfigError(
            f"there is no table {table} yet: check the name, or say what it is to be with --table-format delta or "
            "--table-format iceberg"
        )
    require_jar(spark, FORMATS[given], table.catalog)
    return given


def _fitting(rows: StructType, found: FoundTable | None, table: TableName, *, evolve: bool) -> Fitting:
    return fit(rows, rows if found is None else found.schema, name=str(table), evolve=evolve)


def _is_same(table: StructType, rows: StructType) -> bool:
    """Return whether columns have the same names and types, char and varchar aside, whose rules Spark keeps."""
    if any("__CHAR_VARCHAR_TYPE_STRING" in one.metadata for one in table):
        return False
    theirs, ours = ({one.name: one.dataType.simpleString() for one in schema} for schema in (table, rows))
    return theirs == ours
