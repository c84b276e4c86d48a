"""Spark integration: `analyze`, `sentences`, `space`, `join` and `glue` add what the service answers to a DataFrame."""

from nlpbatch.unpacked_pyspark import prefer_unpacked_pyspark

prefer_unpacked_pyspark()  # before anything below imports PySpark

from nlpbatch.spark.transform import analyze, glue, join, sentences, space  # noqa: E402

__all__ = ["analyze", "glue", "join", "sentences", "space"]
