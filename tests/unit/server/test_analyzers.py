import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from nlpbatch.engine.answer import PoolAnswer
from nlpbatch.errors import ConfigError, NoCapacity, UnknownAnalyzer
from nlpbatch.server.analyzers import Analyzers
from nlpbatch.server.config import KiwiSettings, PoolSettings, ServerSettings
from nlpbatch.server.metrics import ServerMetrics
from tests.fakes.engine import WordEngine


class FakePool:
    """A pool that loads, or fails to, when the test says so."""

    def __init__(self) -> None:
        self.info = WordEngine.info
        self.loaded = asyncio.Event()
        self.workers = self.busy = self.queued_bytes = 0
        self.error: Exception | None = None
        self.log: list[str] = []

    async def start(self):
        try:
            await self.loaded.wait()
        except asyncio.CancelledError:
            self.log.append("given up")
            raise
        if self.error is not None:
            raise self.error
        self.workers = 2
        return self.info

    async def analyze(self, documents, **_):
        return PoolAnswer([b"{}"], len(documents), 0, Counter(), 0.0, 0.0)

    async def stop(self) -> None:
        self.log.append("stopped")


@pytest.fixture
def pools():
    return {"default": FakePool(), "legal": FakePool()}


@pytest.fixture
def analyzers(pools):
    settings = ServerSettings(
        pool=PoolSettings(workers=2), analyzers={"default": KiwiSettings(), "legal": KiwiSettings(z_coda=False)}
    )

    def new_pool(spec, *_):
        pools[spec.name].info = replace(WordEngine.info, options=spec.options)
        return pools[spec.name]

    return Analyzers(settings, ServerMetrics(), new_pool=new_pool)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_it_is_ready_when_each_analyzer_has_a_worker_that_has_answered(analyzers, pools):
    starting = asyncio.create_task(analyzers.start())
    pools["default"].loaded.set()
    await settle()
    assert (analyzers.ready, analyzers.workers) == (False, 2)
    pools["legal"].loaded.set()
    await starting
    assert (analyzers.ready, analyzers.workers) == (True, 4)
    pools["legal"].workers = 0
    assert (analyzers.ready, analyzers.workers) == (False, 2)


async def test_an_analyzer_that_has_loaded_serves_while_another_still_loads(analyzers, pools):
    starting = asyncio.create_task(analyzers.start())
    pools["default"].loaded.set()
    await settle()
    version = analyzers.get("default")
    assert (version.pool, version.info.fingerprint) == (pools["default"], WordEngine.info.fingerprint)
    with pytest.raises(NoCapacity, match="analyzer 'legal' is still being loaded") as caught:
        analyzers.get("legal")
    assert caught.value.retry_after_s > 0
    with pytest.raises(NoCapacity, match="'legal'"):
        analyzers.catalogue()
    starting.cancel()
    await asyncio.wait([starting])


async def test_an_unknown_one_is_named_with_the_choices(analyzers):
    with pytest.raises(UnknownAnalyzer, match="unknown analyzer 'legl': choose from default, legal") as caught:
        analyzers.get("legl")
    assert caught.value.details == {"analyzer": "legl"}


async def test_the_catalogue_says_what_each_was_configured_with(analyzers, pools):
    for pool in pools.values():
        pool.loaded.set()
    await analyzers.start()
    catalogue = analyzers.catalogue()
    assert [info.name for info in catalogue.analyzers] == ["default", "legal"]
    assert [info.options["z_coda"] for info in catalogue.analyzers] == [True, False]
    assert catalogue.limits == ServerSettings().limits.to_wire()


async def test_when_one_analyzer_cannot_be_loaded_loading_the_others_is_given_up(analyzers, pools):
    """Else `stop` would close what they are waiting for."""
    pools["default"].error = ConfigError("no such option")
    pools["default"].loaded.set()
    with pytest.raises(ConfigError, match="no such option"):
        await analyzers.start()
    assert pools["legal"].log == ["given up", "stopped"]
    await analyzers.stop()
