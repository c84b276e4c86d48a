"""The file that keeps issued keys and revocations over a restart: JSON, hashes only, replaced as a whole."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any, Final

from nlpbatch.errors import ConfigError
from proxy.key_records import KeyRecords

_FORMAT: Final = "1"
_MODE: Final = 0o600


class KeyFile:
    """One such file.

    Args:
        path: Where it is.

    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = asyncio.Lock()

    def open(self, records: KeyRecords) -> None:
        """Add what is in the file to the records; without a file, make an empty one.

        Raises:
            ConfigError: It can't be read or written, or isn't such a file. A proxy that started all the same would
                admit keys that were revoked.

        """
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            self._replace(_text(records))
            return
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"keys.file {self._path} can't be read: {_reason(error)}: check it") from error
        _, unreadable = records.learn(self._fields(text))
        if unreadable:
            raise self._damaged(f"{len(unreadable)} of its keys can't be read, first {unreadable[0][:64]!r}")

    async def save(self, records: KeyRecords) -> None:
        """Put all records into the file.

        Raises:
            ConfigError: It can't be written; what it had is still there.

        """
        async with self._lock:
            await asyncio.to_thread(self._replace, _text(records))

    def _fields(self, text: str) -> dict[str, Any]:
        try:
            members = json.loads(text)
            fields = members["keys"] if members["format"] == _FORMAT else None
        except (ValueError, TypeError, KeyError, RecursionError):
            fields = None
        if not isinstance(fields, dict):
            raise self._damaged(f"not a file of keys in format {_FORMAT}")
        return fields

    def _damaged(self, what: str) -> ConfigError:
        return ConfigError(
            f"keys.file {self._path}: {what}: restore it from a backup, or move it away to start without"
        )

    def _replace(self, text: str) -> None:
        part = self._path.with_name(f"{self._path.name}.{os.getpid()}.part")
        try:
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE), "w", encoding="utf-8") as file:  # noqa: PTH123
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise ConfigError(
                f"keys.file {self._path} can't be written: {_reason(error)}: make room, or check who may write there"
            ) from error


def _text(records: KeyRecords) -> str:
    return json.dumps({"format": _FORMAT, "keys": records.to_fields()}, indent=1, ensure_ascii=False)


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else "not UTF-8"
