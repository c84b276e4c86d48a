"""Kiwi in actors of Ray Data, one an actor and core: read Parquet, analyse, write Parquet."""

import json
import logging
import os
import sys
import time

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import ray
from kiwipiepy import Kiwi

source, text, target, cores = *sys.argv[1:4], int(sys.argv[4])
TOKENS_TYPE = pa.list_(
    pa.struct([("form", pa.string()), ("tag", pa.string()), ("start", pa.int32()), ("end", pa.int32())])
)


class Analyse:
    def __init__(self) -> None:
        self._kiwi = Kiwi(num_workers=1)

    def __call__(self, batch: pa.Table) -> pa.Table:
        rows = [
            [(token.form, token.tag, token.start, token.end) for token in self._kiwi.tokenize(document)]
            for document in batch.column(text).to_pylist()
        ]
        return batch.append_column("tokens", pa.array(rows, TOKENS_TYPE))


os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
# Its actors hold a CPU each, by Ray's count; reading and writing get as many.
ray.init(num_cpus=2 * cores, include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
ray.data.DataContext.get_current().enable_progress_bars = False
started_s = time.monotonic()
data = ray.data.read_parquet(source)
data = data.map_batches(Analyse, batch_format="pyarrow", compute=ray.data.ActorPoolStrategy(size=cores), num_cpus=1)
data.write_parquet(target)
seconds = time.monotonic() - started_s
ray.shutdown()
tokens = ds.dataset(target, format="parquet").to_table(columns=["tokens"]).column("tokens")
print(
    json.dumps({"documents": len(tokens), "tokens": pc.sum(pc.list_value_length(tokens)).as_py(), "seconds": seconds})
)
