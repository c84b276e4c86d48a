"""Reads dictionaries from files, checks them, and reads them again when they change."""

import asyncio
import logging
from pathlib import Path
from typing import Final

from nlpbatch.engine.dictionary import MAX_BYTES, DictionaryEntry, parse
from nlpbatch.engine.protocol import EngineSpec
from nlpbatch.errors import ConfigError
from nlpbatch.server.config import AnalyzerSettings
from nlpbatch.server.metrics import ServerMetrics
from nlpbatch.server.versions import Versions

_log = logging.getLogger("nlpbatch.server")
_POLL_S: Final = 2.0


class Dictionaries:
    """The dictionary files of one analyzer.

    Args:
        name: Name of the analyzer.
        settings: Its configuration.
        base: Directory that the files' paths are relative to.

    """

    def __init__(self, name: str, settings: AnalyzerSettings, base: Path) -> None:
        self._name = name
        self._settings = settings
        self._base = base
        self._files = [base / file for file in settings.dictionaries]
        self._stamps: list[tuple[int, int, int]] = []

    def changed(self) -> bool:
        """Return whether a file has changed since the last call, and is no longer being written."""
        stamps = [_stamp(file) for file in self._files]
        changed, self._stamps = stamps != self._stamps, stamps
        return changed

    def spec(self) -> EngineSpec:
        """Return the engine to load.

        Raises:
            ConfigError: A file can't be read, or lines of it are wrong; all are named, over all files.

        """
        entries: list[DictionaryEntry] = []
        faults: list[str] = []
        for file in self._files:
            try:
                entries += parse(_read(file, self._name), str(file), self._settings.entries)
            except ConfigError as error:
                faults.append(error.message)
        if faults:
            raise ConfigError("\n".join(faults))
        return self._settings.to_spec(self._name, tuple(entries), self._base)


async def keep_current(dictionaries: Dictionaries, versions: Versions, metrics: ServerMetrics) -> None:
    """Load a new version when files have changed, and drop an unused earlier one; never returns."""
    await asyncio.to_thread(dictionaries.changed)
    pending = False
    while True:
        await asyncio.sleep(_POLL_S)
        versions.expire()
        if await asyncio.to_thread(dictionaries.changed):
            pending = True  # check once more: it may still be written
        elif pending:
            pending = False
            await _replace(dictionaries, versions, metrics)


async def _replace(dictionaries: Dictionaries, versions: Versions, metrics: ServerMetrics) -> None:
    try:
        spec = await asyncio.to_thread(dictionaries.spec)
        version = await versions.load(spec)
    except ConfigError as error:
        metrics.dictionary(versions.name, valid=False)
        _log.error("dictionary not taken over", extra={"analyzer": versions.name, "faults": error.message.splitlines()})
        return
    metrics.loaded(version.info)
    metrics.dictionary(versions.name, valid=True)
    _log.info("dictionary taken over", extra={"analyzer": versions.name, "fingerprint": version.info.fingerprint})


def _read(file: Path, analyzer: str) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"analyzers.{analyzer}.dictionaries: {file} can't be read: {error.strerror}: check the path"
        ) from error


def _stamp(file: Path) -> tuple[int, int, int]:
    try:
        state = file.stat()
    except OSError:
        return (0, 0, 0)
    return (state.st_mtime_ns, state.st_size, state.st_ino)
