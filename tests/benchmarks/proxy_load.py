"""The proxy in front of real API replicas, under load: fairness, weights, people beside jobs, overload, predictions.

    python tests/benchmarks/proxy_load.py --input reviews.parquet [--only fairness,weights,people,overload]

Each scene runs a proxy with its own configuration; API replicas run as their own processes, with one worker each.
Figures are printed for people and as JSON.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pyarrow as pa
import pyarrow.dataset as ds

sys.path.insert(0, str(Path(__file__).parents[2]))

from nlpbatch.client.policy import RetryPolicy
from nlpbatch.wire.arrow import encode_request
from nlpbatch.wire.limits import KIB
from tests.benchmarks.calibration import Fault
from tests.benchmarks.load_scene import KEYS, Scene, percentile
from tests.benchmarks.predictions import predict
from tests.benchmarks.processes import free_port, running, wait_ready
from tests.benchmarks.replicas import Replica, failing_peer, running_all, write_config

Figures = dict[str, Any]
BODIES = 200
NO_RETRIES = "retry_ratio = 0.0\nretry_min = 0\n"
NO_EJECTION = "eject_failures = 1000\n"
SHORT_EJECTION = "eject_failures = 3\neject_s = 0.25\neject_max_s = 0.5\n"
"""So that a run of a minute has a hundred of them."""
FEW_RETRIES = "retry_ratio = 0.05\nretry_min = 0\n"
"""So that some failures remain to be compared."""


async def fairness(scene: Scene, seconds: float) -> Figures:
    started_s = time.monotonic()
    until_s = started_s + seconds
    await asyncio.gather(scene.job("a", "two", 2, until_s), scene.job("a", "many", 200, until_s))
    two, many = (scene.counts.bytes_of(job, started_s + seconds / 6) for job in ("two", "many"))
    return {"two_bytes": two, "many_bytes": many, "jain": round((two + many) ** 2 / (2 * (two**2 + many**2)), 4)}


async def weights(scene: Scene, seconds: float) -> Figures:
    started_s = time.monotonic()
    until_s = started_s + seconds
    await asyncio.gather(scene.job("a", "three", 20, until_s), scene.job("b", "one", 20, until_s))
    three, one = (scene.counts.bytes_of(job, started_s + seconds / 6) for job in ("three", "one"))
    return {"three_bytes": three, "one_bytes": one, "ratio": round(three / one, 3)}


async def people(scene: Scene, seconds: float) -> Figures:
    alone = await scene.people(20, time.monotonic() + seconds / 2)
    until_s = time.monotonic() + seconds
    batch = asyncio.create_task(scene.job("a", "batch", 50, until_s))
    await asyncio.sleep(3)
    beside = await scene.people(20, until_s - 1)
    await batch
    figures = {
        f"{name}_{label}_ms": round(percentile(values, part) * 1000, 2)
        for name, values in (("unloaded", alone), ("loaded", beside))
        for label, part in (("p50", 0.5), ("p99", 0.99))
    }
    return figures | {"p99_ratio": round(figures["loaded_p99_ms"] / figures["unloaded_p99_ms"], 2)}


async def overload(scene: Scene, seconds: float) -> Figures:
    """Capacity with a few requests at a time, then ten times as many as fit into queue and backends."""
    started_s = time.monotonic()
    await scene.job("a", "capacity", 8, started_s + seconds / 2)
    capacity = scene.counts.bytes_of("capacity", started_s + 3) / (seconds / 2 - 3)
    scene.counts.back.clear()
    scene.counts.statuses.clear()
    started_s = time.monotonic()
    await scene.job("a", "flood", 240, started_s + seconds)
    goodput = scene.counts.bytes_of("flood", started_s + 5) / (seconds - 5)
    back = scene.counts.back
    return {
        "capacity_bytes_per_s": round(capacity),
        "goodput_bytes_per_s": round(goodput),
        "ratio": round(goodput / capacity, 3),
        "came_back_as_told": len(back),
        "and_got_in": round(sum(back) / max(1, len(back)), 3),
        "statuses": scene.counts.statuses,
    }


@dataclass(frozen=True)
class Kind:
    """One scene.

    Args:
        seconds: How long it usually takes.
        perform: Returns its figures; None to compare `simulate` with what happens.
        config: Groups of the proxy's configuration.
        weight: Of tenant a.
        fails: How the first replica fails half of its requests, if it does: after the work, or at once.
        request_bytes: Text of a job's request; None for what the command line says.

    """

    seconds: float
    perform: Callable[[Scene, float], Awaitable[Figures]] | None = None
    config: str = ""
    weight: float = 1.0
    fails: str | None = None
    request_bytes: int | None = None


def failing(fails: str, upstream: str, seconds: float = 60.0) -> Kind:
    """Return a scene with one of two replicas failing; its requests are small, so that there are enough of them."""
    return Kind(seconds, config=f"[upstream]\n{upstream}", fails=fails, request_bytes=8 * KIB)


SCENES: dict[str, Kind] = {
    "fairness": Kind(60.0, fairness),
    "weights": Kind(60.0, weights, weight=3.0),
    "people": Kind(40.0, people),
    "predicted": Kind(40.0),
    # A queue that holds a tenth of what is offered.
    "overload": Kind(40.0, overload, config="[queue]\nrequests = 20\n"),
    "failing": failing("after the work", NO_RETRIES + NO_EJECTION),
    "failing_at_once": failing("at once", NO_RETRIES + NO_EJECTION),
    # The failures that are left are a small difference between all failures and the retries that the budget allows.
    "failing_retried": failing("after the work", NO_EJECTION, 240.0),
    "failing_at_once_retried": failing("at once", NO_EJECTION),
    "failing_ejected": failing("after the work", NO_RETRIES + SHORT_EJECTION),
    "failing_ejected_retried": failing("after the work", FEW_RETRIES + SHORT_EJECTION),
}


async def play(name: str, replicas: list[Replica], arguments: argparse.Namespace, directory: Path) -> Figures:
    kind = SCENES[name]
    port = free_port()
    file = directory / f"{name}.toml"
    bodies, small = make_bodies(arguments, kind.request_bytes or arguments.request_bytes)
    with contextlib.ExitStack() as stack:
        urls, fault = [replica.url for replica in replicas], None
        if kind.fails is not None:
            urls[0] = stack.enter_context(failing_peer(urls[0]))
            fault = Fault(urls[0], at_once=kind.fails == "at once")
        file.write_text(make_config(kind, urls), encoding="utf-8")
        proxy = stack.enter_context(running("proxy", "serve", "--config", str(file), "--port", str(port)))
        wait_ready(f"http://127.0.0.1:{port}", proxy)
        timeout = aiohttp.ClientTimeout(total=RetryPolicy().attempt_timeout_s)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
            scene = Scene(f"http://127.0.0.1:{port}", bodies, small, session)
            seconds = kind.seconds * arguments.scale
            if kind.perform is not None:
                return await kind.perform(scene, seconds)
            return await predict(scene, seconds, file, replicas, fault)


def make_config(kind: Kind, urls: list[str]) -> str:
    tenants = [f"[tenants.{name}]\nkeys = [{json.dumps(entry)}]" for name, (_, entry) in KEYS.items()]
    tenants[0] += f"\nweight = {kind.weight}"
    backends = [f'[[backends]]\nurl = "{url}"' for url in urls]
    return "\n".join(['log_level = "warning"', "[admin]", "enabled = false", kind.config, *backends, *tenants])


def make_bodies(arguments: argparse.Namespace, request_bytes: int) -> tuple[list[bytes], bytes]:
    """Return requests with so many bytes of text each, and a small one."""
    texts = ds.dataset(arguments.input).to_table(columns=[arguments.text]).column(0).combine_chunks()
    bodies = list(_cut(texts, request_bytes))
    return bodies, encode_request(texts.slice(0, 3).cast(pa.string()))


def _cut(texts: pa.Array, request_bytes: int) -> Iterator[bytes]:
    start, size, count = 0, 0, 0
    for position, text in enumerate(texts):
        size += len((text.as_py() or "").encode())
        if size >= request_bytes:
            yield encode_request(texts.slice(start, position - start + 1).cast(pa.string()))
            start, size, count = position + 1, 0, count + 1
        if count >= BODIES:
            return


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--text", default="review")
    parser.add_argument("--only", default=",".join(SCENES))
    parser.add_argument("--replicas", type=int, default=2, help="API processes with one worker each")
    parser.add_argument("--request-bytes", type=int, default=32 * KIB, help="text per request of a job")
    parser.add_argument("--scale", type=float, default=1.0, help="how long the scenes take, against their usual time")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results: Figures = {}
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        server = directory / "server.toml"
        write_config(server, workers=1)
        with running_all(server, arguments.replicas) as replicas:
            for scene in arguments.only.split(","):
                results[scene] = asyncio.run(play(scene, replicas, arguments, directory))
                print(scene, json.dumps(results[scene]), file=sys.stderr, flush=True)
    print(json.dumps(results, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
