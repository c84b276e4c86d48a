"""Spark integration: `analyze`, `sentences`, `space`, `join`, `glue` and `call` add answers to a DataFrame."""

from nlpbatch.unpacked_pyspark import prefer_unpacked_pyspark

prefer_unpacked_pyspark()  # before anything below imports PySpark

from nlpbatch.spark.transform import analyze, call, glue, join, sentences, space  # noqa: E402

__all__ = ["analyze", "call", "glue", "join", "sentences", "space"]
