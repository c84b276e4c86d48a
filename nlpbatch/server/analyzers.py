"""The analyzers that this process serves, by name."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nlpbatch.engine.pool import WorkerPool
from nlpbatch.errors import UnknownAnalyzer
from nlpbatch.server.config import ServerSettings
from nlpbatch.server.dictionaries import Dictionaries, keep_current
from nlpbatch.server.metrics import ServerMetrics
from nlpbatch.server.versions import Version, Versions
from nlpbatch.wire.analyzer import AnalyzerInfo, Catalogue


class Analyzers:
    """All configured analyzers, each with its versions.

    Args:
        settings: The configuration.
        metrics: Shows them.
        base: Directory that the paths of dictionaries are relative to.
        new_pool: Makes a pool.

    Raises:
        ConfigError: A dictionary can't be read, or lines of it are wrong.

    """

    def __init__(
        self,
        settings: ServerSettings,
        metrics: ServerMetrics,
        base: Path = Path(),
        new_pool: Callable[..., WorkerPool] = WorkerPool,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        limits = settings.pool.to_pool(settings.limits)
        self._dictionaries = {name: Dictionaries(name, analyzer, base) for name, analyzer in settings.analyzers.items()}
        self._specs = {name: dictionaries.spec() for name, dictionaries in self._dictionaries.items()}
        self._versions = {name: Versions(name, limits, metrics.observer(name), new_pool) for name in settings.analyzers}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Load all analyzers, and again whenever their dictionaries change.

        Raises:
            ConfigError: An analyzer can't be loaded; the others are there until `stop`.

        """
        starts = [asyncio.create_task(self._start(name)) for name in self._versions]
        try:
            await asyncio.gather(*starts)
        finally:
            for start in starts:
                start.cancel()  # after another one has failed; `stop` must not close pools that these still wait for
            await asyncio.gather(*starts, return_exceptions=True)
        self._tasks += [
            asyncio.create_task(
                keep_current(self._dictionaries[name], versions, self._metrics), name=f"words of {name}"
            )
            for name, versions in self._versions.items()
        ]

    async def stop(self) -> None:
        """End all worker processes."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(versions.stop() for versions in self._versions.values()))

    @property
    def ready(self) -> bool:
        """Return whether every analyzer has a worker that has answered."""
        return all(versions.loaded and versions.current.pool.workers for versions in self._versions.values())

    @property
    def workers(self) -> int:
        """Return the workers alive of the current versions, over all analyzers."""
        return sum(versions.current.pool.workers for versions in self._versions.values() if versions.loaded)

    @property
    def fingerprints(self) -> list[str]:
        """Return the versions that have loaded."""
        return sorted({one.info.fingerprint for versions in self._versions.values() for one in versions.loaded})

    def quarantine(self) -> list[dict[str, Any]]:
        """Return the documents that are refused, of all analyzers."""
        now_s = time.monotonic()
        return [
            {"analyzer": name} | document
            for name, versions in self._versions.items()
            for pool in versions.pools
            for document in pool.quarantine.to_json(now_s)
        ]

    def questions(self) -> list[dict[str, Any]]:
        """Return the operations with options that are refused, of all analyzers."""
        now_s = time.monotonic()
        return [
            {"analyzer": name} | question
            for name, versions in self._versions.items()
            for pool in versions.pools
            for question in pool.questions.to_json(now_s)
        ]

    def release(self) -> None:
        """Allow all of them again."""
        for versions in self._versions.values():
            for pool in versions.pools:
                pool.quarantine.clear()
                pool.questions.clear()

    def catalogue(self) -> Catalogue:
        """Return the answer of `GET /v1/analyzers`.

        Raises:
            NoCapacity: Not all of them have loaded yet.

        """
        infos: list[AnalyzerInfo] = [versions.current.info for versions in self._versions.values()]
        return Catalogue(tuple(infos), self._settings.limits.to_wire())

    def get(self, name: str, fingerprints: frozenset[str] = frozenset()) -> Version:
        """Return an analyzer's version with one of these fingerprints, else its current one.

        Raises:
            UnknownAnalyzer: There is none of that name.
            NoCapacity: It has not loaded yet.

        """
        if name not in self._versions:
            known = ", ".join(self._versions)
            raise UnknownAnalyzer(f"unknown analyzer {name[:80]!r}: choose from {known}", analyzer=name[:80])
        return self._versions[name].pinned(fingerprints)

    async def _start(self, name: str) -> None:
        versions = self._versions[name]
        self._metrics.watch(name, versions)
        version = await versions.load(self._specs.pop(name))
        self._metrics.loaded(version.info)
        self._metrics.dictionary(name, valid=True)
