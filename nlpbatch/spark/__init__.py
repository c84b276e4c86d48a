"""Spark integration: `analyze`, `sentences` and `space` add what the service answers to a DataFrame."""

from nlpbatch.spark.transform import analyze, sentences, space

__all__ = ["analyze", "sentences", "space"]
