"""Adds up over all tasks what they and their clients did for the answers that are in the output.

The accumulator is updated in the stage that writes, so Spark adds each task's stats once: those of the attempt that
succeeded. Only the proxy's count includes the work of lost attempts. Rows are counted by `Observation`.
"""

from pyspark import Accumulator, AccumulatorParam, SparkContext

from nlpbatch.client.columns.task_stats import TaskStats


class _Adding(AccumulatorParam[TaskStats]):
    def zero(self, value: TaskStats) -> TaskStats:  # noqa: ARG002
        return TaskStats()

    def addInPlace(self, value1: TaskStats, value2: TaskStats) -> TaskStats:  # noqa: N802  (PySpark's name)
        return value1 + value2


class TaskTotals:
    """The sums on the driver, and the callable that tasks report to."""

    def __init__(self, context: SparkContext) -> None:
        self._sums: Accumulator[TaskStats] = context.accumulator(TaskStats(), _Adding())
        self._before: TaskStats | None = None

    def __call__(self, stats: TaskStats) -> None:
        """Add one task's stats; called in executors."""
        self._sums.add(stats)

    def total(self) -> TaskStats:
        """Return the sums of all tasks that have ended; called on the driver."""
        return self._sums.value

    def begin(self) -> None:
        """Note that a micro-batch begins, or begins again."""
        self._before = self.total()

    def end(self) -> None:
        """Note that the micro-batch under way is part of the output."""
        self._before = None

    def under_way(self) -> TaskStats:
        """Return the sums of the micro-batch under way; zeros if there is none."""
        return TaskStats() if self._before is None else self.total() - self._before
