"""Files beside a job's output, on whatever file system Spark writes to (HDFS, local, object stores)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from nlpbatch.errors import ConfigError


class Storage:
    """A directory on a Hadoop file system.

    Raises:
        ConfigError: Not a path, or a file system that Spark doesn't know, can't reach or may not use; from methods too.

    """

    def __init__(self, spark: SparkSession, directory: str) -> None:
        jvm: Any = spark.sparkContext._jvm  # noqa: SLF001  (PySpark offers no other way to Hadoop's FileSystem)
        self._jvm = jvm
        self._directory = directory
        with self._reached():
            self._root: Any = jvm.org.apache.hadoop.fs.Path(directory)
            self._files = self._root.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())  # noqa: SLF001

    @property
    def url(self) -> str:
        """Return the whole path with its file system, as Hadoop names it."""
        return str(self._files.makeQualified(self._root).toString())

    def exists(self) -> bool:
        """Return whether there is anything at the path."""
        with self._reached():
            return bool(self._files.exists(self._root))

    def is_complete(self) -> bool:
        """Return whether a job has finished writing here (`_SUCCESS`)."""
        with self._reached():
            return bool(self._files.exists(self._child("_SUCCESS")))

    def overlaps(self, other: "Storage") -> bool:
        """Return whether the two are one directory, or one lies in the other."""
        mine, others = f"{self.url.rstrip('/')}/", f"{other.url.rstrip('/')}/"
        return mine.startswith(others) or others.startswith(mine)

    def delete(self) -> None:
        """Delete the directory and all in it."""
        with self._reached():
            self._files.delete(self._root, True)

    def write_text(self, name: str, text: str) -> None:
        """Write a small file under the directory, replacing an older one."""
        with self._reached():
            stream = self._files.create(self._child(name), True)
            try:
                stream.write(bytearray(text.encode()))
            finally:
                stream.close()

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except (Py4JJavaError, PySparkException) as error:
            raise ConfigError(
                f"path {self._directory!r} can't be used: {first_line(error)}: check it and Spark's configuration"
            ) from error

    def _child(self, name: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(self._root, name)


def first_line(error: PySparkException | Py4JJavaError) -> str:
    """Return what went wrong in the JVM, without its stack trace."""
    text = str(error.java_exception.getMessage()) if isinstance(error, Py4JJavaError) else str(error)
    return text.strip().splitlines()[0].rstrip(".") if text.strip() else type(error).__name__
