"""The cache of outcomes in `/metrics`; its hits are counted with the answers, by analyzer."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from nlpbatch.server.outcome_cache.cache import OutcomeCache


class CacheCollector(Collector):
    """Reads the state of a cache when it is asked for.

    Args:
        cache: The cache.
        registry: Shows it.

    """

    def __init__(self, cache: OutcomeCache, registry: CollectorRegistry) -> None:
        self._cache = cache
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Return the metrics."""
        cache, store = self._cache, self._cache.store
        yield GaugeMetricFamily("nlpbatch_cache_bytes", "Texts and outcomes that are kept", store.size_bytes)
        yield GaugeMetricFamily("nlpbatch_cache_outcomes", "Outcomes that are kept", len(store))
        kinds = GaugeMetricFamily(
            "nlpbatch_cache_kinds",
            "Kinds of questions for which the cache is on, or off as it wouldn't pay",
            None,
            ["state"],
        )
        on = sum(shelf.policy.is_on for shelf in store.shelves)
        kinds.add_metric(["on"], on)
        kinds.add_metric(["off"], len(store.shelves) - on)
        yield kinds
        yield CounterMetricFamily("nlpbatch_cache_misses", "Documents that were looked up in vain", cache.misses)
        yield CounterMetricFamily("nlpbatch_cache_dropped", "Outcomes that had to make room", store.dropped)
        yield CounterMetricFamily("nlpbatch_cache_cpu_seconds", "CPU seconds that the cache takes", cache.seconds)
