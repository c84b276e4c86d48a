"""How the input of a run is cut into micro-batches and tasks."""

from dataclasses import dataclass
from typing import Final

from pyspark.sql import DataFrame, SparkSession

from nlpbatch.older_python import Self
from nlpbatch.spark.runs.inputs import Input
from nlpbatch.wire.limits import KIB, MIB

_BATCH_BYTES_PER_CORE: Final = 8 * MIB
_TASKS_PER_CORE: Final = 16
_MAX_TASK_BYTES: Final = 4 * MIB
_MIN_TASK_BYTES: Final = 128 * KIB
_TASK_BYTES_PER_COLUMN: Final = 4 * KIB
"""Every task opens every column, which takes about a millisecond: less data than this of each isn't worth a task."""

_WIDE_COLUMNS: Final = 1_000
"""From here on, Spark takes longer to compile the code that copies a row than it takes to copy rows without it."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How the input is cut.

    Args:
        batch_bytes: Bytes of input files in a micro-batch; a larger file is one by itself.
        task_bytes: Bytes of them in a task.
        cores: Tasks that run at a time.
        are_wide: Whether the rows have so many columns that Spark copies them faster without compiled code.

    """

    batch_bytes: int
    task_bytes: int
    cores: int
    are_wide: bool = False

    @classmethod
    def choose(cls, source: Input, cores: int, batch_bytes: int | None) -> Self:
        """Return sizes for an input.

        A micro-batch ends with a barrier of about a second, so it is to last for minutes. A task is what is lost with
        an executor, and what the others wait for in the end: there are many of them, and none is large.
        """
        total_bytes = sum(source.files.values())
        batch_bytes = batch_bytes or max(2, cores) * _BATCH_BYTES_PER_CORE
        task_bytes = min(total_bytes, batch_bytes) // (cores * _TASKS_PER_CORE)
        columns = len(source.schema)
        min_bytes = max(_MIN_TASK_BYTES, columns * _TASK_BYTES_PER_COLUMN)
        return cls(batch_bytes, max(min(task_bytes, _MAX_TASK_BYTES), min_bytes), cores, columns > _WIDE_COLUMNS)

    def configure(self, spark: SparkSession) -> None:
        """Let a session read files in tasks of this size."""
        spark.conf.set("spark.sql.files.maxPartitionBytes", str(self.task_bytes))
        if self.are_wide:
            spark.conf.set("spark.sql.codegen.factoryMode", "NO_CODEGEN")

    def spread(self, df: DataFrame, size_bytes: int) -> DataFrame:
        """Return rows in enough tasks: files with few row groups, or one that is compressed whole, make too few."""
        wanted = max(self.cores, -(-size_bytes // self.task_bytes))
        return df.repartition(wanted) if 2 * df.rdd.getNumPartitions() < wanted else df
