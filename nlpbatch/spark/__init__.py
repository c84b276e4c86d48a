"""Spark integration: `analyze` adds tokens to a DataFrame."""

from nlpbatch.spark.transform import analyze

__all__ = ["analyze"]
