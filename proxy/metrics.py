"""What the proxy counts, for Prometheus. Labels are bounded: tenants and backends are those of the config."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from proxy.balancer import Backend
from proxy.gate import Gate

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
UNKNOWN_TENANT = "-"


class Metrics:
    """The proxy's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        tenant = ("tenant",)
        self._requests = Counter(
            "nlpbatch_proxy_requests", "Requests answered", ("tenant", "status"), registry=registry
        )
        self._refused = Counter("nlpbatch_proxy_refused", "Requests refused", ("tenant", "cause"), registry=registry)
        self._bytes_in = Counter(
            "nlpbatch_proxy_request_bytes", "Cost of what was passed on", tenant, registry=registry
        )
        self._bytes_out = Counter("nlpbatch_proxy_answer_bytes", "Bodies passed back", tenant, registry=registry)
        self._wait_s = Histogram(
            "nlpbatch_proxy_wait_seconds", "Time in the queue", tenant, buckets=_SECONDS, registry=registry
        )
        self._upstream_s = Histogram(
            "nlpbatch_proxy_upstream_seconds", "Time at the backend", ("backend",), buckets=_SECONDS, registry=registry
        )
        self._queued = Gauge("nlpbatch_proxy_queue_requests", "Requests waiting", tenant, registry=registry)
        self._queued_bytes = Gauge("nlpbatch_proxy_queue_bytes", "Their bytes", tenant, registry=registry)
        self._in_flight = Gauge("nlpbatch_proxy_in_flight", "Requests at a backend", ("backend",), registry=registry)
        self._limit = Gauge("nlpbatch_proxy_limit", "Requests it may have", ("backend",), registry=registry)
        self._ready = Gauge("nlpbatch_proxy_backend_ready", "Whether it is ready", ("backend",), registry=registry)

    def watch_backend(self, backend: Backend) -> None:
        """Show a backend's state from now on."""
        self._in_flight.labels(backend.url).set_function(lambda: backend.in_flight)
        self._limit.labels(backend.url).set_function(lambda: backend.limit.value)
        self._ready.labels(backend.url).set_function(lambda: backend.ready)

    def watch_tenant(self, tenant: str, gate: Gate) -> None:
        """Show a tenant's queue from now on."""
        self._queued.labels(tenant).set_function(lambda: gate.usage_of(tenant).requests)
        self._queued_bytes.labels(tenant).set_function(lambda: gate.usage_of(tenant).size_bytes)

    def refused(self, tenant: str, cause: str) -> None:
        """Count a refusal."""
        self._refused.labels(tenant, cause).inc()

    def passed(self, tenant: str, waited_s: float, cost_bytes: int) -> None:
        """Count a request that got its place."""
        self._wait_s.labels(tenant).observe(waited_s)
        self._bytes_in.labels(tenant).inc(cost_bytes)

    def answered(self, tenant: str, status: int, answer_bytes: int) -> None:
        """Count an answer."""
        self._requests.labels(tenant, str(status)).inc()
        self._bytes_out.labels(tenant).inc(answer_bytes)

    def upstream(self, backend: str, seconds: float) -> None:
        """Count the time a request was at a backend."""
        self._upstream_s.labels(backend).observe(seconds)
