"""Counters and histograms of plain numbers, which become Prometheus' samples only when they are read.

A request counts half a dozen times: in prometheus-client's objects, with a lock and a look-up of labels each, that took
as long as authenticating it.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
"""Upper bounds of the buckets; the last bucket has none."""
Labels = tuple[str, ...]


class PlainCounter(Collector):
    """A counter; whoever counts adds to `counts`, by the labels' values.

    Args:
        name: Its name.
        about: What it counts.
        labels: The labels' names.

    """

    def __init__(self, name: str, about: str, labels: Sequence[str]) -> None:
        self.counts: defaultdict[Labels, int] = defaultdict(int)
        self._name, self._about, self._labels = name, about, labels

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield it as Prometheus reads it."""
        family = CounterMetricFamily(self._name, self._about, labels=self._labels)
        for labels, count in self.counts.items():
            family.add_metric(labels, count)
        yield family


class PlainHistogram(Collector):
    """A histogram of seconds; whoever measures adds to the bucket `bisect_left(SECONDS, seconds)` and to the sum.

    Args:
        name: Its name.
        about: What it shows.
        labels: The labels' names.

    """

    def __init__(self, name: str, about: str, labels: Sequence[str]) -> None:
        self.buckets: defaultdict[Labels, list[int]] = defaultdict(lambda: [0] * (len(SECONDS) + 1))
        self.sums_s: defaultdict[Labels, float] = defaultdict(float)
        self._name, self._about, self._labels = name, about, labels

    def forget(self, *labels: str) -> None:
        """Show nothing for these labels any more."""
        self.buckets.pop(labels, None)
        self.sums_s.pop(labels, None)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yield it as Prometheus reads it."""
        family = HistogramMetricFamily(self._name, self._about, labels=self._labels)
        bounds = [*map(floatToGoString, SECONDS), "+Inf"]
        for labels, counts in self.buckets.items():
            family.add_metric(labels, list(zip(bounds, accumulate(counts), strict=True)), self.sums_s[labels])
        yield family
