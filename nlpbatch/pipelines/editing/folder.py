"""The recipes below one directory: which there are, and how one is read and replaced.

A name is a path below the directory, such as `nightly/reviews.toml`. Nothing outside of it is read or written: names
don't lead upwards, and symbolic links are not followed. Someone else may edit a file meanwhile; so whoever writes says
what they read (a hash), and a file that has changed since is not replaced.
"""

import difflib
import hashlib
import os
import re
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nlpbatch.errors import ConfigError

MAX_BYTES: Final = 256 * 1024
"""A recipe is read by people; a file that is larger is none."""
_MOST: Final = 1_000
_DEPTH: Final = 6
_PART: Final = re.compile(r"[\w][\w .-]*")
_SUFFIX: Final = ".toml"


@dataclass(frozen=True, slots=True)
class RecipeText:
    """A recipe's file as it was read.

    Args:
        name: Its path below the directory.
        text: All of it, with its line ends.
        digest: Of its bytes.

    """

    name: str
    text: str
    digest: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """A file that wasn't replaced, because it isn't what the writer had read.

    Args:
        message: What has happened, and what can be done.
        current: The file as it is now; None if it is gone.
        difference: From the file as it is to what was to be written, as a unified diff.

    """

    message: str
    current: RecipeText | None
    difference: str


class RecipeFolder:
    """The recipes below a directory of this machine.

    Args:
        directory: The directory.

    Raises:
        ConfigError: It is no directory.

    """

    def __init__(self, directory: Path) -> None:
        if not directory.is_dir():
            raise ConfigError(f"--recipes {directory}: is no directory: name one that recipes are in, or make it")
        self.directory = directory
        self._root = directory.resolve()
        self._writing = threading.Lock()

    def names(self) -> list[str]:
        """Return the names of all recipes, sorted; at most 1,000."""
        return sorted(name for _, name in zip(range(_MOST), self._find(self._root, "", _DEPTH), strict=False))

    def path(self, name: str) -> Path:
        """Return where a recipe is, or would be.

        Raises:
            ConfigError: It is no name of a recipe below the directory.

        """
        parts = name.split("/")
        if not all(map(_PART.fullmatch, parts)) or not name.endswith(_SUFFIX) or len(parts) > _DEPTH:
            raise ConfigError(
                f"{name!r} is no name of a recipe: write it as reviews.toml or nightly/reviews.toml, of letters, "
                "digits, blanks and _ - ."
            )
        path = self._root
        for part in parts:
            path /= part
            if _is_link(path, name):
                raise ConfigError(f"{name!r} leads through a symbolic link, which isn't followed: name the file itself")
        if not path.parent.is_dir():
            raise ConfigError(f"{name!r}: there is no directory {'/'.join(parts[:-1])!r}: make it first")
        return path

    def read(self, name: str) -> RecipeText:
        """Return a recipe's file.

        Raises:
            ConfigError: It can't be read, or is no text.

        """
        found = self._read(self.path(name), name)
        if found is None:
            raise ConfigError(f"{name}: there is no such recipe: choose from the list, or make a new one")
        return found

    def write(self, name: str, text: str, digest: str | None) -> RecipeText | Conflict:
        """Replace a recipe's file, or make a new one; there is never half of it.

        Args:
            name: Of the recipe.
            text: All of it.
            digest: Of the file as it was read; None for a new one.

        Raises:
            ConfigError: It can't be written.

        """
        path, content = self.path(name), text.encode()
        if len(content) > MAX_BYTES:
            raise ConfigError(f"{name} has {len(content):,} bytes, and {MAX_BYTES:,} are the most: shorten it")
        with self._writing:
            current = self._read(path, name)
            if (current.digest if current is not None else None) != digest:
                return _conflict(name, current, text)
            try:
                replaced = _replace(path, content, is_new=current is None)
            except OSError as error:
                raise ConfigError(f"{name}: can't be written: {error.strerror}: check the directory") from error
            if not replaced:
                return _conflict(name, self._read(path, name), text)
        return RecipeText(name, text, _digest(content))

    def _find(self, directory: Path, before: str, depth: int) -> Iterator[str]:
        with suppress(OSError), os.scandir(directory) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                if not _PART.fullmatch(entry.name) or entry.is_symlink():
                    continue
                if entry.is_file() and entry.name.endswith(_SUFFIX):
                    yield before + entry.name
                elif depth > 1 and entry.is_dir():
                    yield from self._find(Path(entry.path), f"{before}{entry.name}/", depth - 1)

    def _read(self, path: Path, name: str) -> RecipeText | None:
        try:
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise ConfigError(f"{name}: can't be read: it is no file: choose another name")
                content = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"{name}: can't be read: {error.strerror}: check the path") from error
        if len(content) > MAX_BYTES:
            raise ConfigError(f"{name} has more than {MAX_BYTES:,} bytes: it is no recipe")
        try:
            return RecipeText(name, content.decode(), _digest(content))
        except UnicodeDecodeError as error:
            raise ConfigError(f"{name}: not TOML: {error}") from error


def _replace(path: Path, content: bytes, *, is_new: bool) -> bool:
    """Put a file in place at once, with the permissions that the old one had; return False if a new one exists."""
    number, part = tempfile.mkstemp(prefix=f".{path.name[:40]}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), _permissions(path))
            file.flush()
            os.fsync(file.fileno())
        if not is_new:
            Path(part).replace(path)
            return True
        os.link(part, path)  # unlike a rename, this never replaces
    except FileExistsError:
        return False
    finally:
        Path(part).unlink(missing_ok=True)
    return True


def _is_link(path: Path, name: str) -> bool:
    try:
        return path.is_symlink()
    except OSError as error:  # a name that is too long
        raise ConfigError(f"{name!r}: {error.strerror}: choose another name") from error


def _permissions(path: Path) -> int:
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _conflict(name: str, current: RecipeText | None, text: str) -> Conflict:
    if current is None:
        what = f"{name} was deleted meanwhile: write it as a new one, or leave it"
    else:
        what = f"{name} was changed by someone else meanwhile: take their version, or write yours over it"
    there = current.text if current is not None else ""
    lines = difflib.unified_diff(there.splitlines(), text.splitlines(), "the file now", "yours", lineterm="")
    return Conflict(what, current, "\n".join(lines))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
