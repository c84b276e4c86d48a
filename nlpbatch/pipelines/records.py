"""Finds outputs of jobs and recipes below a directory, and reads their records; local, HDFS, or any of fsspec's.

A record may be gone a moment after its directory was listed: then it counts as not there. One that isn't JSON is a
fault of that output alone; one that is rewritten in place every few seconds is read again before it counts as that.
Symbolic links below the directory are not followed: whoever may write an output could have others shown what they may
not read themselves.
"""

import errno
import json
import os
import posixpath
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any, Final, Literal

from nlpbatch.errors import ConfigError
from nlpbatch.formats.file_systems import file_system

JOB_RECORDS: Final = "_nlpbatch"
RECIPE_RECORDS: Final = "_recipe"
_DEPTH: Final = 12
_MOST_DIRECTORIES: Final = 100_000
_BATCH: Final = "run_batch="
_MAX_RECORD_BYTES: Final = 16_000_000
_MAX_NESTED: Final = 32
"""Lists and objects within each other that a record may have."""
_AGAIN: Final = 5
_AGAIN_S: Final = 0.05


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
        protocols = self._files.protocol
        is_local = "file" in ((protocols,) if isinstance(protocols, str) else protocols)
        if is_local:
            self._root = os.path.realpath(self._root)
        self._has_links = is_local
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
        self._files.invalidate_cache()  # object stores' listings are kept else
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
        """Return a record; None if it isn't there.

        Raises:
            ConfigError: It can't be read, is damaged, or half written.

        """
        try:
            with self._files.open(self._within(path), "rb") as file:
                text = file.read(_MAX_RECORD_BYTES + 1)
            found = json.loads(text) if len(text) <= _MAX_RECORD_BYTES else None
        except FileNotFoundError:
            return None
        except (ValueError, RecursionError):
            found = None
        except Exception as error:
            raise ConfigError(f"{self.url}/{path} can't be read: {_reason(error)}") from error
        if not isinstance(found, dict) or not _is_flat(found, _MAX_NESTED):
            raise ConfigError(f"{path} is damaged, or half written")
        return found

    def read_rewritten(self, path: str) -> dict[str, Any] | None:
        """Return a record that is rewritten in place: it may be half written now, and whole a moment later.

        Raises:
            ConfigError: It can't be read, or stays damaged.

        """
        for _ in range(_AGAIN):
            with suppress(ConfigError):
                return self.read(path)
            time.sleep(_AGAIN_S)
        return self.read(path)

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
        """Return where a path is.

        Raises:
            FileNotFoundError: A symbolic link is on the way.

        """
        found = posixpath.join(self._root, path) if path else str(self._root)
        if path and self._has_links and os.path.realpath(found) != os.path.normpath(found):
            raise FileNotFoundError(errno.ENOENT, "a symbolic link, which isn't followed")
        return found

    def _list(self, path: str) -> list[tuple[str, bool]]:
        try:
            found = self._files.ls(self._within(path), detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return []  # deleted since it was seen
        except Exception as error:
            raise ConfigError(f"{self.url}/{path} can't be listed: {_reason(error)}") from error
        own = [one for one in found if not one.get("islink")]
        named = [(posixpath.basename(str(one["name"]).rstrip("/")), one["type"] == "directory") for one in own]
        return [one for one in named if not one[0].startswith(".")]  # Hadoop's checksums among them


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or " ".join(str(error).split())[:200] or type(error).__name__


def _is_flat(value: Any, levels: int) -> bool:
    """Return whether no more lists and objects are within each other."""
    if not isinstance(value, dict | list):
        return True
    return levels > 0 and all(
        _is_flat(one, levels - 1) for one in (value.values() if isinstance(value, dict) else value)
    )
