"""What a worker of the API costs on top of bare Kiwi: CPU time for the same reviews, and where it goes.

    python tests/benchmarks/worker_cost.py --input reviews.parquet [--documents 20000] [--starts 4] [--json FILE]

Bare Kiwi tokenizes in a process of its own and drops the tokens. The worker is one of a real pool, forked from a real
forkserver; it analyses the same reviews and encodes the answer as Arrow. They take turns, in changing order, at parts
of the reviews, and neither sees a part twice before it is timed: the second time is faster.
Afterwards every field of every token is compared. One loaded Kiwi is up to 4 % faster than the next, so all processes
are started several times, each time for another share of the reviews.

Each step of a worker is then timed by itself, over and over, in a process that holds one engine: that is the least it
costs. Between two analyses it may cost more, when an analysis has pushed its code and data out of the processor's
caches.
"""

import argparse
import asyncio
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from multiprocessing.connection import Connection
from operator import attrgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

sys.path.insert(0, str(Path(__file__).parents[2]))

from nlpbatch.engine.answer import PoolAnswer
from nlpbatch.engine.documents import from_texts
from nlpbatch.engine.limits import PoolLimits
from nlpbatch.engine.pool import WorkerPool
from nlpbatch.engine.protocol import EngineInfo
from nlpbatch.wire.arrow import decode_answer, join_answer, token_type
from nlpbatch.wire.fields import KIWI_FIELDS
from nlpbatch.wire.options import Options
from tests.benchmarks.meter import descendants
from tests.benchmarks.worker_steps import FIELD_SETS, STEP_DOCUMENTS, spec, time_steps

PART = 250
"""Reviews that one contender analyses before the next has its turn."""


class Observer:
    """Nothing may go wrong here."""

    def worker_lost(self) -> None:
        """Fail: the CPU time of a lost worker would be missing."""
        raise SystemExit("a worker was lost: its CPU time is not known")


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of another process, to the nanosecond: its CPU clock, as clock_getcpuclockid(3) has it."""
    return time.clock_gettime((~pid << 3) | 2)


def serve_bare(channel: Connection) -> None:
    """Tokenize lists of texts with bare Kiwi; answers CPU seconds and tokens, or the tokens themselves if wanted."""
    from kiwipiepy import Kiwi  # noqa: PLC0415  (only this process needs it)

    kiwi = Kiwi()
    kiwi.tokenize("준비됐습니다.")
    channel.send(None)
    while (task := channel.recv()) is not None:
        texts, wants_tokens = task
        if wants_tokens:
            channel.send(all_fields([kiwi.tokenize(text) for text in texts]))
            continue
        began_s, count = time.process_time(), 0
        for text in texts:
            count += len(kiwi.tokenize(text))
        channel.send((time.process_time() - began_s, count))


def all_fields(documents: Sequence[Sequence[Any]]) -> pa.Array:
    """Return all fields of Kiwi's tokens, as an answer has them."""
    flat = list(chain.from_iterable(documents))
    type_ = token_type(KIWI_FIELDS)
    columns = [pa.array(list(map(attrgetter(field.name), flat)), field.type) for field in type_]
    offsets = pa.array(list(accumulate(map(len, documents), initial=0)), pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays(columns, fields=list(type_)))


class Bare:
    """Bare Kiwi in a process of its own."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._channel, theirs = context.Pipe()
        self._process = context.Process(target=serve_bare, args=(theirs,), daemon=True)
        self._process.start()
        self._channel.recv()

    def ask(self, texts: Sequence[str], *, tokens: bool = False) -> Any:
        """Return CPU seconds and the number of tokens, or all their fields."""
        self._channel.send((texts, tokens))
        return self._channel.recv()

    def stop(self) -> None:
        """End the process."""
        self._channel.send(None)
        self._process.join()


@dataclass(frozen=True)
class Turn:
    """CPU seconds for one part of the reviews."""

    name: str
    documents: int
    bare_s: float
    worker_s: float
    pool_s: float
    """Of the process that has the pool."""


async def compare(texts: Sequence[str]) -> list[Turn]:
    """Return the CPU time of bare Kiwi and of a worker for these texts, part by part."""
    pool = WorkerPool(spec(), PoolLimits(workers=1), Observer())
    info = await pool.start()
    (working,) = (pid for pid in descendants(pool._forkserver.pid) if pid != pool._forkserver.pid)
    bare = await asyncio.to_thread(Bare)

    async def ask(part: Sequence[str], options: Options) -> tuple[float, float, PoolAnswer]:
        documents, began_s, own_s = from_texts(part), cpu_of(working), time.process_time()
        answer = await pool.analyze(documents, encoding="arrow", options=options, urgent=False)
        return cpu_of(working) - began_s, time.process_time() - own_s, answer

    parts = [texts[start : start + PART] for start in range(0, len(texts), PART)]
    turns = []
    for number, part in enumerate(parts):
        name = list(FIELD_SETS)[number % 2]
        if number // 2 % 2:
            bare_s, count = bare.ask(part)
        worker_s, pool_s, answer = await ask(part, FIELD_SETS[name])
        if not number // 2 % 2:
            bare_s, count = bare.ask(part)
        if count != answer.tokens:
            raise SystemExit(f"{answer.tokens} tokens, bare Kiwi gives {count}")
        turns.append(Turn(name, len(part), bare_s, worker_s, pool_s))
    for part in parts:
        _, _, answer = await ask(part, FIELD_SETS["all fields"])
        check(answer.bodies, info, bare.ask(part, tokens=True), len(part))
    bare.stop()
    await pool.stop()
    return turns


def summary(starts: Sequence[Sequence[Turn]]) -> dict[str, Any]:
    """Return µs a document and the ratio to bare Kiwi, of all parts and of each start."""
    found = {}
    for name in FIELD_SETS:
        turns = [[turn for turn in start if turn.name == name] for start in starts]
        flat = list(chain.from_iterable(turns))
        documents = sum(turn.documents for turn in flat)
        low, middle, high = statistics.quantiles([turn.worker_s / turn.bare_s for turn in flat], n=4)
        found[name] = {
            "bare Kiwi, µs a document": round(sum(turn.bare_s for turn in flat) / documents * 1e6, 1),
            "worker, µs a document": round(sum(turn.worker_s for turn in flat) / documents * 1e6, 1),
            "pool, µs a document": round(sum(turn.pool_s for turn in flat) / documents * 1e6, 1),
            "worker ÷ bare, median": round(middle, 3),
            "quartiles": [round(low, 3), round(high, 3)],
            "worker ÷ bare, of each start": [
                round(sum(turn.worker_s for turn in start) / sum(turn.bare_s for turn in start), 3) for start in turns
            ],
        }
    return found


def check(bodies: Sequence[bytes], info: EngineInfo, expected: pa.Array, documents: int) -> None:
    """End the benchmark unless every field of every token is Kiwi's own."""
    options = FIELD_SETS["all fields"]
    stream = join_answer(bodies, options=options, analyzer="default", fingerprint=info.fingerprint)
    found = decode_answer(stream, documents=documents, options=options).column("tokens").combine_chunks()
    # One review in two thousand is normalised: its tokens are those of another text.
    rows = zip(found.to_pylist(), expected.to_pylist(), strict=True) if found != expected else ()
    if (different := sum(ours != kiwis for ours, kiwis in rows)) > documents // 200:
        raise SystemExit(f"{different} of {documents} documents have other tokens than bare Kiwi's")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--text", default="review")
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--starts", type=int, default=4)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    column = ds.dataset(arguments.input).head(2 * arguments.documents, columns=[arguments.text]).column(0)
    texts = [text for text in column.to_pylist() if text and text.strip()][: arguments.documents]
    share = -(-len(texts) // arguments.starts)
    starts = [asyncio.run(compare(texts[start : start + share])) for start in range(0, len(texts), share)]
    figures = {"documents": len(texts), **summary(starts)}
    with multiprocessing.get_context("spawn").Pool(1) as apart:
        figures["steps, µs a document"] = apart.apply(time_steps, (texts[:STEP_DOCUMENTS],))
    print(json.dumps(figures, ensure_ascii=False, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
