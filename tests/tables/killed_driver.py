"""A driver that kills itself and its JVM with SIGKILL at a chosen point of a micro-batch's way to a table."""

import json
import os
import signal
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from nlpbatch.spark.job import run
from nlpbatch.spark.options import JobOptions
from nlpbatch.spark.storage import Storage
from nlpbatch.spark.tables.batches import TableBatches
from nlpbatch.spark.tables.sink import TableSink
from tests.tables import environment

POINTS = {
    "staged": (TableBatches, "commit", "before"),
    "prepared": (TableBatches, "_publish", "before"),
    "dead": (TableSink, "add_dead", "after"),
    "rows": (TableBatches, "_add_rows", "after"),
    "record": (TableBatches, "is_whole", "never"),
}
"""The methods at which a driver can end, and on which side of them."""


def ending_at(point, end):
    """Return the class, the name and the method with which a driver ends at a point."""
    if point == "record":  # the record is written, what led to it is not deleted yet
        delete = Storage.delete

        def delete_or_end(storage, name=""):
            if name.startswith("_nlpbatch/prepared/"):
                end()
            delete(storage, name)

        return Storage, "delete", delete_or_end
    cls, name, side = POINTS[point]
    method = getattr(cls, name)

    def method_and_end(*args, **kwargs):
        if side == "before":
            end()
        method(*args, **kwargs)
        end()

    return cls, name, method_and_end


def kill():
    os.killpg(os.getpgrp(), signal.SIGKILL)


def main():
    given = json.loads(sys.argv[1])
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2]")
    for name, value in environment.settings(Path(given["warehouse"])).items():
        builder = builder.config(name, value)
    cls, name, method = ending_at(given["point"], kill)
    setattr(cls, name, method)
    options = given["options"] | {"text": tuple(given["options"]["text"])}
    run(builder.getOrCreate(), JobOptions(**options))


if __name__ == "__main__":
    main()
