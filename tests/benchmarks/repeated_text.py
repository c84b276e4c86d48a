"""What the API's cache of outcomes costs where texts hardly repeat, and what it brings where they do.

    python tests/benchmarks/repeated_text.py reviews --input 'reviews/*.parquet' [--json FILE]
    python tests/benchmarks/repeated_text.py log --input 'reviews/*.parquet' [--most-code-points 15] [--json FILE]

Two APIs, with a cache and without, get the same requests in turn, a few at a time, so that what else the machine does
meets both: Arrow, 64 KiB, four under way, as a job sends them.
`reviews` sends new slices each round, once as they are and once without repeats, which leaves the cost of misses; the
cache's own CPU is as it counts it. `log` draws from distinct texts by Zipf's law, whose exponent sets the share of
repeats; the API with a cache starts again for each share. Each round must show its work: equal answers, the workers'
CPU, the code points that they analysed, and the documents that came out of the cache.
"""

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import urllib3

sys.path.insert(0, str(Path(__file__).parents[2]))

from nlpbatch.wire.arrow import encode_request
from nlpbatch.wire.cutting import cut_by_bytes
from nlpbatch.wire.limits import MIB
from nlpbatch.wire.media import ANALYZE_PATH, ARROW_STREAM, CACHED, PRIORITY
from tests.benchmarks.meter import cpu_s
from tests.benchmarks.replicas import Replica, metric, running_all

IN_FLIGHT = 4
REQUEST_BYTES = 64 * 1024
PART = 16
"""Requests that go to one API before the other one's turn."""
WARM_UP = 2000
"""Documents, not of the log, that an API gets first: new processes are slow until they have touched their memory."""
SHARES = "0,0.2,0.4,0.6,0.8"
_HEADERS = {"Content-Type": ARROW_STREAM, PRIORITY: "u=6"}


@dataclass(frozen=True, slots=True)
class Round:
    """What one API did with all requests of a round.

    Args:
        documents: Sent.
        seconds: From the first request to the last answer.
        api_cpu_s: CPU of the API's process.
        workers_cpu_s: CPU of its workers.
        code_points: That workers analysed.
        cached: Documents that weren't analysed.
        cache_cpu_s: CPU that the cache counts as its own.
        answers: The answers' bodies.

    """

    documents: int
    seconds: float
    api_cpu_s: float
    workers_cpu_s: float
    code_points: int
    cached: int
    cache_cpu_s: float
    answers: Sequence[bytes]

    @property
    def cpu_s(self) -> float:
        """Return the CPU of the whole API."""
        return self.api_cpu_s + self.workers_cpu_s


def run(api: Replica, texts: Sequence[str]) -> Round:
    """Send the texts, and return what that took."""
    bodies = [encode_request(pa.array(texts[start:end], pa.string())) for start, end in _cut(texts)]
    counters = ("nlpbatch_code_points_total", "nlpbatch_cache_cpu_seconds_total")

    def state() -> list[float]:
        return [cpu_s(api.process.pid), api.workers_cpu_s, *(metric([api.url], name) for name in counters)]

    with urllib3.PoolManager(maxsize=IN_FLIGHT, retries=False) as http, ThreadPoolExecutor(IN_FLIGHT) as threads:

        def ask(body: bytes) -> tuple[bytes, int]:
            answer = http.request("POST", api.url + ANALYZE_PATH, body=body, headers=_HEADERS)
            if answer.status != 200:
                raise SystemExit(f"status {answer.status}: {answer.data[:500]!r}")
            return answer.data, int(answer.headers[CACHED])

        before = state()
        started_s = time.perf_counter()
        answers = list(threads.map(ask, bodies))
        seconds = time.perf_counter() - started_s
    api_cpu, workers_cpu, code_points, cache_cpu = (now - then for now, then in zip(state(), before, strict=True))
    return Round(
        len(texts),
        seconds,
        api_cpu,
        workers_cpu,
        int(code_points),
        sum(cached for _, cached in answers),
        cache_cpu,
        [body for body, _ in answers],
    )


def in_turn(with_cache: Replica, without: Replica, texts: Sequence[str]) -> tuple[Round, Round]:
    """Return what each did with the texts; parts of them go to one API and then to the other."""
    done: dict[Replica, list[Round]] = {with_cache: [], without: []}
    cuts = _cut(texts)
    for number, first in enumerate(range(0, len(cuts), PART)):
        part = texts[cuts[first][0] : cuts[first : first + PART][-1][1]]
        for api in (with_cache, without) if number % 2 else (without, with_cache):
            done[api].append(run(api, part))
    return _sum(done[with_cache]), _sum(done[without])


def _cut(texts: Sequence[str]) -> list[tuple[int, int]]:
    lengths = [len(text.encode()) for text in texts]
    return list(cut_by_bytes(lengths, most_bytes=REQUEST_BYTES, most_documents=10_000))


def _sum(rounds: Sequence[Round]) -> Round:
    return Round(
        sum(one.documents for one in rounds),
        sum(one.seconds for one in rounds),
        sum(one.api_cpu_s for one in rounds),
        sum(one.workers_cpu_s for one in rounds),
        sum(one.code_points for one in rounds),
        sum(one.cached for one in rounds),
        sum(one.cache_cpu_s for one in rounds),
        [body for one in rounds for body in one.answers],
    )


def check_work(texts: Sequence[str], with_cache: Round, without: Round, seen: AbstractSet[str] = frozenset()) -> None:
    """Make sure that both did what they say, and answered alike; texts that were `seen` may be kept from earlier."""
    every, distinct = sum(map(len, texts)), sum(map(len, set(texts) - seen))
    faults = []
    if without.code_points != every or without.cached:
        faults.append(f"without a cache {without.code_points:,} code points of {every:,} analysed")
    if not distinct <= with_cache.code_points <= every:
        faults.append(f"with a cache {with_cache.code_points:,} code points analysed, {distinct:,} of them new")
    least_s = without.workers_cpu_s * with_cache.code_points / every
    if with_cache.workers_cpu_s < 0.7 * least_s:
        faults.append(f"workers took {with_cache.workers_cpu_s:.2f} CPU s, hardly {least_s:.2f}")
    if with_cache.cached == 0 and with_cache.code_points != every:
        faults.append("fewer code points without a cached document")
    for one, other in zip(with_cache.answers, without.answers, strict=True):
        if not _read(one).equals(_read(other)):
            faults.append("the answers differ")
            break
    if faults:
        raise SystemExit("; ".join(faults))


def _read(body: bytes) -> pa.Table:
    with pa.ipc.open_stream(body) as reader:
        return reader.read_all().combine_chunks()


def reviews(texts: list[str], apis: tuple[Replica, Replica], rounds: int, documents: int) -> dict[str, object]:
    """Return what the cache costs and brings, for slices of texts as they are and without repeats."""
    figures: dict[str, object] = {}
    seen: set[str] = set()
    first = set(texts[: rounds * documents])
    slices = {"as they are": texts, "distinct": [text for text in dict.fromkeys(texts) if text not in first]}
    for name, source in slices.items():
        pairs = []
        for number in range(rounds):
            part = source[number * documents : (number + 1) * documents]
            pairs.append(in_turn(*apis, part))
            check_work(part, *pairs[-1], seen)
            seen.update(part)
        figures[name] = _costs(pairs)
        print(name, json.dumps(figures[name]), file=sys.stderr, flush=True)
    return figures


def _costs(pairs: Sequence[tuple[Round, Round]]) -> dict[str, float]:
    cached = sum(one.cached for one, _ in pairs) / sum(one.documents for one, _ in pairs)
    return {
        "cached": round(cached, 4),
        "documents/s with ÷ without": _median(other.seconds / one.seconds for one, other in pairs),
        "CPU with ÷ without": _median(one.cpu_s / other.cpu_s for one, other in pairs),
        "workers' CPU per code point with ÷ without": _median(
            (one.workers_cpu_s / one.code_points) / (other.workers_cpu_s / other.code_points) for one, other in pairs
        ),
        "cache's own CPU ÷ all CPU": _median(one.cache_cpu_s / one.cpu_s for one, _ in pairs),
        "cache's own CPU, µs a document": _median(1e6 * one.cache_cpu_s / one.documents for one, _ in pairs),
        "API process's CPU with, µs a document": _median(1e6 * one.api_cpu_s / one.documents for one, _ in pairs),
        "API process's CPU without, µs a document": _median(1e6 * one.api_cpu_s / one.documents for _, one in pairs),
        "all CPU without, µs a document": _median(1e6 * other.cpu_s / other.documents for _, other in pairs),
    }


def _median(values: Iterator[float]) -> float:
    return round(statistics.median(values), 4)


def log(
    texts: list[str], plain: Replica, config: Path, shares: Sequence[float], rounds: int, documents: int
) -> dict[str, object]:
    """Return the speed-up by the share of repeats in a log of queries."""
    distinct = list(dict.fromkeys(texts))
    Random(1).shuffle(distinct)
    figures: dict[str, object] = {"texts": len(distinct), "code points": _median(map(len, distinct))}
    for share in shares:
        queries = draw(distinct, documents, share, int(100 * share))
        actual = 1 - len(set(queries)) / len(queries)
        pairs = []
        for _ in range(rounds):
            with running_all(config, 1) as (api,):
                run(api, [f"{text} {number}" for number, text in enumerate(distinct[:WARM_UP])])
                pairs.append(in_turn(api, plain, queries))
            check_work(queries, *pairs[-1])
        figures[f"{share:.0%}"] = {"repeated": round(actual, 4), "at most": round(1 / (1 - actual), 2)} | _costs(pairs)
        print(share, json.dumps(figures[f"{share:.0%}"]), file=sys.stderr, flush=True)
    return figures


def draw(distinct: Sequence[str], count: int, share: float, seed: int) -> list[str]:
    """Return texts drawn by Zipf's law, with the exponent for which that share of them is expected to be repeats."""
    if not share:
        return list(distinct[:count])
    ranks, low, high = np.arange(1, len(distinct) + 1, dtype=float), 0.0, 3.0
    for _ in range(20):
        exponent = (low + high) / 2
        chances = ranks**-exponent / (ranks**-exponent).sum()
        expected = (1 - (1 - chances) ** count).sum()
        low, high = (exponent, high) if 1 - expected / count < share else (low, exponent)
    chosen = np.random.default_rng(seed).choice(len(distinct), count, p=chances)
    return [distinct[position] for position in chosen]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scene", choices=("reviews", "log"))
    parser.add_argument("--input", required=True, help="Parquet files, a pattern")
    parser.add_argument("--text", default="review")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--most-code-points", type=int)
    parser.add_argument(
        "--size-bytes", type=int, default=64 * MIB, help="of the cache; a large one stays on for longer"
    )
    parser.add_argument("--shares", default=SHARES, help="of repeats in a log")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    column = pa.chunked_array(
        [pq.read_table(file).column(arguments.text).combine_chunks() for file in _files(arguments)]
    )
    if arguments.most_code_points:
        column = column.filter(pc.less_equal(pc.utf8_length(column), arguments.most_code_points))
    texts = [text for text in column.slice(0, 200_000).to_pylist() if text and text.strip()]
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        shared = f'log_level = "error"\n[pool]\nworkers = {arguments.workers}\n'
        config, no_cache = Path(name) / "cache.toml", Path(name) / "no-cache.toml"
        config.write_text(f"{shared}[cache]\nsize_bytes = {arguments.size_bytes}\n", encoding="utf-8")
        no_cache.write_text(shared + "[cache]\nsize_bytes = 0\n", encoding="utf-8")
        (plain,) = stack.enter_context(running_all(no_cache, 1))
        if arguments.scene == "log":
            shares = list(map(float, arguments.shares.split(",")))
            figures = log(texts, plain, config, shares, arguments.rounds, arguments.documents)
        else:
            (api,) = stack.enter_context(running_all(config, 1))
            figures = reviews(texts, (api, plain), arguments.rounds, arguments.documents)
    print(json.dumps(figures, indent=2, ensure_ascii=False))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2, ensure_ascii=False), encoding="utf-8")
    return 0


def _files(arguments: argparse.Namespace) -> list[str]:
    files = sorted(map(str, Path(arguments.input).parent.glob(Path(arguments.input).name)))
    if not files:
        raise SystemExit(f"{arguments.input} names no file")
    return files


if __name__ == "__main__":
    sys.exit(main())
