"""The versions of one analyzer: the current one, and earlier ones that runs are still pinned to.

A new version is loaded in its own processes, tested, and then takes over without a pause: requests that are under
way end where they began. The previous one stays for requests with its fingerprint, until there was none for an hour
or a third version comes.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from nlpbatch.engine.limits import PoolLimits
from nlpbatch.engine.pool import PoolObserver, WorkerPool
from nlpbatch.engine.protocol import EngineSpec
from nlpbatch.errors import NoCapacity
from nlpbatch.server import smoke
from nlpbatch.wire.analyzer import AnalyzerInfo

_LOADING_S: Final = 2.0
"""Half of the time that loading usually takes."""
_UNUSED_S: Final = 3600.0
_LOOK_S: Final = 0.2


@dataclass(eq=False, slots=True)
class Version:
    """A loaded engine with its workers."""

    pool: WorkerPool
    info: AnalyzerInfo
    used_s: float = field(default_factory=time.monotonic)


class Versions:
    """All versions of one analyzer.

    Args:
        name: Name of the analyzer.
        limits: Limits of each version's pool.
        observer: Receives the events of the pools.
        new_pool: Makes a pool.

    """

    def __init__(
        self,
        name: str,
        limits: PoolLimits,
        observer: PoolObserver,
        new_pool: Callable[[EngineSpec, PoolLimits, PoolObserver], WorkerPool] = WorkerPool,
    ) -> None:
        self.name = name
        self._limits = limits
        self._observer = observer
        self._new_pool = new_pool
        self._current: Version | None = None
        self._earlier: Version | None = None
        self._pools: list[WorkerPool] = []
        self._endings: set[asyncio.Task[None]] = set()

    @property
    def current(self) -> Version:
        """Return the version for requests that name none.

        Raises:
            NoCapacity: None has loaded yet.

        """
        if self._current is None:
            raise NoCapacity(f"analyzer {self.name!r} is still being loaded: send again", retry_after_s=_LOADING_S)
        return self._current

    @property
    def loaded(self) -> list[Version]:
        """Return the versions that serve requests, the current one first."""
        return [version for version in (self._current, self._earlier) if version is not None]

    @property
    def pools(self) -> list[WorkerPool]:
        """Return the pools of all versions, those that load or end included."""
        return self._pools

    @property
    def workers(self) -> int:
        """Return the workers that have answered, of all versions."""
        return sum(pool.workers for pool in self._pools)

    @property
    def busy(self) -> int:
        """Return the workers at work."""
        return sum(pool.busy for pool in self._pools)

    @property
    def queued_bytes(self) -> int:
        """Return the bytes of text that wait."""
        return sum(pool.queued_bytes for pool in self._pools)

    def pinned(self, fingerprints: frozenset[str]) -> Version:
        """Return the version that has one of these fingerprints; the current one if none has."""
        version = next((one for one in self.loaded if one.info.fingerprint in fingerprints), self.current)
        version.used_s = time.monotonic()
        return version

    async def load(self, spec: EngineSpec) -> Version:
        """Load a version and make it the current one; the same as the current one is not loaded twice.

        Raises:
            ConfigError: It can't be loaded, or fails on plain sentences; the current one stays.

        """
        pool = self._new_pool(spec, self._limits, self._observer)
        self._pools.append(pool)
        try:
            loaded = await pool.start()
            info = AnalyzerInfo(
                name=self.name,
                fingerprint=loaded.fingerprint,
                engine=loaded.engine,
                model=loaded.model,
                options=loaded.options,
                fields=loaded.fields,
                operations=loaded.operations,
                tagset=loaded.tagset,
            )
            await smoke.check(pool, info)
        except BaseException:
            await self._end(pool)
            raise
        if self._current is not None and self._current.info.fingerprint == info.fingerprint:
            await self._end(pool)
            return self._current
        version = Version(pool, info)
        self._take_over(version)
        return version

    def expire(self) -> None:
        """Drop the earlier version if no request has named it for long."""
        if self._earlier is not None and time.monotonic() - self._earlier.used_s > _UNUSED_S:
            self._retire(self._earlier)
            self._earlier = None

    async def stop(self) -> None:
        """End the processes of all versions."""
        for ending in self._endings:
            ending.cancel()
        await asyncio.gather(*self._endings, return_exceptions=True)
        await asyncio.gather(*(pool.stop() for pool in self._pools))
        self._pools.clear()

    def _take_over(self, version: Version) -> None:
        if self._earlier is not None:
            self._retire(self._earlier)
        self._earlier, self._current = self._current, version
        if self._earlier is not None:
            self._earlier.used_s = time.monotonic()

    def _retire(self, version: Version) -> None:
        ending = asyncio.create_task(self._end_when_idle(version.pool), name=f"end of {self.name}")
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    async def _end_when_idle(self, pool: WorkerPool) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            if not pool.busy and not pool.queued_bytes:
                await self._end(pool)
                return

    async def _end(self, pool: WorkerPool) -> None:
        with contextlib.suppress(ValueError):
            self._pools.remove(pool)
        await pool.stop()
