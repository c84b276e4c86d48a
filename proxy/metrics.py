"""What the proxy counts, for Prometheus. Labels are bounded: tenants, classes and backends are those of the config."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from proxy.plain_metrics import SECONDS, PlainCounter, PlainHistogram
from proxy.shared.fleet import Fleet
from proxy.traffic.budgets import Budget
from proxy.traffic.controller import TrafficController
from proxy.traffic.slots import Backend
from proxy.traffic.ticket import CLASS_NAMES, Backlog, ClassName

UNKNOWN_TENANT = "-"


class Metrics:
    """The proxy's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = self._plain_counter("requests", "Requests answered", "tenant", "status")
        self._refused = self._counter("refused", "Requests refused", "tenant", "cause")
        self._failed_keys = self._counter("failed_keys", "Requests without a valid key", "status")
        self._bytes_in = self._plain_counter("request_bytes", "Cost of what was passed on", "tenant")
        self._bytes_out = self._plain_counter("answer_bytes", "Bodies passed back", "tenant")
        self._wait_s = self._histogram("wait_seconds", "Time in the queue", "tenant", "class")
        self._upstream_s = self._histogram("upstream_seconds", "Time at the backend", "backend")
        self._retried = self._counter("retries", "Requests sent to another backend after this one failed", "backend")
        self._replayed = self._counter("replays", "Requests answered without an analysis of their own", "tenant")
        self._queued = self._gauge("queue_requests", "Requests waiting", "tenant", "class")
        self._queued_bytes = self._gauge("queue_bytes", "Their bytes", "tenant", "class")
        self._in_flight = self._gauge("in_flight", "Requests at a backend", "backend")
        self._limit = self._gauge("limit", "Requests it may have", "backend")
        self._ready = self._gauge("backend_ready", "Whether it is ready", "backend")
        self._ejected = self._gauge("backend_ejected", "Whether it gets no requests because it failed", "backend")
        self._kept_bytes = self._gauge("replay_bytes", "Answers kept for requests that come again")
        self._generation = self._gauge("config_generation", "How often the configuration was taken over")
        self._config_ok = self._gauge("config_valid", "Whether the configuration file, as it is now, was taken over")
        self._config_ok.set(1)
        self.config_faults: tuple[str, ...] = ()
        """What is wrong with the file as it is now, which was not taken over for that."""
        self._store_away = self._gauge("shared_store_away", "Whether limits are divided because the store is away")
        self._proxies = self._gauge("fleet_proxies", "Proxies of the fleet that are alive, this one included")
        self._configs = self._gauge("fleet_configurations", "Different configurations among them")
        self._ledger_entries = self._gauge("ledger_pending_entries", "Counts that are not in the ledger yet")
        self._ledger_age_s = self._gauge("ledger_pending_seconds", "Age of the oldest of them")
        self._ledger_errors = self._counter("ledger_errors", "What went wrong with the ledger", "kind")
        for kind in ("book", "refused", "added_up", "journal"):  # from 0, else the first error would be no increase
            self._ledger_errors.labels(kind)
        self._unlogged = self._counter("request_log_lost", "Records of requests that could not be written")
        self._peer_fetches = self._counter("peer_fetches", "Answers asked of other proxies", "outcome")
        self._take_overs = self._counter("take_overs", "Requests taken over from another proxy that had no answer")

    def watch_backend(self, backend: Backend, now_s: Callable[[], float]) -> None:
        """Show a backend's state from now on."""
        self._in_flight.labels(backend.url).set_function(lambda: backend.in_flight)
        self._limit.labels(backend.url).set_function(lambda: backend.limit.value)
        self._ready.labels(backend.url).set_function(lambda: backend.ready)
        self._ejected.labels(backend.url).set_function(lambda: not backend.breaker.allows(now_s()))

    def forget_backend(self, url: str) -> None:
        """Show a backend no more."""
        for metric in (self._in_flight, self._limit, self._ready, self._ejected, self._retried):
            _remove(metric, url)
        self._upstream_s.forget(url)

    def watch_tenant(self, tenant: str, traffic: TrafficController) -> None:
        """Show a tenant's queue from now on."""
        for name in CLASS_NAMES:
            waiting = partial(traffic.queue.of, tenant, name)
            self._queued.labels(tenant, name).set_function(partial(_requests, waiting))
            self._queued_bytes.labels(tenant, name).set_function(partial(_size_bytes, waiting))

    def watch_replays(self, size_bytes: Callable[[], float]) -> None:
        """Show what the kept answers occupy from now on."""
        self._kept_bytes.set_function(size_bytes)

    def watch_ledger(self, entries: Callable[[], float], age_s: Callable[[], float]) -> None:
        """Show what the ledger hasn't got yet from now on."""
        self._ledger_entries.set_function(entries)
        self._ledger_age_s.set_function(age_s)

    def ledger_failed(self, kind: str) -> None:
        """Count what went wrong with the ledger."""
        self._ledger_errors.labels(kind).inc()

    def watch_budgets(self, budgets: Callable[[], Iterable[tuple[str, Budget]]]) -> None:
        """Show what is left of budgets from now on."""
        self.registry.register(_Budgets(budgets))

    def watch_fleet(self, fleet: Fleet) -> None:
        """Show the fleet from now on."""
        self._store_away.set_function(lambda: fleet.store.away)
        self._proxies.set_function(lambda: len(fleet.members.alive))
        self._configs.set_function(lambda: len({member.config for member in fleet.members.alive.values()}))

    def request_log_lost(self, records: int) -> None:
        """Count records of requests that could not be written."""
        self._unlogged.inc(records)

    def watch_scaling(self, wanted_workers: Callable[[], float | None]) -> None:
        """Show how many workers are wanted from now on; nothing while that isn't known."""
        self.registry.register(_WantedWorkers(wanted_workers))

    def refused(self, tenant: str, cause: str) -> None:
        """Count a refusal."""
        self._refused.labels(tenant, cause).inc()

    def key_failed(self, status: int) -> None:
        """Count a request without a valid key: 401, or 429 for one that has to wait."""
        self._failed_keys.labels(str(status)).inc()

    def passed(self, tenant: str, class_name: ClassName, waited_s: float, cost_bytes: int) -> None:
        """Count a request that got its place."""
        labels = (tenant, class_name)
        self._wait_s.buckets[labels][bisect_left(SECONDS, waited_s)] += 1
        self._wait_s.sums_s[labels] += waited_s
        self._bytes_in.counts[tenant,] += cost_bytes

    def answered(self, tenant: str, status: int, answer_bytes: int) -> None:
        """Count an answer."""
        self._requests.counts[tenant, str(status)] += 1
        self._bytes_out.counts[tenant,] += answer_bytes

    def replayed(self, tenant: str) -> None:
        """Count a request that got another's answer."""
        self._replayed.labels(tenant).inc()

    def peer_fetched(self, outcome: str) -> None:
        """Count a question to another proxy."""
        self._peer_fetches.labels(outcome).inc()

    def taken_over(self) -> None:
        """Count a request that was another proxy's."""
        self._take_overs.inc()

    def upstream(self, backend: str, seconds: float) -> None:
        """Count the time a request was at a backend."""
        self._upstream_s.buckets[backend,][bisect_left(SECONDS, seconds)] += 1
        self._upstream_s.sums_s[backend,] += seconds

    def retried(self, backend: str) -> None:
        """Count a request that was sent to another backend after this one failed it."""
        self._retried.labels(backend).inc()

    def configured(self, generation: int, *, valid: bool, faults: Sequence[str] = ()) -> None:
        """Show how often the configuration was taken over, and whether it was this time, or why not."""
        self._generation.set(generation)
        self._config_ok.set(valid)
        self.config_faults = tuple(faults)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"nlpbatch_proxy_{name}", about, labels, registry=self.registry)

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(f"nlpbatch_proxy_{name}", about, labels, registry=self.registry)

    def _plain_counter(self, name: str, about: str, *labels: str) -> PlainCounter:
        counter = PlainCounter(f"nlpbatch_proxy_{name}", about, labels)
        self.registry.register(counter)
        return counter

    def _histogram(self, name: str, about: str, *labels: str) -> PlainHistogram:
        histogram = PlainHistogram(f"nlpbatch_proxy_{name}", about, labels)
        self.registry.register(histogram)
        return histogram


class _Budgets(Collector):
    """What is left of the budgets that there are at the moment: a reload may add and take away some."""

    def __init__(self, budgets: Callable[[], Iterable[tuple[str, Budget]]]) -> None:
        self._budgets = budgets

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return them as Prometheus reads them."""
        name, about = "nlpbatch_proxy_budget_left_bytes", "What a tenant may still send this day or month"
        family = GaugeMetricFamily(name, about, labels=("tenant", "period"))
        for tenant, budget in self._budgets():
            if budget.left_bytes is not None:
                family.add_metric((tenant, budget.kind), budget.left_bytes)
        yield family


class _WantedWorkers(Collector):
    """How many workers are wanted; no sample while that isn't known, for 0 would end them all."""

    def __init__(self, wanted_workers: Callable[[], float | None]) -> None:
        self._wanted_workers = wanted_workers

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return them as Prometheus reads them."""
        about = "Workers that all proxies together want: take the maximum"
        family = GaugeMetricFamily("nlpbatch_proxy_wanted_workers", about)
        workers = self._wanted_workers()
        if workers is not None:
            family.add_metric((), workers)
        yield family


def _remove(metric: Any, *labels: str) -> None:
    with suppress(KeyError):
        metric.remove(*labels)


def _requests(waiting: Callable[[], Backlog]) -> float:
    return waiting().requests


def _size_bytes(waiting: Callable[[], Backlog]) -> float:
    return waiting().size_bytes
