"""Which files a path names: a file, all files below a directory at any depth, or what a glob matches."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from urllib.parse import unquote

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from nlpbatch.errors import ConfigError
from nlpbatch.formats.names import is_hidden
from nlpbatch.formats.table_directories import refuse_tables
from nlpbatch.older_python import Self
from nlpbatch.spark.storage import Storage, first_line

_SPECIAL: Final = "*?[]{}\\"
"""Characters that Hadoop's globs use."""
_FEW: Final = 1_000
"""Files that are asked for one by one sooner than a job of Spark's is run for them."""
EXACTLY: Final[Mapping[str, str]] = {"__globPaths__": "false", "recursiveFileLookup": "true"}
"""Options with which Spark takes the paths that a reader gets for names, never for patterns.

Without the second, a path that contains one of `_SPECIAL` means all files in its directory.
"""


@dataclass(frozen=True, slots=True)
class Listing:
    """The files that there are.

    Args:
        pattern: What Spark reads them by: a glob, or a path with all special characters escaped.
        files: Bytes of all of them, by path, in order of their paths.
        is_file: Whether the path is that of one file.
        depth: Segments of the path; what a file's path has beyond them are directories below it.
        partitions: Names of the columns that directories such as `date=2024-05-01` stand for; all files have the same.
        faults: Why files cannot be opened at all, by path.

    """

    pattern: str
    files: Mapping[str, int]
    is_file: bool
    depth: int
    partitions: tuple[str, ...] = ()
    faults: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def find(cls, spark: SparkSession, path: str) -> Self:
        """Return the files under a path.

        A path that exists is taken as it is, whatever characters it has; any other is a glob.

        Raises:
            ConfigError: There are none, or they cannot be listed, or only some of them are in partitions, or they are
                a table's.

        """
        storage = Storage(spark, path)
        is_there = storage.exists()
        pattern = escaped(path) if is_there else path
        files = _list(spark, path, pattern)
        if not files:
            raise ConfigError(_nothing(storage, path, is_there=is_there))
        refuse_tables(files, lambda directory: partial(_names_in, Storage(spark, directory)))
        depth = storage.url.rstrip("/").count("/") + 1
        faults = {name: _COLON for name in files if name.startswith("file:") and ":" in name.rpartition("/")[2]}
        return cls(pattern, files, list(files) == [storage.url], depth, _partitions(files, depth), faults)

    def base(self, file: str) -> str:
        """Return the part of a file's path that was given; partitions are the directories below it."""
        return "/".join(file.split("/")[: self.depth])

    def stream_pattern(self) -> str:
        """Return what Spark's stream reads by: it takes a path for a directory, and fails on a file, but no glob."""
        if not self.is_file or any(character in self.pattern for character in _SPECIAL):
            return self.pattern
        last = self.pattern[-1]
        # Hadoop makes a regular expression of a glob, in which most letters mean something after a backslash.
        return f"{self.pattern[:-1]}[{last}]" if last.isalnum() else f"{self.pattern[:-1]}\\{last}"


_COLON: Final = "its name holds ':', with which Spark cannot open local files: rename it"


def _names_in(storage: Storage, name: str) -> list[str]:
    try:
        return storage.names(name)
    except ConfigError:  # above the input there may be directories that are not to be read
        return []


def list_files(spark: SparkSession, path: str) -> dict[str, int]:
    """Return the bytes of all files under a path, by path, in order; see `Listing.find`."""
    return dict(Listing.find(spark, path).files)


def escaped(path: str) -> str:
    """Return a glob that matches one path."""
    return "".join(f"\\{character}" if character in _SPECIAL else character for character in path)


def files_read(df: Any) -> list[str]:
    """Return the paths of the files that a DataFrame reads, as often as it reads them, as URIs."""
    leaves = df._jdf.queryExecution().analyzed().collectLeaves()  # noqa: SLF001
    relations = (leaves.apply(position) for position in range(leaves.size()))
    return [str(uri) for leaf in relations for uri in leaf.relation().location().inputFiles()]


def _list(spark: SparkSession, path: str, pattern: str) -> dict[str, int]:
    try:
        # A reader of whole files, of which only names and sizes are asked: Spark lists large directories in parallel.
        found = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(pattern)
        if (few := _few(found)) is not None:
            return few
        table = found.select("path", "length").toArrow()
    except (PySparkException, Py4JJavaError) as error:
        raise ConfigError(
            f"input {path!r} can't be listed: {first_line(error)}: check the path given with --input"
        ) from error
    return dict(sorted(zip(table["path"].to_pylist(), table["length"].to_pylist(), strict=True)))


def _few(df: Any) -> dict[str, int] | None:
    """Return the bytes of the files that a DataFrame reads, without a job, whose first takes seconds; None of many."""
    leaf = df._jdf.queryExecution().analyzed().collectLeaves().apply(0)  # noqa: SLF001
    files = leaf.relation().location().allFiles()
    if files.size() > _FEW:
        return None
    found = (files.apply(position) for position in range(files.size()))
    return dict(sorted((str(file.getPath().toString()), int(file.getLen())) for file in found))


def _nothing(storage: Storage, path: str, *, is_there: bool) -> str:
    """Return why nothing was found."""
    name = storage.url.rstrip("/").rpartition("/")[2]
    names = storage.names() if is_there else [name]
    if any(is_hidden(one) for one in names):
        which = "it" if names == [name] else "each of its files"
        return (
            f"input {path!r} holds no files that Spark reads: the name of {which} begins with _ or ., and Spark passes "
            "over such names: rename them"
        )
    return f"input {path!r} holds no files: check the path given with --input"


def _partitions(files: Mapping[str, int], depth: int) -> tuple[str, ...]:
    """Return the partition columns that all files have.

    Raises:
        ConfigError: Some files have others, or a partition is below a directory that is not one.

    """
    first, first_keys = "", None
    for file in files:
        keys, is_nested = _keys(file, depth)
        if is_nested:
            raise ConfigError(
                f"{file} is in partitions ({', '.join(keys)}) below a directory that is not a partition: give that "
                "directory as input"
            )
        if first_keys is None:
            first, first_keys = file, keys
        elif keys != first_keys:
            raise ConfigError(
                f"{file} is in {_words(keys)}, {first} in {_words(first_keys)}: give a path with one kind"
            )
    return first_keys or ()


def _keys(file: str, depth: int) -> tuple[tuple[str, ...], bool]:
    """Return a file's partition columns, and whether a directory without one contains a directory with one."""
    directories = file.split("/")[depth:-1]
    flags = ["=" in name and not name.startswith("=") for name in directories]
    keys = tuple(_names(directories))
    return keys, flags[: len(keys)] != [True] * len(keys)


def _names(directories: list[str]) -> Iterator[str]:
    for directory in directories:
        name, separator, _ = directory.partition("=")
        if separator and name:
            yield unquote(name)


def _words(keys: tuple[str, ...]) -> str:
    return f"partitions ({', '.join(keys)})" if keys else "no partition"
