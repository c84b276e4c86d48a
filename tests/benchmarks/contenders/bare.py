"""Kiwi alone on all cores, by its own threads: no Spark, no HTTP, no input or output while the clock runs."""

import json
import sys
import time

import pyarrow.dataset as ds
from kiwipiepy import Kiwi

source, text, workers = sys.argv[1], sys.argv[2], int(sys.argv[3])
texts = ds.dataset(source, format="parquet").to_table(columns=[text]).column(text).to_pylist()
kiwi = Kiwi(num_workers=workers)
for _ in kiwi.tokenize(texts[:200]):
    pass
started_s, started_cpu_s = time.monotonic(), time.process_time()
documents = tokens = 0
for found in kiwi.tokenize(texts):
    documents += 1
    tokens += len(found)
members = {
    "documents": documents,
    "tokens": tokens,
    "seconds": time.monotonic() - started_s,
    "cpu_s": time.process_time() - started_cpu_s,
}
print(json.dumps(members))
