"""Spark integration: `analyze`, `sentences`, `space`, `join` and `glue` add what the service answers to a DataFrame."""

from nlpbatch.spark.transform import analyze, glue, join, sentences, space

__all__ = ["analyze", "glue", "join", "sentences", "space"]
