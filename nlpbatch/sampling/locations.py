"""Locations of files (this machine, HDFS, object stores), with a count of the bytes that were read there."""

import io
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from urllib.parse import unquote

import fsspec

from nlpbatch.errors import ConfigError, NlpbatchError
from nlpbatch.formats.file_systems import file_system
from nlpbatch.formats.names import is_hidden
from nlpbatch.formats.table_directories import refuse_tables
from nlpbatch.older_python import Self

_HIDDEN: Final = "hidden, because their names or directories begin with _ or ."
_EMPTY: Final = "empty"
_NULL: Final = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True, slots=True)
class File:
    """One file.

    Args:
        path: Path on its file system.
        size_bytes: Its length.
        partition: Columns that the names of its directories give its rows, as Spark writes them: `date=2018-05`.

    """

    path: str
    size_bytes: int
    partition: Mapping[str, str | None] = field(default_factory=dict)


class Location:
    """A file, directory or glob, with a count of the bytes read there; safe to use from several threads.

    Raises:
        ConfigError: There is nothing, or a table, or no library for that kind of location, or it can't be reached.

    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._lock = threading.Lock()
        self.read_bytes = 0
        self._passed_over: dict[str, list[str]] = {}
        with self._reached():
            self._files, self._path = file_system(url)
            self.files = list(self._list())
            refuse_tables((file.path for file in self.files), lambda directory: partial(self._names_in, directory))
        if not self.files:
            raise ConfigError(f"{url!r} {self._emptiness()}")

    @property
    def total_bytes(self) -> int:
        """Return the bytes of all files."""
        return sum(file.size_bytes for file in self.files)

    @contextmanager
    def open(self, file: File) -> "Iterator[CountedFile]":
        """Open a file."""
        with self._reached():
            # fsspec would read ahead megabytes behind each offset
            opened = self._files.open(file.path, "rb", cache_type="none")
        with closing(opened):
            yield CountedFile(opened, self._count, self._reached)

    def _count(self, size_bytes: int) -> None:
        with self._lock:
            self.read_bytes += size_bytes

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise ConfigError(f"{self.url!r} isn't there: check the path") from error
        except NlpbatchError:
            raise
        except Exception as error:  # each store's library raises classes of its own
            said = (str(error).splitlines() or [""])[0][:300]
            if not said or not isinstance(error, OSError | RuntimeError):
                said = ": ".join(filter(None, (type(error).__name__, said)))
            raise ConfigError(
                f"{self.url!r} can't be read: {said}: check the address, the rights and, for object stores, the "
                "credentials"
            ) from error

    def _list(self) -> Iterator[File]:
        known: set[str] = set()  # a glob may match a directory and what is in it
        for root in sorted(self._roots()):
            found = self._files.find(root, detail=True, **self._strictly())
            base = root.rstrip("/")
            for path in sorted(found):
                *directories, name = path.removeprefix(base).strip("/").split("/")
                if any(map(is_hidden, (*directories, name))):
                    self._passed_over.setdefault(_HIDDEN, []).append(path)
                elif not found[path]["size"]:
                    self._passed_over.setdefault(_EMPTY, []).append(path)
                elif path not in known:
                    known.add(path)
                    yield File(path, int(found[path]["size"]), _partition(directories))

    def _names_in(self, directory: str, name: str) -> list[str]:
        try:
            found: list[str] = self._files.ls(f"{directory}/{name}", detail=False)
        except (OSError, RuntimeError):
            return []
        return [path.rstrip("/").rpartition("/")[2] for path in found]

    def _roots(self) -> set[str]:
        """Return the path itself, or all that it matches as a glob and isn't hidden."""
        paths = _alternatives(self._path)
        is_glob = len(paths) > 1 or any(character in self._path for character in "*?[")
        if not is_glob or self._files.exists(self._path):
            return {self._path}
        matched = {path for one in paths for path in self._files.glob(one)}
        hidden = {path for path in matched if is_hidden(path.rstrip("/").rpartition("/")[2])}
        self._passed_over[_HIDDEN] = sorted(hidden)
        return matched - hidden

    def _emptiness(self) -> str:
        """Return the reason, in words, why there is nothing to read."""
        found = [f"{len(paths):,} {why}, such as {paths[0]}" for why, paths in self._passed_over.items() if paths]
        if not found:
            return "holds no files: check the path"
        return f"holds no files that are read: {'; '.join(found)}: give a file by its name, or check the path"

    def _strictly(self) -> dict[str, str]:
        """Return the arguments with which fsspec's own search raises instead of skipping what it can't list."""
        own = type(self._files).find is fsspec.AbstractFileSystem.find
        return {"on_error": "raise"} if own else {}


class CountedFile(io.RawIOBase):
    """A file that is read at any offset, and counts the bytes."""

    def __init__(
        self, opened: Any, count: Callable[[int], None], reached: Callable[[], AbstractContextManager[None]]
    ) -> None:
        super().__init__()
        self._opened = opened
        self._count = count
        self._reached = reached

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
        with self._reached():
            self._opened.seek(offset, whence)
            return int(self._opened.tell())

    def tell(self) -> int:
        """Return the offset."""
        return int(self._opened.tell())

    def read(self, size: int = -1) -> bytes:
        """Return the bytes that follow."""
        with self._reached():
            data = bytes(self._opened.read(size))
        self._count(len(data))
        return data


def note_of_replaced(name: str) -> str:
    """Return the note on a column that is both in the files and in the names of directories."""
    return f"column {name!r} is in the files and in the names of directories: the directories' values were taken"


def _alternatives(path: str) -> list[str]:
    """Return the paths that braces expand to, as in Hadoop: a/{b,c} is a/b and a/c."""
    found = re.search(r"\{([^{}]*)\}", path)
    if found is None:
        return [path]
    before, after = path[: found.start()], path[found.end() :]
    return [one for part in found[1].split(",") for one in _alternatives(before + part + after)]


def _partition(directories: list[str]) -> Mapping[str, str | None]:
    """Return the columns that the directories below the named one give, as Spark reads them."""
    pairs = (name.partition("=") for name in directories)
    found = {unquote(name): unquote(value) for name, separator, value in pairs if name and separator}
    return {name: None if value == _NULL else value for name, value in found.items()}
