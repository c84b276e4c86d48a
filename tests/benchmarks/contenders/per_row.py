"""One HTTP request per row: the same Spark and the same service, without batching; connections are kept alive."""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
from pyspark.sql import SparkSession

from nlpbatch import Client

source, text, target, service, in_flight = *sys.argv[1:5], int(sys.argv[5])
api_key = os.environ["NLPBATCH_API_KEY"]
TOKENS = "array<struct<form:string,tag:string,start:int,end:int>>"
_TYPE = pa.list_(pa.struct([("form", pa.string()), ("tag", pa.string()), ("start", pa.int32()), ("end", pa.int32())]))


def analyse(batches):
    with Client(service, api_key=api_key, pool_size=in_flight) as client, ThreadPoolExecutor(in_flight) as threads:
        for batch in batches:
            answers = threads.map(lambda document: client.analyze([document])[0], batch.column(text).to_pylist())
            rows = [[token.as_dict() for token in answer.tokens] for answer in answers]
            yield pa.RecordBatch.from_arrays(
                [*batch.columns, pa.array(rows, _TYPE)], names=[*batch.schema.names, "tokens"]
            )


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
