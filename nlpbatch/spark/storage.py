"""Files beside a job's output, on whatever file system Spark writes to (HDFS, local, object stores)."""

from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from nlpbatch.errors import ConfigError


class Storage:
    """A directory on a Hadoop file system.

    Raises:
        ConfigError: The path names a file system that Spark doesn't know or can't reach.

    """

    def __init__(self, spark: SparkSession, directory: str) -> None:
        jvm: Any = spark.sparkContext._jvm  # noqa: SLF001  (PySpark offers no other way to Hadoop's FileSystem)
        self._jvm = jvm
        try:
            self._root: Any = jvm.org.apache.hadoop.fs.Path(directory)
            self._files = self._root.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())  # noqa: SLF001
        except Py4JJavaError as error:
            reason = str(error.java_exception.getMessage())
            raise ConfigError(
                f"path {directory!r} can't be used: {reason}: check it and Spark's configuration"
            ) from error

    @property
    def url(self) -> str:
        """Return the whole path with its file system, as Hadoop names it."""
        return str(self._files.makeQualified(self._root).toString())

    def exists(self) -> bool:
        """Return whether there is anything at the path."""
        return bool(self._files.exists(self._root))

    def is_complete(self) -> bool:
        """Return whether a job has finished writing here (`_SUCCESS`)."""
        return bool(self._files.exists(self._child("_SUCCESS")))

    def delete(self) -> None:
        """Delete the directory and all in it."""
        self._files.delete(self._root, True)

    def write_text(self, name: str, text: str) -> str:
        """Write a small file under the directory, replacing an older one; return its whole path."""
        path = self._child(name)
        stream = self._files.create(path, True)
        try:
            stream.write(bytearray(text.encode()))
        finally:
            stream.close()
        return str(self._files.makeQualified(path).toString())

    def _child(self, name: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(self._root, name)
