"""What `simulate` predicts of 1, 2 and 4 real proxies on a shared store: waits, throughput and refusals.

    python -m tests.benchmarks.fleet_predictions [--proxies 1,2,4] [--seconds 40]

Proxies are processes, the store is a real one, requests go over HTTP. The backends are the simulator's own, on the real
clock and behind real HTTP: how well these are real APIs is what `proxy_load --only predicted` measures; here everything
in front of them is compared. Callers and the simulated ones come in at the proxies in the same order.

- a: a job of 20 tasks, weight 3; b: a job of 40 tasks, weight 1. Both have more under way than queues and slots hold.
- c: a job of 10 tasks with a quota below its share, and smaller requests.
- people: interactive requests at a steady mean rate.

Each proxy first gets one request at a time, which shows what the way to a backend and back takes. The first quarter of
the time is not compared. The simulated workers are slower by as much as the real ones' timers were late. Simulations
are as long as the real run, so that starts and tails weigh the same; given is the mean of ten with different seeds, and
the ratios of the least and the most of them where the mean is off.
"""

import argparse
import asyncio
import itertools
import json
import random
import statistics
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from nlpbatch.serving.settings import check, load
from nlpbatch.wire.limits import KIB
from proxy.config import ProxySettings
from proxy.planning.report import figures
from proxy.planning.simulate import Simulation, SimulationResult
from proxy.planning.workloads import Workload
from tests.benchmarks.fleet import ProxyProcess, running_backend, running_fleet
from tests.benchmarks.load_scene import KEYS, Counts, Scene, percentile
from tests.benchmarks.replicas import metric
from tests.benchmarks.served_backend import BACKEND, ServedBackend

Figures = dict[str, Any]
TASKS = {"a": (20, 2, 32 * KIB), "b": (40, 2, 32 * KIB), "c": (10, 1, 8 * KIB)}
"""Of each tenant's job: its tasks, the requests under way of each, and their bytes."""
PEOPLE_PER_S = 20.0
BACKENDS = 2
CONFIG = """
[queue]
requests = 30
[tenants.a]
keys = [{a}]
weight = 3.0
[tenants.b]
keys = [{b}]
[tenants.c]
keys = [{c}]
[tenants.c.quota]
bytes_per_s = 300_000
burst_bytes = 600_000
[tenants.people]
keys = [{people}]
"""
THINK_S = 0.003
TOLERANCE = 0.15
LEAST = {"bytes_per_s": 1.0, "refused_per_s": 1.0, "wait_p50_s": 0.01, "wait_p99_s": 0.01}
"""Less says nothing."""
SEEDS = range(1, 11)
"""Of the simulations."""
_BREATH_S = 5.0


class PlacedSimulation(Simulation):
    """Callers come in at the proxies in turns, as the real ones do, and the first quarter is not counted."""

    _turn = 0

    def run(self) -> SimulationResult:
        """Play it to the end."""
        self.after(self._workload.duration_s / 4, self._forget)
        return replace(super().run(), duration_s=self._workload.duration_s * 3 / 4)

    def _forget(self) -> None:
        for tally in self._tallies.values():
            tally.__init__()  # type: ignore[misc]

    def home(self) -> int:
        """Return the next one's."""
        self._turn += 1
        return (self._turn - 1) % self._workload.proxies.count


async def compare(count: int, seconds: float) -> Figures:
    """Return real and simulated figures of so many proxies, and their ratios."""
    async with running_backend(ServedBackend()) as first, running_backend(ServedBackend()) as second:
        backends = [first, second]
        config = CONFIG.format_map({name: json.dumps(entry) for name, (_, entry) in KEYS.items()})
        config += f'[[backends]]\nurl = "{second.url}"\n'
        with running_fleet(first.url, count, config) as (_, proxies):
            for proxy in proxies:
                await asyncio.to_thread(proxy.wait_ready)
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
                counts = Counts()
                scenes = [Scene(proxy.url, [b"x" * KIB], b"x" * KIB, session, counts) for proxy in proxies]
                round_trip_s = await _round_trip_s(scenes, backends, proxies)
                busy_s = sum(backend.inner.busy_s for backend in backends)
                real = await _play(scenes, seconds)
                busy_s = sum(backend.inner.busy_s for backend in backends) - busy_s
            late_s = sum(one.time.late_s for one in backends) / sum(one.time.events for one in backends)
            workers_s = BACKENDS * int(BACKEND["workers"]) * seconds
    simulated = await asyncio.to_thread(_simulate, count, seconds, round_trip_s, late_s, config)
    return {
        "real": real,
        "round_trip_s": round_trip_s,
        "late_s": round(late_s, 5),
        "utilisation": {"real": round(busy_s / workers_s, 4), "simulated": simulated[0]["utilisation"]},
    } | _compared(real, simulated)


def _compared(real: Figures, simulated: list[Figures]) -> Figures:
    """Return the simulations' means, and what they are next to the real figures."""
    runs = [{tenant: _as_real(outcome, tenant) for tenant in real} for outcome in simulated]
    means, ratios, off = defaultdict(dict), {}, {}
    for tenant, name in itertools.product(real, LEAST):
        values, value = [run[tenant][name] for run in runs], real[tenant][name]
        means[tenant][name] = round(statistics.mean(values), 4)
        if value < LEAST[name]:
            continue
        ratio = ratios[f"{tenant} {name}"] = round(statistics.mean(values) / value, 3)
        if abs(ratio - 1) > TOLERANCE:
            off[f"{tenant} {name}"] = [round(limit(values) / value, 3) for limit in (min, max)]
    return {"simulated": means, "simulated / real": ratios, f"off by more than {TOLERANCE:.0%}": off}


async def _round_trip_s(scenes: list[Scene], backends: list[ServedBackend], proxies: list[ProxyProcess]) -> float:
    """Return what a request takes between a proxy and a backend, besides the backend's own time."""
    until_s = time.monotonic() + _BREATH_S
    await asyncio.gather(*(scene.job("a", "alone", 1, until_s, finish=True) for scene in scenes))
    name = "nlpbatch_proxy_upstream_seconds"
    urls = [proxy.url for proxy in proxies]
    total_s, sent = [await asyncio.to_thread(metric, urls, f"{name}_{part}") for part in ("sum", "count")]
    own_s = [one for backend in backends for one in backend.service_s]
    assert sent == len(own_s)
    return round(total_s / sent - sum(own_s) / len(own_s), 5)


async def _play(scenes: list[Scene], seconds: float) -> Figures:
    """Return what happens in the last three quarters of the time."""
    counts = scenes[0].counts
    started_s = time.monotonic()
    until_s, warm_s = started_s + seconds, started_s + seconds / 4
    homes = itertools.cycle(range(len(scenes)))
    jobs = []
    for tenant, (tasks, in_flight, size_bytes) in TASKS.items():
        at = [next(homes) for _ in range(tasks)]
        jobs += [
            replace(scene, bodies=[b"x" * size_bytes]).job(tenant, tenant, in_flight * at.count(number), until_s)
            for number, scene in enumerate(scenes)
            if number in at
        ]
    people = asyncio.create_task(_people(scenes, homes, until_s))
    await asyncio.gather(*jobs)
    await people
    return {tenant: _of_tenant(counts, tenant, warm_s, until_s) for tenant in (*TASKS, "people")}


async def _people(scenes: list[Scene], homes: "itertools.cycle[int]", until_s: float) -> None:
    """Call by chance at the mean rate, whether earlier calls are answered or not."""
    tasks, chance = [], random.Random(1)
    done = scenes[0].counts.done.setdefault("people", [])

    async def one(scene: Scene) -> None:
        if await scene.call("people", "", scene.small, urgency=1) is not None:
            done.append((time.monotonic(), len(scene.small)))

    while time.monotonic() < until_s:
        tasks.append(asyncio.create_task(one(scenes[next(homes)])))
        await asyncio.sleep(chance.expovariate(PEOPLE_PER_S))
    await asyncio.gather(*tasks)


def _of_tenant(counts: Counts, tenant: str, from_s: float, until_s: float) -> Figures:
    sizes = [size for at_s, size in counts.done[tenant] if from_s <= at_s < until_s]
    refused = [at_s for at_s in counts.refused_s.get(tenant, []) if from_s <= at_s < until_s]
    waits = sorted(wait_s for at_s, wait_s in counts.waits_s[tenant] if from_s <= at_s < until_s)
    assert not counts.failed_s
    return {
        "bytes_per_s": round(sum(sizes) / (until_s - from_s), 1),
        "refused_per_s": round(len(refused) / (until_s - from_s), 4),
        "wait_p50_s": round(percentile(waits, 0.5), 4),
        "wait_p99_s": round(percentile(waits, 0.99), 4),
        "requests": len(waits),
    }


def _as_real(outcome: Figures, tenant: str) -> Figures:
    """Return a simulation's figures of a tenant as those of a real run."""
    members = outcome["tenants"][f"{tenant}/{'interactive' if tenant == 'people' else 'batch'}"]
    names = ("bytes_per_s", "wait_p50_s", "wait_p99_s")
    refused = {"refused_per_s": round(members["refused"] / outcome["duration_s"], 4)}
    return {name: members[name] for name in names} | refused


def _simulate(count: int, duration_s: float, round_trip_s: float, late_s: float, config: str) -> list[Figures]:
    job = {"think_s": THINK_S, "follows_advice": False}
    backend = BACKEND | {"base_s": BACKEND["base_s"] + late_s, "replicas": BACKENDS, "round_trip_s": round_trip_s}
    workload = {
        "duration_s": duration_s,
        "proxies": {"count": count},
        "batch": [
            {"tenant": tenant, "name": tenant, "tasks": tasks, "in_flight": in_flight, "request_bytes": size} | job
            for tenant, (tasks, in_flight, size) in TASKS.items()
        ],
        "interactive": [{"tenant": "people", "requests_per_s": PEOPLE_PER_S, "request_bytes": KIB}],
        "backends": [backend],
    }
    with TemporaryDirectory() as name:
        file = Path(name) / "proxy.toml"
        file.write_text(config)
        settings = load(file, ProxySettings)
    workloads = [check(workload | {"seed": seed}, Workload, "benchmark") for seed in SEEDS]
    return [figures(PlacedSimulation(settings, one).run()) for one in workloads]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--proxies", default="1,2,4", help="how many, with commas between")
    parser.add_argument("--seconds", type=float, default=40.0, help="of each real run")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results = {}
    for count in map(int, arguments.proxies.split(",")):
        results[f"{count} proxies"] = asyncio.run(compare(count, arguments.seconds))
        print(json.dumps({f"{count} proxies": results[f"{count} proxies"]}, indent=2), flush=True)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
