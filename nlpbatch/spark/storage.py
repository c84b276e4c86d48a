"""A directory and the files in it, on whatever file system Spark writes to (HDFS, local, object stores)."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from nlpbatch.errors import ConfigError, StorageFull
from nlpbatch.spark.jvm_locale import check_file_names

_FULL: Final = ("No space left on device", "DiskSpace quota", "NameSpace quota", "StorageSpace quota")
"""What Java and HDFS say when nothing more can be written."""
_REMEDY: Final = "check it and Spark's configuration"
_RENAMES: Final = 8
"""Files that are renamed at a time: object stores copy a file to rename it."""
_REMEDIES: Final = {
    'for scheme "s3"': "write it as s3a://…",
    "S3AFileSystem not found": "give spark-submit --packages org.apache.hadoop:hadoop-aws:VERSION, of Spark's Hadoop",
    "FileSystem not found": "give spark-submit the package of that file system with --packages",
}


class Storage:
    """A directory on a Hadoop file system; names are paths under it, "" is the directory itself.

    Raises:
        ConfigError: Not a path, or a file system that Spark doesn't know, can't reach or may not use; from methods too.
        StorageFull: From methods that write: no room or quota is left.

    """

    def __init__(self, spark: SparkSession, directory: str) -> None:
        context = spark.sparkContext
        # PySpark offers no other way to Hadoop's file systems.
        self._hadoop: Any = context._jvm.org.apache.hadoop.fs  # type: ignore[union-attr]  # noqa: SLF001
        self._java: Any = context._jvm.java.io  # type: ignore[union-attr]  # noqa: SLF001
        self._text: Any = context._jvm.org.apache.commons.io.IOUtils  # type: ignore[union-attr]  # noqa: SLF001
        self._new_array: Any = context._gateway.new_array  # type: ignore[union-attr]  # noqa: SLF001
        self._settings: Any = context._jsc.hadoopConfiguration()  # noqa: SLF001
        self._directory = directory
        with self._reached():
            self._root: Any = self._hadoop.Path(directory)
            self._files = self._root.getFileSystem(self._settings)
            self._url = str(self._files.makeQualified(self._root).toString())
            scheme = str(self._files.getScheme())
        self._is_local = scheme == "file"
        check_file_names(context._jvm, self._url, scheme)  # noqa: SLF001

    @property
    def url(self) -> str:
        """Return the whole path with its file system, as Hadoop names it."""
        return self._url

    def within(self, name: str) -> str:
        """Return the whole path of a name."""
        return str(self._files.makeQualified(self._path(name)).toString())

    def exists(self, name: str = "") -> bool:
        """Return whether there is anything of that name."""
        with self._reached():
            return bool(self._files.exists(self._path(name)))

    def names(self, name: str = "") -> list[str]:
        """Return the names of a directory's direct entries, sorted; none if it doesn't exist."""
        with self._reached():
            if not self._files.exists(self._path(name)):
                return []
            return sorted(status.getPath().getName() for status in self._files.listStatus(self._path(name)))

    def overlaps(self, other: "Storage") -> bool:
        """Return whether the two are the same directory, or one contains the other."""
        mine, others = f"{self.url.rstrip('/')}/", f"{other.url.rstrip('/')}/"
        return mine.startswith(others) or others.startswith(mine)

    def delete(self, name: str = "") -> None:
        """Delete a file, or a directory and all in it; nothing if there is nothing."""
        with self._reached():
            self._files.delete(self._path(name), True)

    def make_directory(self, name: str) -> None:
        """Make a directory, and those between; nothing if it is there."""
        with self._reached():
            self._files.mkdirs(self._path(name))

    def move(self, name: str, target: str) -> None:
        """Rename a file or directory; the target must be free. On HDFS and local disks the move is atomic.

        Raises:
            ConfigError: The target exists already, or the file system refuses.

        """
        self.make_directory(target.rpartition("/")[0])
        with self._reached():
            self._rename(self._path(name), self._path(target))

    def rename(self, name: str, names: Mapping[str, str]) -> None:
        """Rename files in a directory, several at a time; the new names must be free.

        Raises:
            ConfigError: One of them exists already, or the file system refuses.

        """

        def rename_one(old: str) -> None:
            with self._reached():
                self._rename(self._path(f"{name}/{old}"), self._path(f"{name}/{names[old]}"))

        with ThreadPoolExecutor(_RENAMES, thread_name_prefix="nlpbatch-rename") as threads:
            list(threads.map(rename_one, names))

    def read_text(self, name: str) -> str:
        """Return what a small file holds.

        Raises:
            ConfigError: There is none.

        """
        with self._reached():
            stream = self._files.open(self._path(name))
            try:
                return str(self._text.toString(stream, "UTF-8"))
            finally:
                stream.close()

    def write_text(self, name: str, text: str) -> None:
        """Write a small file, replacing an older one; there is never half of it."""
        part = f"{name}.part"
        self.rewrite_text(part, text)
        with self._reached():
            self._rename(self._path(part), self._path(name), self._hadoop.Options.Rename.OVERWRITE)

    def rewrite_text(self, name: str, text: str) -> None:
        """Write a small file in place: it never goes away, but a reader may find it empty or half written."""
        with self._reached():
            stream = self._files.create(self._path(name), True)
            try:
                stream.write(bytearray(text.encode()))
            finally:
                stream.close()

    def create(self, name: str) -> bool:
        """Create an empty file; return False if it is there already. Of several that try, one succeeds."""
        path = self._path(name)
        self.make_directory(name.rpartition("/")[0])
        with self._reached():
            if self._is_local:  # where Hadoop would look first and create then
                return bool(self._java.File(path.toUri().getPath()).createNewFile())
            try:
                self._files.create(path, False).close()
            except Py4JJavaError as error:
                if "AlreadyExists" in str(error.java_exception.getClass().getName()):
                    return False
                raise
        return True

    def size_bytes(self, name: str = "") -> int:
        """Return the bytes of a file, or of all files in a directory."""
        with self._reached():
            return int(self._files.getContentSummary(self._path(name)).getLength())

    def put(self, file: Path, name: str) -> None:
        """Copy a file of this machine, replacing an older one."""
        with self._reached():
            self._files.copyFromLocalFile(False, True, self._hadoop.Path(file.as_uri()), self._path(name))

    def get(self, name: str, file: Path) -> None:
        """Copy a file to this machine."""
        with self._reached():
            self._files.copyToLocalFile(False, self._path(name), self._hadoop.Path(file.as_uri()), True)

    def _rename(self, source: Any, target: Any, *options: Any) -> None:
        # FileSystem.rename would move *into* a target that is a directory; FileContext's refuses.
        given = self._new_array(self._hadoop.Options.Rename, len(options))
        for position, option in enumerate(options):
            given[position] = option
        context = self._hadoop.FileContext.getFileContext(self._files.getUri(), self._settings)
        context.rename(self._files.makeQualified(source), self._files.makeQualified(target), given)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except (Py4JError, PySparkException, ConnectionError) as error:
            reason = first_line(error)
            if any(said in reason for said in _FULL):
                raise StorageFull(
                    f"path {self._directory!r} has no room left: {reason}: make room and start again, it resumes"
                ) from error
            remedy = next((remedy for said, remedy in _REMEDIES.items() if said in reason), _REMEDY)
            raise ConfigError(f"path {self._directory!r} can't be used: {reason}: {remedy}") from error

    def _path(self, name: str) -> Any:
        return self._hadoop.Path(self._root, name) if name else self._root


def first_line(error: PySparkException | Py4JError | ConnectionError) -> str:
    """Return what went wrong in the JVM, without its stack trace."""
    text = str(error.java_exception.getMessage()) if isinstance(error, Py4JJavaError) else str(error)
    return text.strip().splitlines()[0].rstrip(".") if text.strip() else type(error).__name__
