"""What the contenders that run in Spark have in common: read, mapInArrow, write, and say how long it took."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyspark.sql import SparkSession

TOKENS_TYPE = pa.list_(
    pa.struct([("form", pa.string()), ("tag", pa.string()), ("start", pa.int32()), ("end", pa.int32())])
)
_TOKENS_DDL = "tokens array<struct<form:string,tag:string,start:int,end:int>>"


def with_tokens(batch: pa.RecordBatch, rows: list) -> pa.RecordBatch:
    """Return the batch with one more column, `tokens`."""
    return pa.RecordBatch.from_arrays(
        [*batch.columns, pa.array(rows, TOKENS_TYPE)], names=[*batch.schema.names, "tokens"]
    )


def written(target: str) -> dict[str, int]:
    """Return what an output holds: documents, and tokens of all of them."""
    documents = tokens = 0
    for batch in ds.dataset(target, format="parquet", partitioning="hive").to_batches(columns=["tokens"]):
        documents += batch.num_rows
        tokens += pc.sum(pc.list_value_length(batch.column("tokens"))).as_py() or 0
    return {"documents": documents, "tokens": tokens}


def run(source: str, target: str, analyse: Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]) -> None:
    """Write what `analyse` makes of the source, and print the figures as JSON."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = SparkSession.builder.config("spark.ui.showConsoleProgress", "false").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    spark.sparkContext.addPyFile(__file__)  # the functions above travel to the workers by name
    df = spark.read.parquet(source)
    columns = ", ".join(f"`{field.name}` {field.dataType.simpleString()}" for field in df.schema)
    started_s = time.monotonic()
    df.mapInArrow(analyse, f"{columns}, {_TOKENS_DDL}").write.mode("overwrite").parquet(target)
    seconds = time.monotonic() - started_s
    spark.stop()
    print(json.dumps(written(target) | {"seconds": seconds}))
