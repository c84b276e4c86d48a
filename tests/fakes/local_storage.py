"""A directory of this machine with the interface of `nlpbatch.spark.storage.Storage`, for tests without a JVM."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlparse

from nlpbatch.errors import ConfigError


class LocalStorage:
    """A directory. After `fail_at` changes the next one fails, as on a file system that goes away."""

    def __init__(self, _spark: object, directory: str, fail_at: int | None = None) -> None:
        self.root = Path(urlparse(directory).path)
        self._changes_left = fail_at

    @property
    def url(self) -> str:
        return f"file:{self.root}"

    def within(self, name: str) -> str:
        return f"file:{self.root / name}"

    def exists(self, name: str = "") -> bool:
        return (self.root / name).exists()

    def names(self, name: str = "") -> list[str]:
        folder = self.root / name
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def overlaps(self, other: "LocalStorage") -> bool:
        return self.root.is_relative_to(other.root) or other.root.is_relative_to(self.root)

    def delete(self, name: str = "") -> None:
        self._change()
        path = self.root / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def make_directory(self, name: str) -> None:
        (self.root / name).mkdir(parents=True, exist_ok=True)

    def move(self, name: str, target: str) -> None:
        self._change()
        if self.exists(target):
            raise ConfigError(f"path {self.url!r} can't be used: {target} exists already")
        (self.root / target).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).rename(self.root / target)

    def rename(self, name: str, names: Mapping[str, str]) -> None:
        for old, new in names.items():
            self.move(f"{name}/{old}", f"{name}/{new}")

    def read_text(self, name: str) -> str:
        try:
            return (self.root / name).read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"path {self.url!r} can't be used: {error.strerror}") from error

    def write_text(self, name: str, text: str) -> None:
        self._change()
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def _change(self) -> None:
        if self._changes_left is None:
            return
        self._changes_left -= 1
        if self._changes_left < 0:
            raise ConfigError(f"path {self.url!r} can't be used: the file system is away")
