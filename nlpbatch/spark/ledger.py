"""Adds up over all tasks what their clients did: work done, including what was done twice.

An accumulator, because work repeated by a retried task is to be counted; rows are counted by `Observation` instead.
"""

from dataclasses import asdict, fields

from pyspark import Accumulator, AccumulatorParam, SparkContext

from nlpbatch.client.stats import ClientStats


class _Adding(AccumulatorParam[ClientStats]):
    def zero(self, value: ClientStats) -> ClientStats:  # noqa: ARG002
        return ClientStats()

    def addInPlace(self, value1: ClientStats, value2: ClientStats) -> ClientStats:  # noqa: N802  (PySpark's name)
        return add(value1, value2)


def add(left: ClientStats, right: ClientStats) -> ClientStats:
    """Return the sums, field by field."""
    return ClientStats(**{item.name: getattr(left, item.name) + getattr(right, item.name) for item in fields(left)})


class Ledger:
    """The sums on the driver, and the callable that tasks report to."""

    def __init__(self, context: SparkContext) -> None:
        self._sums: Accumulator[ClientStats] = context.accumulator(ClientStats(), _Adding())

    def __call__(self, stats: ClientStats) -> None:
        """Add one task's figures; called in executors."""
        self._sums.add(stats)

    def total(self) -> ClientStats:
        """Return the sums of all tasks that have ended; called on the driver."""
        return self._sums.value

    def to_json(self) -> dict[str, float]:
        """Return the sums by name."""
        return asdict(self.total())
