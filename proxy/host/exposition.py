"""The metrics of a host, made of those of its workers.

Counters and histograms are added, and those of workers that have ended stay in the sums: a host's counts never go back.
A gauge that can be added is; any other is shown for each worker, with the label `process`.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

PROCESS_LABEL: Final = "process"
_ADDED_GAUGES: Final = frozenset(
    f"nlpbatch_proxy_{name}" for name in ("queue_requests", "queue_bytes", "in_flight", "replay_bytes")
)
_OF_SUPERVISOR: Final = frozenset({"nlpbatch_proxy_config_generation", "nlpbatch_proxy_config_valid"})
"""Workers never see the configuration file."""
_CUMULATIVE: Final = frozenset({"counter", "histogram", "summary"})

_Key = tuple[str, tuple[tuple[str, str], ...]]


class _Family:
    """One metric's sums."""

    def __init__(self, name: str, about: str, kind: str) -> None:
        self.name, self.about, self.kind = name, about, kind
        self.samples: dict[_Key, float] = {}

    def add(self, samples: Iterable[tuple[_Key, float]]) -> None:
        for key, value in samples:
            self.samples[key] = self.samples.get(key, 0.0) + value

    def to_metric(self) -> Metric:
        metric = Metric(self.name, self.about, self.kind)
        for (name, labels), value in self.samples.items():
            metric.add_sample(name, dict(labels), value)
        return metric


class HostCounts:
    """What all workers have counted; those that have ended included."""

    def __init__(self) -> None:
        self._ended: dict[str, _Family] = {}
        self._latest: dict[int, tuple[int, str]] = {}

    def started(self, number: int, pid: int) -> None:
        """Take counts from that process from now on.

        Args:
            number: The worker's number, from 1.
            pid: Its process id.

        """
        self.ended(number)
        self._latest[number] = (pid, "")

    def counted(self, number: int, pid: int, text: str) -> None:
        """Remember a worker's latest metrics, in Prometheus' text format; those of an earlier process are dropped."""
        if self._latest.get(number, (0, ""))[0] == pid:
            self._latest[number] = (pid, text)

    def ended(self, number: int) -> None:
        """Keep what a worker has counted, now that its process is gone."""
        _, text = self._latest.pop(number, (0, ""))
        for metric in text_string_to_metric_families(text):
            if metric.type in _CUMULATIVE:
                _add(self._ended, metric, number)

    def collect(self) -> Iterator[Metric]:
        """Yield the sums."""
        sums: dict[str, _Family] = {}
        for family in self._ended.values():
            sums[family.name] = _Family(family.name, family.about, family.kind)
            sums[family.name].add(family.samples.items())
        for number, (_, text) in sorted(self._latest.items()):
            for metric in text_string_to_metric_families(text):
                if metric.name not in _OF_SUPERVISOR:
                    _add(sums, metric, number)
        for name in sorted(sums):
            yield sums[name].to_metric()


def _add(families: dict[str, _Family], metric: Metric, number: int) -> None:
    family = families.setdefault(metric.name, _Family(metric.name, metric.documentation, metric.type))
    added = metric.type in _CUMULATIVE or metric.name in _ADDED_GAUGES
    own = {} if added else {PROCESS_LABEL: str(number)}
    family.add(((sample.name, tuple((sample.labels | own).items())), sample.value) for sample in metric.samples)
