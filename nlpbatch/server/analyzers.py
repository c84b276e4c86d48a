"""The analyzers that this process serves, by name."""

import asyncio
import time
from typing import Any, Final

from nlpbatch.engine.pool import WorkerPool
from nlpbatch.errors import NoCapacity, UnknownAnalyzer
from nlpbatch.server.config import ServerSettings
from nlpbatch.server.metrics import Metrics
from nlpbatch.wire.analyzer import AnalyzerInfo, Catalogue
from nlpbatch.wire.fields import TOKEN_FIELDS

_LOADING_S: Final = 2.0
"""Half of the time that loading usually takes."""


class Analyzers:
    """One worker pool per configured analyzer."""

    def __init__(self, settings: ServerSettings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._specs = {name: analyzer.to_spec(name) for name, analyzer in settings.analyzers.items()}
        limits = settings.pool.to_pool(settings.limits)
        self._pools = {name: WorkerPool(spec, limits, metrics.observer(name)) for name, spec in self._specs.items()}
        self._infos: dict[str, AnalyzerInfo] = {}

    async def start(self) -> None:
        """Load all analyzers.

        Raises:
            ConfigError: An analyzer can't be loaded; the others are there until `stop`.

        """
        starts = [asyncio.create_task(self._start(name, pool)) for name, pool in self._pools.items()]
        try:
            await asyncio.gather(*starts)
        finally:
            for start in starts:
                start.cancel()  # when another one has failed; `stop` must not close what they still wait for
            await asyncio.gather(*starts, return_exceptions=True)

    async def stop(self) -> None:
        """End all worker processes."""
        await asyncio.gather(*(pool.stop() for pool in self._pools.values()))

    @property
    def ready(self) -> bool:
        """Return whether every analyzer has a worker that has answered."""
        return len(self._infos) == len(self._pools) and all(pool.workers for pool in self._pools.values())

    def quarantine(self) -> list[dict[str, Any]]:
        """Return the documents that are refused, of all analyzers."""
        now_s = time.monotonic()
        return [
            {"analyzer": name} | document
            for name, pool in self._pools.items()
            for document in pool.quarantine.to_json(now_s)
        ]

    def release(self) -> None:
        """Refuse none of them any more."""
        for pool in self._pools.values():
            pool.quarantine.clear()

    @property
    def workers(self) -> int:
        """Return the workers alive, over all analyzers."""
        return sum(pool.workers for pool in self._pools.values())

    @property
    def fingerprints(self) -> list[str]:
        """Return the versions that have loaded."""
        return sorted({info.fingerprint for info in self._infos.values()})

    def catalogue(self) -> Catalogue:
        """Return what `GET /v1/analyzers` says.

        Raises:
            NoCapacity: Not all of them have loaded yet.

        """
        for name in self._pools:
            self._check_loaded(name)
        return Catalogue(tuple(self._infos.values()), self._settings.limits.to_wire())

    def get(self, name: str) -> tuple[WorkerPool, AnalyzerInfo]:
        """Return an analyzer's pool and description.

        Raises:
            UnknownAnalyzer: There is none of that name.
            NoCapacity: It has not loaded yet.

        """
        if name not in self._pools:
            known = ", ".join(self._pools)
            raise UnknownAnalyzer(f"unknown analyzer {name[:80]!r}: choose from {known}", analyzer=name[:80])
        self._check_loaded(name)
        return self._pools[name], self._infos[name]

    def _check_loaded(self, name: str) -> None:
        if name not in self._infos:
            raise NoCapacity(f"analyzer {name!r} is still being loaded: send again", retry_after_s=_LOADING_S)

    async def _start(self, name: str, pool: WorkerPool) -> None:
        self._metrics.watch(name, pool)
        info = await pool.start()
        self._metrics.loaded(name, info)
        spec = self._specs[name]
        self._infos[name] = AnalyzerInfo(
            name=name,
            fingerprint=info.fingerprint,
            engine=info.engine,
            model=info.model,
            options={**spec.load, **spec.options},
            fields=tuple(TOKEN_FIELDS),
        )
