"""Brings files to where the containers' nodes read them: HDFS."""

from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tenacity import Retrying, stop_after_attempt, wait_fixed

from nlpbatch.errors import ConfigError
from nlpbatch.formats.file_systems import file_system

_OWNER_ONLY: Final = 0o600
_ATTEMPTS: Final = 3
_AGAIN_S: Final = 2.0


class Storage:
    """A directory on HDFS.

    Args:
        url: Its address, hdfs:// or viewfs://.

    Raises:
        ConfigError: It is somewhere else, or hdfs-native isn't installed.

    """

    def __init__(self, url: str) -> None:
        if urlsplit(url).scheme not in {"hdfs", "viewfs"}:
            raise ConfigError(f"{url!r} is not on HDFS: give a directory there, such as hdfs://namenode/apps/nlpbatch")
        self.url = url.rstrip("/")
        self._files, self._path = file_system(self.url)

    def bring(self, file: Path, name: str, *, private: bool = False) -> tuple[str, bool]:
        """Have a file there under a name that stands for its content; nobody else may read a private one.

        Returns:
            Its address, and whether it was brought now rather than there already.

        Raises:
            ConfigError: It can't be written there.

        """
        path = f"{self._path}/{name}"
        try:
            if self._size(path) == file.stat().st_size:
                return f"{self.url}/{name}", False
            # Some hundred MB: a DataNode that is busy for a moment must not end a deployment.
            for attempt in Retrying(stop=stop_after_attempt(_ATTEMPTS), wait=wait_fixed(_AGAIN_S), reraise=True):
                with attempt:
                    self._put(file, path, private=private)
        except Exception as error:
            raise self._fault(name, error) from error
        return f"{self.url}/{name}", True

    def bring_secret(self, file: Path, name: str) -> str:
        """Have a file there that nobody else may read; return its address.

        Raises:
            ConfigError: It can't be written there.

        """
        path = f"{self._path}/{name}"
        try:
            # Empty first: with its content it must never be readable.
            self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._files.pipe_file(path, b"")
            self._files.client.set_permission(path, _OWNER_ONLY)
            with self._files.client.append(path) as opened:
                opened.write(file.read_bytes())
        except Exception as error:
            raise self._fault(name, error) from error
        return f"{self.url}/{name}"

    def _size(self, path: str) -> int | None:
        try:
            return int(self._files.info(path)["size"])
        except FileNotFoundError:
            return None

    def _put(self, file: Path, path: str, *, private: bool) -> None:
        """Copy a file; nobody sees a part of it."""
        self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        part = f"{path}.part"
        self._files.put_file(str(file), part)
        if private:
            self._files.client.set_permission(part, _OWNER_ONLY)
        self._files.mv(part, path, overwrite=True)

    def _fault(self, name: str, error: Any) -> ConfigError:
        reason = " ".join(str(error).split()).partition(" at org.apache")[0][:300]
        return ConfigError(f"{self.url}/{name} can't be written: {reason}: check --directory and who may write there")
