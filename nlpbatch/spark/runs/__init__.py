"""Runs: the parts that make a job resumable and its output exact. Start reading at `nlpbatch.spark.job`."""
