"""Commits to a table that happen once, however often they are tried: each has the name of its run and a number.

Delta remembers the last number of each name itself (`txnAppId`, `txnVersion`) and leaves out a commit that it has.
Iceberg has both in the summary of the snapshot. It is looked up before each try, back to the snapshot that the table
had before the first one: what isn't between the two hasn't been committed.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, DataFrameWriterV2, SparkSession

from nlpbatch.errors import ConfigError
from nlpbatch.spark.failure import failure
from nlpbatch.spark.tables.lookup import reached
from nlpbatch.spark.tables.names import TableName

RUN_KEY: Final = "nlpbatch.run"
BATCH_KEY: Final = "nlpbatch.batch"
"""What a commit's name is called in the table."""


@dataclass(frozen=True, slots=True)
class CommitName:
    """What makes two tries one commit.

    Args:
        run: The run's name, or one of a replay.
        number: The micro-batch's; grows within a run.

    """

    run: str
    number: int


class TableCommits(ABC):
    """What is committed to one table.

    Args:
        spark: Session.
        table: The table's name.

    """

    format: ClassVar[str]

    def __init__(self, spark: SparkSession, table: TableName) -> None:
        self.spark = spark
        self.table = table

    def append(self, rows: DataFrame, name: CommitName, base: str | None) -> None:
        """Add rows by one commit, unless it has been done.

        Args:
            rows: They have the table's columns.
            name: Of the commit.
            base: What `base` returned before the first try.

        Raises:
            CatalogAway: The catalog doesn't answer.
            ConfigError: Whether it has been done can't be found out.
            InternalError: Spark failed.

        """
        self._commit(lambda: self._writer(rows, name).append(), name, base)

    def replace(self, rows: DataFrame, condition: Column, name: CommitName, base: str | None) -> None:
        """Replace the rows that meet a condition by others, by one commit; else as `append`."""
        self._commit(lambda: self._writer(rows, name).overwrite(condition), name, base)

    @abstractmethod
    def base(self) -> str | None:
        """Return what the table is at now, for a later look-up; None if that isn't needed, or it is empty."""

    @abstractmethod
    def has(self, name: CommitName, base: str | None) -> bool:
        """Return whether a commit has been done, as far as it isn't left out when it is tried again."""

    @abstractmethod
    def _writer(self, rows: DataFrame, name: CommitName) -> DataFrameWriterV2:
        """Return what writes with the commit's name."""

    def _commit(self, write: Callable[[], None], name: CommitName, base: str | None) -> None:
        with reached(self.spark, self.table):
            if self.has(name, base):
                return
        try:
            write()
        except (PySparkException, Py4JJavaError) as error:
            # Another writer was first, or the commit was done and its answer got lost: look, then try once more.
            try:
                with reached(self.spark, self.table):
                    if not self.has(name, base):
                        write()
            except PySparkException as again:
                raise failure(again) from error


class DeltaCommits(TableCommits):
    """What is committed to a table of Delta."""

    format = "delta"

    def base(self) -> str | None:
        """Return nothing: the table keeps the names of commits."""
        return None

    def has(self, name: CommitName, base: str | None) -> bool:  # noqa: ARG002  (the table keeps them all)
        """Return no: Delta leaves out what it has."""
        return False

    def _writer(self, rows: DataFrame, name: CommitName) -> DataFrameWriterV2:
        options = {"txnAppId": name.run, "txnVersion": str(name.number)}
        return rows.writeTo(str(self.table)).options(
            **options, userMetadata=f'{{"{RUN_KEY}": "{name.run}", "{BATCH_KEY}": {name.number}}}'
        )


class IcebergCommits(TableCommits):
    """What is committed to a table of Iceberg."""

    format = "iceberg"

    def base(self) -> str | None:
        """Return the current snapshot; None if there is none."""
        current = iceberg_table(self.spark, self.table).currentSnapshot()
        return None if current is None else str(current.snapshotId())

    def has(self, name: CommitName, base: str | None) -> bool:
        """Return whether a snapshot has the commit's name, of those since `base`."""
        table = iceberg_table(self.spark, self.table)
        current = table.currentSnapshot()
        number = None if current is None else int(current.snapshotId())
        while number != (None if base is None else int(base)):
            snapshot = None if number is None else table.snapshot(number)
            if snapshot is None:
                raise ConfigError(
                    f"table {self.table} no longer has its snapshots since {base}, so that it can't be known whether "
                    f"micro-batch {name.number} of run {name.run} is in it: compare its rows with those that wait in "
                    "the output's _nlpbatch/prepared, then delete that file if they are there"
                )
            summary = snapshot.summary()
            if (summary.get(RUN_KEY), summary.get(BATCH_KEY)) == (name.run, str(name.number)):
                return True
            number = None if snapshot.parentId() is None else int(snapshot.parentId())
        return False

    def _writer(self, rows: DataFrame, name: CommitName) -> DataFrameWriterV2:
        summary = {RUN_KEY: name.run, BATCH_KEY: str(name.number)}
        options = {f"snapshot-property.{key}": value for key, value in summary.items()}
        return rows.writeTo(str(self.table)).options(**options)


def iceberg_table(spark: SparkSession, name: TableName) -> Any:
    """Return a table as it is now, of Iceberg's library in Spark's JVM."""
    iceberg: Any = spark.sparkContext._jvm.org.apache.iceberg  # type: ignore[union-attr]  # noqa: SLF001
    table = iceberg.spark.Spark3Util.loadIcebergTable(spark._jsparkSession, str(name))  # noqa: SLF001
    table.refresh()  # sessions keep what they have seen of a table for some time
    return table


COMMITS: Final[dict[str, type[TableCommits]]] = {one.format: one for one in (DeltaCommits, IcebergCommits)}
"""What commits to tables of a format."""
