"""Adds up over all tasks what they and their clients did for the answers that stand in the output.

An accumulator in the very stage that writes: Spark adds each task's figures once, those of the attempt that succeeded.
What lost attempts did is in the proxy's count alone; rows are counted by `Observation`.
"""

from dataclasses import asdict

from pyspark import Accumulator, AccumulatorParam, SparkContext

from nlpbatch.spark.figures import TaskFigures


class _Adding(AccumulatorParam[TaskFigures]):
    def zero(self, value: TaskFigures) -> TaskFigures:  # noqa: ARG002
        return TaskFigures()

    def addInPlace(self, value1: TaskFigures, value2: TaskFigures) -> TaskFigures:  # noqa: N802  (PySpark's name)
        return value1 + value2


class Ledger:
    """The sums on the driver, and the callable that tasks report to."""

    def __init__(self, context: SparkContext) -> None:
        self._sums: Accumulator[TaskFigures] = context.accumulator(TaskFigures(), _Adding())

    def __call__(self, figures: TaskFigures) -> None:
        """Add one task's figures; called in executors."""
        self._sums.add(figures)

    def total(self) -> TaskFigures:
        """Return the sums of all tasks that have ended; called on the driver."""
        return self._sums.value

    def since(self, before: TaskFigures) -> dict[str, float]:
        """Return by name what has been added to an earlier total."""
        now = asdict(self.total())
        return {name: value - getattr(before, name) for name, value in now.items()}
