"""Finds outputs of jobs and recipes below a directory, and reads their records; local, HDFS, or any of fsspec's.

A record may be half written, or gone a moment after its directory was listed: then it counts as not there, and the next
look has it. One that isn't JSON, or of another version, is a fault of that output alone.
"""

import json
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, Final, Literal

from nlpbatch.errors import ConfigError
from nlpbatch.formats.file_systems import file_system

JOB_RECORDS: Final = "_nlpbatch"
RECIPE_RECORDS: Final = "_recipe"
_DEPTH: Final = 12
_MOST_DIRECTORIES: Final = 100_000
_BATCH: Final = "run_batch="
_READ_BYTES: Final = 4 << 20
"""The largest record: one lists the files of its micro-batch."""


@dataclass(frozen=True, slots=True)
class Found:
    """A directory with records.

    Args:
        kind: Of what.
        path: Below the directory that was searched; "" for that itself.

    """

    kind: Literal["job", "recipe"]
    path: str


class Records:
    """The records below a directory.

    Args:
        url: The directory.

    Raises:
        ConfigError: It isn't there, or can't be reached.

    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/") or url
        self._files, self._root = file_system(url)
        try:
            is_there = self._files.isdir(self._root)
        except Exception as error:
            raise ConfigError(f"{url!r} can't be reached: {_reason(error)}") from error
        if not is_there:
            raise ConfigError(f"{url!r} is no directory: name one that jobs or recipes write below")

    def find(self) -> Iterator[Found]:
        """Yield all outputs with records, those of a recipe before those of its stages.

        Raises:
            ConfigError: There are too many directories, or one can't be listed.

        """
        left = _MOST_DIRECTORIES
        waiting = [("", 0)]
        while waiting:
            path, depth = waiting.pop(0)
            left -= 1
            if not left:
                raise ConfigError(
                    f"over {_MOST_DIRECTORIES:,} directories below {self.url}: name one with fewer below it"
                )
            below = self.directories(path)
            if RECIPE_RECORDS in below:
                yield Found("recipe", path)
            if JOB_RECORDS in below and "attempts" in self.directories(posixpath.join(path, JOB_RECORDS)):
                yield Found("job", path)  # below it are rows
            elif depth < _DEPTH:
                waiting += [
                    (posixpath.join(path, name), depth + 1) for name in below if not name.startswith(("_", _BATCH))
                ]

    def directories(self, path: str) -> list[str]:
        """Return the names of the directories in one, sorted; none if it isn't there.

        Raises:
            ConfigError: It can't be listed.

        """
        return sorted(name for name, is_directory in self._list(path) if is_directory)

    def names(self, path: str) -> list[str]:
        """Return the names of the files in a directory, sorted; none if it isn't there.

        Raises:
            ConfigError: It can't be listed.

        """
        return sorted(name for name, is_directory in self._list(path) if not is_directory)

    def read(self, path: str) -> dict[str, Any] | None:
        """Return a record; None if it isn't there, or not whole yet.

        Raises:
            ConfigError: It can't be read.

        """
        try:
            with self._files.open(self._within(path), "rb") as file:
                found = json.loads(file.read(_READ_BYTES))
        except (FileNotFoundError, ValueError):
            return None
        except Exception as error:
            raise ConfigError(f"{self.url}/{path} can't be read: {_reason(error)}") from error
        return found if isinstance(found, dict) else None

    @contextmanager
    def open(self, path: str) -> Iterator[IO[bytes]]:
        """Open a file.

        Raises:
            ConfigError: It is gone, or can't be read.

        """
        try:
            with self._files.open(self._within(path), "rb") as file:
                yield file
        except (OSError, ValueError) as error:
            raise ConfigError(f"{self.url}/{path} can't be read: {_reason(error)}") from error

    def _within(self, path: str) -> str:
        return posixpath.join(self._root, path) if path else str(self._root)

    def _list(self, path: str) -> list[tuple[str, bool]]:
        try:
            found = self._files.ls(self._within(path), detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return []  # deleted since it was seen
        except Exception as error:
            raise ConfigError(f"{self.url}/{path} can't be listed: {_reason(error)}") from error
        named = [(posixpath.basename(str(one["name"]).rstrip("/")), one["type"] == "directory") for one in found]
        return [one for one in named if not one[0].startswith(".")]  # Hadoop's checksums among them


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or " ".join(str(error).split())[:200] or type(error).__name__
