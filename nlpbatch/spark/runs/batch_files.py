"""The files of one micro-batch: readable files give its rows; the others are set aside with the reason."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from nlpbatch.errors import InternalError
from nlpbatch.spark.runs.inputs import Input
from nlpbatch.spark.runs.inspection import inspect
from nlpbatch.spark.runs.unreadable import unreadable_file

_COUNTED_FILES = 10_000


@dataclass(slots=True)
class BatchFiles:
    """The files of one micro-batch.

    Args:
        spark: Session to read with.
        source: What is known of them.
        files: Their bytes, by path.
        set_aside: Why some of them cannot be read, by path; grows while they are read.

    """

    spark: SparkSession
    source: Input
    files: Mapping[str, int]
    set_aside: dict[str, str] = field(default_factory=dict)
    _rows: DataFrame | None = None

    @classmethod
    def of(cls, spark: SparkSession, source: Input, paths: Iterable[str]) -> "BatchFiles":
        """Return files, those set aside that are known or found not to be readable."""
        paths = list(paths)
        source = source.including(spark, paths)
        found = cls(spark, source, {path: source.files.get(path, 0) for path in paths})
        found.set_aside.update({path: source.faults[path] for path in paths if path in source.faults})
        while True:
            try:
                found.set_aside.update(inspect(spark, source, found.left))
            except (PySparkException, Py4JJavaError) as error:
                if not found.sets_aside(error):
                    raise
            else:
                return found

    @property
    def left(self) -> list[str]:
        """Return the paths of the files that can be read, as far as is known."""
        return [path for path in self.files if path not in self.set_aside]

    @property
    def size_bytes(self) -> int:
        """Return the bytes of all files."""
        return sum(self.files.values())

    def rows(self) -> DataFrame:
        """Return the rows of the files that can be read."""
        if self._rows is None:  # Spark looks up each file when it creates the DataFrame
            self._rows = self.source.read(self.spark, self.left)
        return self._rows

    def count(self) -> int | None:
        """Return the number of those rows, if the files know it; damage is found here, before anything is sent."""
        if not self.source.kind.counted or len(self.left) > _COUNTED_FILES:
            return None
        return self.rows().count()

    def check(self, rows: int, counted: int | None) -> None:
        """Compare the number of rows that were written with the number that the files have.

        Raises:
            InternalError: They differ. With a condition they are not compared, because what it selects may change
                from one reading to the next, as with `rand()`.

        """
        if counted is not None and counted != rows and self.source.where is None:
            raise InternalError(
                f"{rows:,} rows were read of files that have {counted:,}: nothing of this micro-batch was kept; start "
                "the job again"
            )

    def sets_aside(self, error: PySparkException | Py4JJavaError) -> bool:
        """Set the file aside that an error names; return whether there is one, and it wasn't set aside before."""
        found = unreadable_file(error)
        if found is None or found[0] not in self.files or found[0] in self.set_aside:
            return False
        self.set_aside[found[0]] = found[1]
        self._rows = None
        return True
