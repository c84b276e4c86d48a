"""What a developer writes in an hour: aiohttp, a semaphore, a request for 64 texts, the answers as Parquet."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path

import aiohttp
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

TEXTS = 64
TRIES = 10
TOKENS_TYPE = pa.list_(
    pa.struct([("form", pa.string()), ("tag", pa.string()), ("start", pa.int32()), ("end", pa.int32())])
)
source, text, target, service, in_flight = *sys.argv[1:5], int(sys.argv[5])


async def ask(session: aiohttp.ClientSession, gate: asyncio.Semaphore, texts: list[str]) -> pa.Array:
    async with gate:
        for _ in range(TRIES):
            async with session.post(f"{service}/v1/analyze", json={"texts": texts}) as answer:
                if answer.status in {429, 503}:
                    await asyncio.sleep(float(answer.headers.get("Retry-After", "1")))
                    continue
                answer.raise_for_status()
                outcomes = (await answer.json())["outcomes"]
                return pa.array([outcome["tokens"] for outcome in outcomes], TOKENS_TYPE)
    raise SystemExit(f"refused {TRIES} times")


async def analyse(texts: list[str]) -> pa.ChunkedArray:
    headers = {"Authorization": f"Bearer {os.environ['NLPBATCH_API_KEY']}"}
    gate = asyncio.Semaphore(in_flight)
    async with aiohttp.ClientSession(headers=headers) as session:
        blocks = [texts[start : start + TEXTS] for start in range(0, len(texts), TEXTS)]
        return pa.chunked_array(await asyncio.gather(*(ask(session, gate, block) for block in blocks)))


started_s = time.monotonic()
table = ds.dataset(source, format="parquet").to_table()
tokens = asyncio.run(analyse(table.column(text).to_pylist()))
Path(target).mkdir(parents=True)
pq.write_table(table.append_column("tokens", tokens), f"{target}/tokens.parquet")
seconds = time.monotonic() - started_s
members = {
    "documents": len(tokens),
    "tokens": pc.sum(pc.list_value_length(tokens)).as_py(),
    "seconds": seconds,
}
print(json.dumps(members))
