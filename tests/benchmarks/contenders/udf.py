"""Kiwi installed everywhere: loaded by every Python worker of Spark, in a mapInArrow function."""

import json
import os
import sys
import time

import pyarrow as pa
from kiwipiepy import Kiwi
from pyspark.sql import SparkSession

source, text, target = sys.argv[1:4]
TOKENS = "array<struct<form:string,tag:string,start:int,end:int>>"
_TYPE = pa.list_(pa.struct([("form", pa.string()), ("tag", pa.string()), ("start", pa.int32()), ("end", pa.int32())]))


def analyse(batches):
    kiwi = Kiwi(num_workers=1)
    for batch in batches:
        rows = [
            [(token.form, token.tag, token.start, token.end) for token in kiwi.tokenize(document)]
            for document in batch.column(text).to_pylist()
        ]
        yield pa.RecordBatch.from_arrays([*batch.columns, pa.array(rows, _TYPE)], names=[*batch.schema.names, "tokens"])


started_s = time.monotonic()
os.environ["PYSPARK_PYTHON"] = sys.executable
spark = SparkSession.builder.config("spark.ui.showConsoleProgress", "false").getOrCreate()
spark.sparkContext.setLogLevel("ERROR")
df = spark.read.parquet(source)
ready_s = time.monotonic()
schema = ", ".join(f"`{field.name}` {field.dataType.simpleString()}" for field in df.schema)
df.mapInArrow(analyse, f"{schema}, tokens {TOKENS}").write.mode("overwrite").parquet(target)
done_s = time.monotonic()
documents = spark.read.parquet(target).count()
spark.stop()
print(json.dumps({"documents": documents, "seconds": done_s - ready_s, "with_start_s": done_s - started_s}))
