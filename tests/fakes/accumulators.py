"""A SparkContext of which only accumulators are wanted."""

from typing import Any

from pyspark.accumulators import Accumulator, AccumulatorParam


class AccumulatorContext:
    """Makes accumulators as a SparkContext does; their id is one that no real one has."""

    def accumulator(self, value: Any, param: AccumulatorParam[Any]) -> Accumulator[Any]:
        return Accumulator(-1, value, param)
