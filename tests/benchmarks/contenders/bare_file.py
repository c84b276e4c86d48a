"""Kiwi alone on all cores over one file, from its start: it loads, reads and counts tokens, and writes nothing."""

import json
import sys

import pyarrow.parquet as pq
from kiwipiepy import Kiwi

source, text, workers = sys.argv[1], sys.argv[2], int(sys.argv[3])
texts = pq.read_table(source, columns=[text]).column(text).to_pylist()
documents = tokens = 0
for found in Kiwi(num_workers=workers).tokenize(texts):
    documents += 1
    tokens += len(found)
print(json.dumps({"rows": documents, "tokens": tokens}))
