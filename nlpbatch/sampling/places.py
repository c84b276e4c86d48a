"""Files wherever they are (this machine, HDFS, object stores), and how many bytes of them were read."""

import io
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Self
from urllib.parse import unquote, urlsplit

import fsspec

from nlpbatch.errors import ConfigError

_HIDDEN: Final = ("_", ".")
_ATTEMPTS: Final = 4
"""To reach a NameNode, over some 15 s; hdfs-native's 15 take three minutes, while somebody waits."""
_NULL: Final = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True, slots=True)
class File:
    """One file.

    Args:
        path: Where it is.
        size_bytes: What it holds.
        partition: What the directories around it say of its rows, as Hive and Spark write it: `date=2018-05`.

    """

    path: str
    size_bytes: int
    partition: Mapping[str, str | None] = field(default_factory=dict)


class Place:
    """A file, directory or glob, with a count of what was read there; safe to use from several threads.

    Raises:
        ConfigError: There is nothing, or nobody knows that kind of place, or it can't be reached.

    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._lock = threading.Lock()
        self.read_bytes = 0
        with self._reached():
            self._files, self._path = _file_system(url)
            self.files = list(self._list())
        if not self.files:
            raise ConfigError(f"{url!r} holds no files: check the path")

    @property
    def total_bytes(self) -> int:
        """Return the bytes of all files."""
        return sum(file.size_bytes for file in self.files)

    @contextmanager
    def open(self, file: File) -> "Iterator[CountedFile]":
        """Open a file."""
        # fsspec would read ahead megabytes behind each place that is looked at
        with self._reached(), self._files.open(file.path, "rb", cache_type="none") as opened:
            yield CountedFile(opened, self._count)

    def _count(self, size_bytes: int) -> None:
        with self._lock:
            self.read_bytes += size_bytes

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise ConfigError(f"{self.url!r} isn't there: check the path") from error
        except (OSError, RuntimeError) as error:
            said = (str(error).splitlines() or [type(error).__name__])[0][:300]
            raise ConfigError(f"{self.url!r} can't be read: {said}: check it") from error

    def _list(self) -> Iterator[File]:
        known: set[str] = set()  # a glob may match a directory and what is in it
        for root in sorted(self._roots()):
            found = self._files.find(root, detail=True, **self._strictly())
            base = root.rstrip("/")
            for path in sorted(found):
                *directories, name = path.removeprefix(base).strip("/").split("/")
                if found[path]["size"] and path not in known and not any(map(_is_hidden, (*directories, name))):
                    known.add(path)
                    yield File(path, int(found[path]["size"]), _partition(directories))

    def _roots(self) -> set[str]:
        """Return what was named; of a glob, all that it matches and isn't hidden."""
        paths = _alternatives(self._path)
        if len(paths) == 1 and not any(character in self._path for character in "*?["):
            return {self._path}
        matched = (path for one in paths for path in self._files.glob(one))
        return {path for path in matched if not _is_hidden(path.rstrip("/").rpartition("/")[2])}

    def _strictly(self) -> dict[str, str]:
        """Return what makes fsspec's own search raise; it would pass over what it can't list. Others do raise."""
        own = type(self._files).find is fsspec.AbstractFileSystem.find
        return {"on_error": "raise"} if own else {}


class CountedFile(io.RawIOBase):
    """A file that is read at random places, and tells how much."""

    def __init__(self, opened: Any, count: Any) -> None:
        super().__init__()
        self._opened = opened
        self._count = count

    def __enter__(self) -> Self:
        return self

    def readable(self) -> bool:
        """Return that it is."""
        return True

    def seekable(self) -> bool:
        """Return that it is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to an offset."""
        self._opened.seek(offset, whence)
        return int(self._opened.tell())

    def tell(self) -> int:
        """Return the offset."""
        return int(self._opened.tell())

    def read(self, size: int = -1) -> bytes:
        """Return the bytes that follow."""
        data = bytes(self._opened.read(size))
        self._count(len(data))
        return data


def _alternatives(path: str) -> list[str]:
    """Return what braces stand for, as Hadoop has them: a/{b,c} is a/b and a/c."""
    found = re.search(r"\{([^{}]*)\}", path)
    if found is None:
        return [path]
    before, after = path[: found.start()], path[found.end() :]
    return [one for part in found[1].split(",") for one in _alternatives(before + part + after)]


def _is_hidden(name: str) -> bool:
    return name.startswith(_HIDDEN) and "=" not in name


def _partition(directories: list[str]) -> Mapping[str, str | None]:
    """Return the columns that directories below the one that was named stand for, as Spark takes them."""
    pairs = (name.partition("=") for name in directories)
    found = {unquote(name): unquote(value) for name, separator, value in pairs if name and separator}
    return {name: None if value == _NULL else value for name, value in found.items()}


def _file_system(url: str) -> tuple[Any, str]:
    """Return a file system of fsspec's and the path on it.

    fsspec's own for HDFS needs Hadoop's C library and a JVM; hdfs-native is a client by itself.
    """
    parts = urlsplit(url)
    if parts.scheme in {"hdfs", "viewfs"}:
        try:
            from hdfs_native.fsspec import HdfsFileSystem, ViewfsFileSystem  # noqa: PLC0415  (an extra)
        except ImportError as error:
            raise ConfigError(
                f"{url!r} is on HDFS: install nlpbatch[explore], which brings hdfs-native with it"
            ) from error
        kind = HdfsFileSystem if parts.scheme == "hdfs" else ViewfsFileSystem
        return kind(parts.hostname, parts.port, **{"dfs.client.failover.max.attempts": str(_ATTEMPTS)}), parts.path
    try:
        return fsspec.core.url_to_fs(url)  # type: ignore[no-any-return]
    except (ImportError, ValueError) as error:
        raise ConfigError(f"{url!r}: {error}: install fsspec's package for it, such as s3fs for s3://") from error
