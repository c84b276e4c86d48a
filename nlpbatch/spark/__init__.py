"""Spark integration: `analyze`, `sentences`, `space`, `join`, `glue` and `call` add answers to a DataFrame.

They are imported on first use: what only reads the options of jobs needs no Spark.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nlpbatch.unpacked_pyspark import prefer_unpacked_pyspark

if TYPE_CHECKING:
    from nlpbatch.spark.transform import analyze, call, glue, join, sentences, space

prefer_unpacked_pyspark()  # before anything imports PySpark

__all__ = ["analyze", "call", "glue", "join", "sentences", "space"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("nlpbatch.spark.transform"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
