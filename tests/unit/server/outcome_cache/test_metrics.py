import pyarrow as pa
import pytest
from prometheus_client import CollectorRegistry

from nlpbatch.server.config import CacheSettings
from nlpbatch.server.outcome_cache.cache import CacheQuestion, OutcomeCache
from nlpbatch.server.outcome_cache.metrics import CacheCollector
from nlpbatch.wire.options import Options
from tests.fakes.direct_pool import DirectPool


@pytest.fixture
def sample():
    registry = CollectorRegistry()
    cache = OutcomeCache(CacheSettings(size_bytes=1024 * 1024), lambda: 0.0)
    CacheCollector(cache, registry)
    return cache, lambda name, **labels: registry.get_sample_value(f"nlpbatch_cache_{name}", labels)


async def test_they_are_those_of_the_cache_when_it_is_asked(sample):
    cache, value = sample
    assert (value("bytes"), value("outcomes"), value("misses_total")) == (0, 0, 0)
    documents = pa.array([b"1", b"2", b"1", None], pa.binary())
    await cache.analyze(DirectPool(), documents, CacheQuestion("f", "json", Options(), urgent=True))
    assert (value("outcomes"), value("misses_total"), value("dropped_total")) == (2, 2, 0)
    assert value("bytes") == cache.store.size_bytes > 0
    assert (value("kinds", state="on"), value("kinds", state="off")) == (1, 0)
    cache.store.shelves[0].policy.is_on = False
    assert (value("kinds", state="on"), value("kinds", state="off")) == (0, 1)


async def test_the_seconds_are_the_clocks(sample):
    cache, value = sample
    cache.seconds = 1.5
    assert value("cpu_seconds_total") == 1.5
