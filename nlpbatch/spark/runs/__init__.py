"""Runs: what makes a job resumable, its output exact and its report true. `nlpbatch.spark.job` is the way in."""
