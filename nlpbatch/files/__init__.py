"""Analyses files of this machine without Spark: the same columns, errors and counts as a job, resumable."""
