"""A small Spark job with the executors' bundle of a release; prints its rows as JSON.

python contract_job.py BUNDLE.zip
"""

import json
import os
import sys

from pyspark.sql import SparkSession

from nlpbatch.spark import analyze

ROWS = [("아버지가 방에 들어가신다.",), (None,), ("값이 싸고 좋아요",)]


def main() -> None:
    """Analyse the rows on one worker that has the bundle alone."""
    spark = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.submit.pyFiles", sys.argv[1])
        .config("spark.sql.shuffle.partitions", "1")
        .getOrCreate()
    )
    try:
        frame = spark.createDataFrame(ROWS, "review string").coalesce(1)
        service, key = os.environ["NLPBATCH_SERVICE"], os.environ["NLPBATCH_API_KEY"]
        rows = analyze(frame, text="review", service=service, api_key=key).collect()
        json.dump([row.asDict(recursive=True) for row in rows], sys.stdout)
    finally:
        spark.stop()


if __name__ == "__main__":
    main()
