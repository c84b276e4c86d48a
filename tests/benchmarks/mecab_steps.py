"""What each step of a worker with MeCab costs by itself, beside `MeCab().parse`: CPU µs a document, medians of passes.

    python -m tests.benchmarks.mecab_steps --input reviews.parquet [--documents 4000] [--json FILE]

Every step is timed over and over in a process that holds one engine. Before that, its tokens are compared with bare
MeCab's: texts that the service normalises are left out.
"""

import argparse
import gc
import json
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
from mecab import MeCab

from nlpbatch.engine import worker
from nlpbatch.engine.chunks import cut
from nlpbatch.engine.documents import from_texts
from nlpbatch.engine.encode import to_arrow
from nlpbatch.engine.forkserver import _warm_up
from nlpbatch.engine.job import Job, JobResult
from nlpbatch.engine.limits import PoolLimits
from nlpbatch.engine.mecab import MecabEngine
from nlpbatch.engine.normalise import is_plain
from nlpbatch.engine.protocol import EngineSpec
from nlpbatch.wire.arrow import answer_schema, encode_batch_message
from nlpbatch.wire.fields import MECAB_FIELDS
from nlpbatch.wire.options import Options

REPEATS = 7
FIELD_SETS = {"default fields": Options(), "all fields": Options(fields=MECAB_FIELDS)}


def time_steps(texts: Sequence[str]) -> dict[str, float]:
    """Return µs a document of bare MeCab and of each step."""
    engine, bare = MecabEngine(EngineSpec("fast", "mecab")), MeCab()
    _warm_up(engine)
    gc.disable()  # as in a worker
    found = {"MeCab().parse": step(bare.parse, texts, len(texts))}
    for name, options in FIELD_SETS.items():
        tokenizer = engine._plain if options.fields != MECAB_FIELDS else engine._whole
        chunks = cut(from_texts(texts), **_limits())
        jobs = [Job(number, "arrow", options, chunk.documents, {}) for number, chunk in enumerate(chunks)]
        read = [worker._read_contents(job) for job in jobs]
        perform = engine.performer(options)
        outcomes = [list(map(perform, chunk)) for chunk in read]
        check(texts, list(chain.from_iterable(outcomes)), bare)
        results = [worker.run(engine, job, lambda _: None) for job in jobs]
        batches = [
            pa.ipc.read_record_batch(pa.py_buffer(result.body), answer_schema(options))
            for result in results
            if isinstance(result, JobResult)
        ]
        timed: dict[str, tuple[Callable[[Any], Any], Iterable[Any]]] = {
            "MeCab, writing a text": (tokenizer._parse, texts),
            "operation: tokens": (perform, list(chain.from_iterable(read))),
            "documents read and looked at": (worker._read_contents, jobs),
            "encode, all": (lambda each, options=options: to_arrow(each, options), outcomes),
            "encode, IPC and lz4": (encode_batch_message, batches),
            "all of a worker": (lambda job: worker.run(engine, job, lambda _: None), jobs),
        }
        for what, (function, given) in timed.items():
            found[f"{what}, {name}"] = step(function, given, len(texts))
    return found


def check(texts: Sequence[str], outcomes: Sequence[Any], bare: MeCab) -> None:
    """End the benchmark unless form, tag and place of every token are bare MeCab's."""
    for text, outcome in zip(texts, outcomes, strict=True):
        own = [(token.form, token.tag, token.start, token.end) for token in outcome.tokens]
        if own != [(one.surface, one.pos, *one.span) for one in bare.parse(text)]:
            raise SystemExit("a document has other tokens than bare MeCab's")


def step(function: Callable[[Any], Any], given: Iterable[Any], documents: int) -> float:
    """Return µs a document of a function over everything given."""
    spent = []
    for _ in range(REPEATS):
        began_s = time.process_time()
        for one in given:
            function(one)
        spent.append(time.process_time() - began_s)
    return round(median(spent) / documents * 1e6, 2)


def _limits() -> dict[str, int]:
    limits = PoolLimits(1)
    return {name: getattr(limits, name) for name in ("chunk_bytes", "chunk_documents", "text_bytes")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--text", default="review")
    parser.add_argument("--documents", type=int, default=4_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    column = ds.dataset(arguments.input).head(2 * arguments.documents, columns=[arguments.text]).column(0)
    texts = [text for text in column.to_pylist() if text and text == text.lstrip() and is_plain(text)]
    figures = {"documents": arguments.documents, **time_steps(texts[: arguments.documents])}
    print(json.dumps(figures, ensure_ascii=False, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
