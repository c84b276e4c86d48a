"""The API's metrics, for Prometheus. Labels are bounded: analyzer names from the config, codes from a closed set."""

from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from nlpbatch.engine.answer import PoolAnswer
from nlpbatch.wire.analyzer import AnalyzerInfo

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Watched(Protocol):
    """Workers to show the state of."""

    @property
    def workers(self) -> int:
        """Return those that have answered."""

    @property
    def busy(self) -> int:
        """Return those at work."""

    @property
    def queued_bytes(self) -> int:
        """Return the text that waits for them."""


class ServerMetrics:
    """The API's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        name = ("analyzer",)
        self._documents = Counter("nlpbatch_documents", "Documents answered", name, registry=registry)
        self._code_points = Counter("nlpbatch_code_points", "Code points analysed", name, registry=registry)
        self._tokens = Counter("nlpbatch_tokens", "Tokens written by workers", name, registry=registry)
        self._errors = Counter(
            "nlpbatch_document_errors", "Documents answered with an error", (*name, "code"), registry=registry
        )
        self._cached = Counter(
            "nlpbatch_documents_cached", "Documents answered with the outcome of the same text", name, registry=registry
        )
        self._joined = Counter(
            "nlpbatch_requests_joined", "Requests answered without an analysis of their own", registry=registry
        )
        self._lost = Counter("nlpbatch_workers_lost", "Workers that ended unasked", name, registry=registry)
        self._workers = Gauge("nlpbatch_workers", "Workers alive", name, registry=registry)
        self._busy = Gauge("nlpbatch_workers_busy", "Workers at work", name, registry=registry)
        self._queued = Gauge("nlpbatch_queue_bytes", "Text waiting for a worker", name, registry=registry)
        self._queue_s = Histogram(
            "nlpbatch_queue_seconds", "From arrival to the first worker", name, buckets=_SECONDS, registry=registry
        )
        self._analysis_s = Histogram(
            "nlpbatch_analysis_seconds", "Worker time of a request", name, buckets=_SECONDS, registry=registry
        )
        self._valid = Gauge(
            "nlpbatch_dictionary_valid", "Whether the dictionary files are in force", name, registry=registry
        )
        self._info = Info("nlpbatch_analyzer", "The loaded version", name, registry=registry)

    def watch(self, analyzer: str, pool: Watched) -> None:
        """Show the state of an analyzer's workers from now on."""
        self._workers.labels(analyzer).set_function(lambda: pool.workers)
        self._busy.labels(analyzer).set_function(lambda: pool.busy)
        self._queued.labels(analyzer).set_function(lambda: pool.queued_bytes)
        self._lost.labels(analyzer)

    def dictionary(self, analyzer: str, *, valid: bool) -> None:
        """Show whether an analyzer's dictionaries are in force as they are in their files."""
        self._valid.labels(analyzer).set(valid)

    def loaded(self, info: AnalyzerInfo) -> None:
        """Show engine, model and fingerprint of an analyzer."""
        self._info.labels(info.name).info({"engine": info.engine, "model": info.model, "fingerprint": info.fingerprint})

    def answered(self, analyzer: str, documents: int, answer: PoolAnswer, *, cached: int = 0) -> None:
        """Count one answered request; `cached` of its documents weren't analysed."""
        self._documents.labels(analyzer).inc(documents)
        self._cached.labels(analyzer).inc(cached)
        self._code_points.labels(analyzer).inc(answer.code_points)
        self._tokens.labels(analyzer).inc(answer.tokens)
        for code, count in answer.errors.items():
            self._errors.labels(analyzer, code).inc(count)
        if cached < documents:  # else no worker was asked
            self._queue_s.labels(analyzer).observe(answer.queue_s)
            self._analysis_s.labels(analyzer).observe(answer.analysis_s)

    def joined(self) -> None:
        """Count a request that got the answer of another one's analysis."""
        self._joined.inc()

    def observer(self, analyzer: str) -> "PoolMetrics":
        """Return the observer of the analyzer's pool."""
        return PoolMetrics(self._lost.labels(analyzer))


class PoolMetrics:
    """Counts the events of one pool."""

    def __init__(self, lost: Counter) -> None:
        self._lost = lost

    def worker_lost(self) -> None:
        """Count a worker that ended though the pool had not ended it."""
        self._lost.inc()
