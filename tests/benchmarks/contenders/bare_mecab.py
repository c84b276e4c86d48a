"""MeCab alone on all cores, a process each: no Spark, no HTTP, no input or output while the clock runs.

Each process has its texts before it starts, and drops the tokens.
"""

import json
import multiprocessing
import sys
import time
from multiprocessing.synchronize import Barrier

import pyarrow.dataset as ds
from mecab import MeCab


def analyse(texts: list[str | None], gate: Barrier, answers: multiprocessing.Queue) -> None:
    mecab = MeCab()
    for text in texts[:200]:
        mecab.parse(text or "")
    gate.wait()
    started_cpu_s, tokens = time.process_time(), 0
    for text in texts:
        tokens += len(mecab.parse(text or ""))
    answers.put((len(texts), tokens, time.process_time() - started_cpu_s))


if __name__ == "__main__":
    source, text, workers = sys.argv[1], sys.argv[2], int(sys.argv[3])
    texts = ds.dataset(source, format="parquet").to_table(columns=[text]).column(text).to_pylist()
    gate, answers = multiprocessing.Barrier(workers + 1), multiprocessing.Queue()
    shares = [texts[first::workers] for first in range(workers)]
    processes = [multiprocessing.Process(target=analyse, args=(share, gate, answers)) for share in shares]
    for process in processes:
        process.start()
    gate.wait()
    started_s = time.monotonic()
    found = [answers.get() for _ in processes]
    seconds = time.monotonic() - started_s
    for process in processes:
        process.join()
    documents, tokens, cpu_s = (sum(column) for column in zip(*found, strict=True))
    print(json.dumps({"documents": documents, "tokens": tokens, "seconds": seconds, "cpu_s": cpu_s}))
