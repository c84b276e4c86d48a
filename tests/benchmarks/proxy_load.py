"""The proxy in front of real API replicas, under load: fairness, weights, people beside jobs, overload, Retry-After.

    python tests/benchmarks/proxy_load.py --input reviews.parquet [--only fairness,weights,people,overload]

Each scene runs a proxy with its own configuration; API replicas run as their own processes, with one worker each.
Figures are printed for people and as JSON.
"""

import argparse
import asyncio
import contextlib
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pyarrow as pa
import pyarrow.dataset as ds

sys.path.insert(0, str(Path(__file__).parents[2]))

from nlpbatch.client.policy import RetryPolicy
from nlpbatch.serving.settings import check
from nlpbatch.wire.arrow import encode_request
from nlpbatch.wire.media import ANALYZE_PATH, ARROW_STREAM, IDEMPOTENCY_KEY, JOB, PRIORITY
from proxy.config import ProxySettings
from proxy.keys import make_key
from proxy.planning.report import figures
from proxy.planning.simulate import Simulation
from proxy.planning.workloads import Workload
from tests.benchmarks.processes import Process, free_port, running, wait_ready

KEYS = {name: make_key() for name in ("a", "b", "people")}
Figures = dict[str, Any]


@dataclass
class Scene:
    """A proxy in front of replicas, and requests for it."""

    url: str
    bodies: list[bytes]
    small: bytes
    session: aiohttp.ClientSession
    done: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    statuses: dict[int, int] = field(default_factory=dict)
    back: list[bool] = field(default_factory=list)
    """Of every request that was refused once and came back as told: whether it got in."""
    number: int = 0
    waits_s: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """Of each tenant: when a request was sent, and how long it waited for its turn."""

    async def ask(self, tenant: str, job: str, body: bytes, *, urgency: int = 6) -> tuple[int, float]:
        """Send one request until it is answered, coming back exactly when told; return its bytes and seconds."""
        self.number += 1
        headers = {
            "Authorization": f"Bearer {KEYS[tenant][0]}",
            "Content-Type": ARROW_STREAM,
            PRIORITY: f"u={urgency}",
            IDEMPOTENCY_KEY: f"bench-{id(self)}-{self.number}",
        } | ({JOB: job} if job else {})
        tries = 0
        while True:
            started_s = time.monotonic()
            async with self.session.post(self.url + ANALYZE_PATH, data=body, headers=headers) as answer:
                content = await answer.read()
                timing = ",".join(answer.headers.getall("Server-Timing", ()))
            tries += 1
            self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
            if tries == 2:
                self.back.append(answer.status == 200)
            if answer.status == 200:
                if (found := re.search(r"admission;dur=([\d.]+)", timing)) is not None:
                    self.waits_s.setdefault(tenant, []).append((started_s, float(found[1]) / 1000))
                return len(body), time.monotonic() - started_s
            await asyncio.sleep(json.loads(content).get("retry_after_s", 1.0))

    async def job(self, tenant: str, job: str, in_flight: int, until_s: float) -> None:
        """Keep so many requests under way."""
        done = self.done.setdefault(job, [])

        async def one(offset: int) -> None:
            position = offset
            while time.monotonic() < until_s:
                size, _ = await self.ask(tenant, job, self.bodies[position % len(self.bodies)])
                done.append((time.monotonic(), size))
                position += in_flight

        tasks = [asyncio.create_task(one(number)) for number in range(in_flight)]
        await asyncio.sleep(until_s - time.monotonic())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def people(self, per_s: float, until_s: float) -> list[float]:
        """Call at that rate; return the seconds of each."""
        tasks = []
        while time.monotonic() < until_s:
            tasks.append(asyncio.create_task(self.ask("people", "", self.small, urgency=1)))
            await asyncio.sleep(1 / per_s)
        return sorted([(await task)[1] for task in tasks])

    def bytes_of(self, job: str, from_s: float) -> int:
        """Return what was answered of a job since then."""
        return sum(size for at_s, size in self.done.get(job, []) if at_s >= from_s)


def percentile(values: list[float], part: float) -> float:
    return values[min(len(values) - 1, int(len(values) * part))]


async def fairness(scene: Scene, seconds: float) -> Figures:
    started_s = time.monotonic()
    until_s = started_s + seconds
    await asyncio.gather(scene.job("a", "two", 2, until_s), scene.job("a", "many", 200, until_s))
    two, many = (scene.bytes_of(job, started_s + seconds / 6) for job in ("two", "many"))
    return {"two_bytes": two, "many_bytes": many, "jain": round((two + many) ** 2 / (2 * (two**2 + many**2)), 4)}


async def weights(scene: Scene, seconds: float) -> Figures:
    started_s = time.monotonic()
    until_s = started_s + seconds
    await asyncio.gather(scene.job("a", "three", 20, until_s), scene.job("b", "one", 20, until_s))
    three, one = (scene.bytes_of(job, started_s + seconds / 6) for job in ("three", "one"))
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
    capacity = scene.bytes_of("capacity", started_s + 3) / (seconds / 2 - 3)
    scene.back.clear()
    scene.statuses.clear()
    started_s = time.monotonic()
    await scene.job("a", "flood", 240, started_s + seconds)
    goodput = scene.bytes_of("flood", started_s + 5) / (seconds - 5)
    return {
        "capacity_bytes_per_s": round(capacity),
        "goodput_bytes_per_s": round(goodput),
        "ratio": round(goodput / capacity, 3),
        "came_back_as_told": len(scene.back),
        "and_got_in": round(sum(scene.back) / max(1, len(scene.back)), 3),
        "statuses": scene.statuses,
    }


async def predicted(scene: Scene, seconds: float) -> Figures:
    """Two tenants, one with five times as much as fits, for real and simulated with the speed that was measured."""
    started_s = time.monotonic()
    await scene.job("b", "alone", 2, started_s + seconds / 4)  # one request for each worker: nothing waits
    size_bytes = len(scene.bodies[0])
    served = scene.bytes_of("alone", started_s + 2) / (seconds / 4 - 2)
    started_s = time.monotonic()
    until_s = started_s + seconds
    await asyncio.gather(scene.job("a", "flood", 20, until_s), scene.job("b", "small", 2, until_s))
    warm_s = started_s + seconds / 4
    real = {
        tenant: {
            "bytes_per_s": scene.bytes_of(job, warm_s) / (until_s - warm_s),
            "wait_p99_s": percentile(sorted(wait for at_s, wait in scene.waits_s[tenant] if at_s > warm_s), 0.99),
        }
        for tenant, job in (("a", "flood"), ("b", "small"))
    }
    simulated = await asyncio.to_thread(_simulate, served / 2, size_bytes, seconds)
    ratios = {
        f"{tenant} {name}": round(simulated[tenant][name] / value, 3)
        for tenant, values in real.items()
        for name, value in values.items()
        if value > 0.01
    }
    return {"real": real, "simulated": simulated, "simulated / real": ratios}


def _simulate(bytes_per_s: float, size_bytes: int, seconds: float) -> Figures:
    tenants = {name: {"keys": [entry]} for name, (_, entry) in KEYS.items()}
    settings = check({"backends": [{"url": "http://x"}], "tenants": tenants}, ProxySettings, "benchmark")
    jobs = [
        {"tenant": "a", "name": "flood", "in_flight": 20, "follows_advice": False},
        {"tenant": "b", "name": "small", "in_flight": 2, "follows_advice": False},
    ]
    backends = [{"replicas": 2, "workers": 1, "base_s": 0, "bytes_per_s": bytes_per_s}]
    sizes = [job | {"request_bytes": size_bytes, "think_s": 0.003} for job in jobs]
    members = {"duration_s": seconds * 10, "batch": sizes, "backends": backends}
    outcome = figures(Simulation(settings, check(members, Workload, "benchmark")).run())["tenants"]
    return {name: outcome[f"{name}/batch"] for name in ("a", "b")}


SCENES: dict[str, tuple[Callable[[Scene, float], Any], str, float]] = {
    "fairness": (fairness, "", 60.0),
    "weights": (weights, "[tenants.a]\nweight = 3.0\n", 60.0),
    "people": (people, "", 40.0),
    "predicted": (predicted, "", 40.0),
    # A queue that holds a tenth of what is offered.
    "overload": (overload, "[queue]\nrequests = 20\n", 40.0),
}


async def play(name: str, replicas: list[str], arguments: argparse.Namespace, directory: Path) -> Figures:
    perform, config, seconds = SCENES[name]
    port = free_port()
    file = directory / f"{name}.toml"
    file.write_text(_config(config, replicas), encoding="utf-8")
    with running("proxy", "serve", "--config", str(file), "--port", str(port)) as proxy:
        url = f"http://127.0.0.1:{port}"
        wait_ready(url, proxy)
        timeout = aiohttp.ClientTimeout(total=RetryPolicy().attempt_timeout_s)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
            scene = Scene(url, arguments.bodies, arguments.small, session)
            return await perform(scene, seconds * arguments.scale)


def _config(extra: str, replicas: list[str]) -> str:
    lines = ['log_level = "warning"', "[admin]", "enabled = false"]
    tenants = {name: f"[tenants.{name}]\nkeys = [{json.dumps(entry)}]\n" for name, (_, entry) in KEYS.items()}
    for line in extra.splitlines(keepends=True):
        if line.startswith("[tenants."):
            tenant = line.strip()[9:-1]
        elif "weight" in line:
            tenants[tenant] += line
    if "[queue]" in extra:
        lines.append(extra)
    backends = [f'[[backends]]\nurl = "{url}"' for url in replicas]
    return "\n".join([*lines, *backends, *tenants.values()])


def _bodies(arguments: argparse.Namespace) -> tuple[list[bytes], bytes]:
    texts = ds.dataset(arguments.input).to_table(columns=[arguments.text]).column(0).combine_chunks()
    bodies, start, size = [], 0, 0
    for position, text in enumerate(texts):
        size += len((text.as_py() or "").encode())
        if size >= arguments.request_bytes:
            bodies.append(encode_request(texts.slice(start, position - start + 1).cast(pa.string())))
            start, size = position + 1, 0
        if len(bodies) >= 200:
            break
    return bodies, encode_request(texts.slice(0, 3).cast(pa.string()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--text", default="review")
    parser.add_argument("--only", default=",".join(SCENES))
    parser.add_argument("--replicas", type=int, default=2, help="API processes with one worker each")
    parser.add_argument("--request-bytes", type=int, default=32 * 1024, help="text per request of a job")
    parser.add_argument("--scale", type=float, default=1.0, help="how long the scenes take, against their usual time")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    arguments.bodies, arguments.small = _bodies(arguments)
    results: Figures = {}
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        server = directory / "server.toml"
        server.write_text('log_level = "warning"\n[pool]\nworkers = 1\n', encoding="utf-8")
        with running_all(server, arguments.replicas) as apis:
            for scene in arguments.only.split(","):
                results[scene] = asyncio.run(play(scene, apis, arguments, directory))
                print(scene, json.dumps(results[scene]), file=sys.stderr, flush=True)
    print(json.dumps(results, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return 0


@contextlib.contextmanager
def running_all(config: Path, count: int) -> Iterator[list[str]]:
    """Run so many APIs for the time of the context; their addresses."""
    with contextlib.ExitStack() as stack:
        apis: list[tuple[str, Process]] = []
        for _ in range(count):
            port = free_port()
            process = stack.enter_context(running("serve", "--config", str(config), "--port", str(port)))
            apis.append((f"http://127.0.0.1:{port}", process))
        for url, process in apis:
            wait_ready(url, process)
        yield [url for url, _ in apis]


if __name__ == "__main__":
    sys.exit(main())
