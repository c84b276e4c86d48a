"""The API while its workers are killed, and while a dictionary is exchanged, under load.

    python tests/benchmarks/service_stress.py --input reviews.parquet [--only kills,swap] [--seconds 60]

kills: a random worker is killed every 0.1 to 1 s; each document must be answered, with one error per kill at most.
swap: a dictionary file changes ten times; no request may take longer than three times the usual 99th percentile.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import urllib3

sys.path.insert(0, str(Path(__file__).parents[2]))

from nlpbatch import Client
from tests.benchmarks.processes import free_port, running, wait_ready
from tests.fakes.running_api import children

DOCUMENTS = 20
CALLERS = 4
CONFIG = 'log_level = "error"\n[cache]\nsize_bytes = 0\n[analyzers.default]\ndictionaries = ["words.tsv"]\n'


class Load:
    """Callers that each ask for some reviews, again and again, until they are stopped."""

    def __init__(self, url: str, texts: list[str]) -> None:
        self._url = url
        self._texts = texts
        self._stop = threading.Event()
        self.seconds: list[tuple[float, float]] = []
        self.codes: list[str] = []
        self.documents = 0

    def run(self) -> "list[Future[None]]":
        self._threads = ThreadPoolExecutor(CALLERS)
        return [self._threads.submit(self._ask, number) for number in range(CALLERS)]

    def stop(self, asked: "list[Future[None]]") -> None:
        self._stop.set()
        for future in asked:
            future.result()

    def _ask(self, seed: int) -> None:
        chance = random.Random(seed)
        with Client(self._url) as client:
            while not self._stop.is_set():
                texts = chance.sample(self._texts, DOCUMENTS)
                started_s = time.monotonic()
                outcomes = client.analyze(texts)
                self.seconds.append((started_s, time.monotonic() - started_s))
                if len(outcomes) != DOCUMENTS:
                    raise AssertionError(f"{len(outcomes)} outcomes for {DOCUMENTS} documents")
                self.documents += DOCUMENTS
                self.codes += [outcome.error.code for outcome in outcomes if outcome.error]
            if client.stats.snapshot().retries:
                raise AssertionError("a request failed and was sent again")


def kills(url: str, pid: int, load: Load, arguments: argparse.Namespace) -> dict[str, Any]:
    chance, killed = random.Random(arguments.seed), 0
    asked = load.run()
    end_s = time.monotonic() + arguments.seconds
    while time.monotonic() < end_s:
        time.sleep(chance.uniform(0.1, 1.0))
        workers = [worker for forkserver in children(pid) for worker in children(forkserver)]
        if workers:
            os.kill(chance.choice(workers), signal.SIGKILL)
            killed += 1
    load.stop(asked)
    return {"seed": arguments.seed, "kills": killed, "documents": load.documents, "errors": load.codes}


def swap(url: str, pid: int, load: Load, arguments: argparse.Namespace) -> dict[str, Any]:
    asked = load.run()
    time.sleep(arguments.seconds / 3)
    swapping_s = time.monotonic()
    for number in range(arguments.swaps):
        before = _fingerprint(url)
        arguments.words.write_text(f"밀크티라떼\tNNP\t-{number + 1}\n", encoding="utf-8")
        while _fingerprint(url) == before:
            time.sleep(0.1)
    load.stop(asked)
    usual = sorted(seconds for started_s, seconds in load.seconds if started_s < swapping_s)
    during = sorted(seconds for started_s, seconds in load.seconds if started_s >= swapping_s)
    p99_s = usual[int(len(usual) * 0.99)]
    return {
        "swaps": arguments.swaps,
        "usual_p99_ms": round(p99_s * 1000, 1),
        "longest_during_ms": round(during[-1] * 1000, 1),
        "longest / usual p99": round(during[-1] / p99_s, 2),
        "requests_during": len(during),
        "errors": load.codes,
    }


def _fingerprint(url: str) -> str:
    return str(urllib3.request("GET", f"{url}/v1/analyzers").json()["analyzers"][0]["fingerprint"])


SCENES = {"kills": kills, "swap": swap}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--text", default="review")
    parser.add_argument("--only", default=",".join(SCENES))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--swaps", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    column = ds.dataset(arguments.input).head(20_000, columns=[arguments.text]).column(0).to_pylist()
    figures = {}
    for scene in arguments.only.split(","):
        with tempfile.TemporaryDirectory() as name:
            arguments.words = Path(name) / "words.tsv"
            arguments.words.write_text("밀크티라떼\tNNP\n", encoding="utf-8")
            config = Path(name) / "server.toml"
            config.write_text(CONFIG, encoding="utf-8")
            port = free_port()
            with running("serve", "--config", str(config), "--port", str(port)) as process:
                url = f"http://127.0.0.1:{port}"
                wait_ready(url, process)
                load = Load(url, [text for text in column if text])
                figures[scene] = SCENES[scene](url, process.pid, load, arguments)
    print(json.dumps(figures, ensure_ascii=False, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
