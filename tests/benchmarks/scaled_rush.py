"""A rush on a service that scales itself, really and in the simulator: workers over time, and waits.

    python -m tests.benchmarks.scaled_rush [--seconds 240]

Real are the proxy (a process), the scaler that `nlpbatch scale` runs, registration, and HTTP. The backends are the
simulator's own on the real clock, because Kiwi's workers would need as many cores as there are: each replica has two
workers, starts ten seconds after it was asked for, registers at the proxy, and takes itself back before it ends. The
simulator gets the same workload, configuration and times.

A job with 24 requests of 32 KiB under way comes after ten seconds and goes after half of the time. Given are the area
between both numbers of workers, as a share of the area under the real one, and the 99th percentile of the waits. Each
answer must have been worked on, and none may fail.
"""

import argparse
import asyncio
import contextlib
import json
import math
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from nlpbatch.serving.settings import check, load
from nlpbatch.wire.limits import KIB
from proxy.config import ProxySettings
from proxy.planning.simulate import Simulation
from proxy.planning.workloads import Workload
from proxy.scaler.scaler import ScaleOptions, Scaler
from proxy.scaler.targets import Units, read_state
from tests.benchmarks.fleet import ProxyProcess, running_backend
from tests.benchmarks.load_scene import KEYS, Counts, Scene, percentile
from tests.benchmarks.served_backend import BACKEND, ServedBackend

Figures = dict[str, Any]
SECRET = "what the replicas know, too"
WORKERS = 2
START_S, PERIOD_S, RUSH_S = 10.0, 2.0, 10.0
IN_FLIGHT, SIZE_BYTES = 24, 32 * KIB
SEEDS = range(1, 11)
LOOK_S = 0.5
TOLERANCE = 0.2
CONFIG = """
[registration]
secret_file = "{secret}"
ttl_s = 6.0
[scaling]
min_workers = 2
max_workers = 12
up_window_s = 5.0
down_window_s = 30.0
[tenants.a]
keys = ["{entry}"]
"""


class Replicas:
    """Starts and ends replicas, as a cluster would.

    Args:
        proxy: Where they register.
        session: For that.

    """

    def __init__(self, proxy: str, session: aiohttp.ClientSession) -> None:
        self._proxy, self._session = proxy, session
        self._ends: list[asyncio.Event] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.all: list[ServedBackend] = []
        self.up = 0

    async def now(self) -> Units:
        """Return the replicas that were asked for, and those that have not started."""
        return Units(len(self._ends), len(self._ends) - self.up)

    async def apply(self, units: int) -> None:
        """Have so many; the latest ones end first."""
        while len(self._ends) > units:
            self._ends.pop().set()
        while len(self._ends) < units:
            self._ends.append(asyncio.Event())
            self._tasks.append(asyncio.create_task(self._live(self._ends[-1])))

    async def close(self) -> None:
        """End all."""
        await self.apply(0)
        await asyncio.gather(*self._tasks)

    async def _live(self, end: asyncio.Event) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_S if self.all else 0.0):
                await end.wait()
                return
        async with running_backend(ServedBackend(WORKERS)) as backend:
            self.all.append(backend)
            self.up += 1
            while not end.is_set():
                await self._tell("PUT", backend)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(2.0):
                        await end.wait()
            self.up -= 1
            await self._tell("DELETE", backend)
            while backend.under_way:
                await asyncio.sleep(0.05)

    async def _tell(self, method: str, backend: ServedBackend) -> None:
        headers = {"Authorization": f"Bearer {SECRET}"}
        url = f"{self._proxy}/registrations"
        async with self._session.request(method, url, headers=headers, json={"url": backend.url}) as answer:
            assert answer.status == 200, await answer.text()


async def play(proxy: ProxyProcess, seconds: float) -> Figures:
    """Return what really happens."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        replicas = Replicas(proxy.url, session)
        options = ScaleOptions(workers_per_unit=WORKERS, min_units=1)
        await _listening(proxy.url, session)
        await replicas.apply(1)
        await asyncio.to_thread(proxy.wait_ready)
        scaler = Scaler(lambda: read_state([proxy.admin_url]), replicas, options, None)
        began_s = time.monotonic()
        scaling = asyncio.create_task(scaler.run(PERIOD_S, asyncio.Event()))
        workers: list[int] = []
        watching = asyncio.create_task(_watch(lambda: WORKERS * replicas.up, workers))
        scene = Scene(proxy.url, [b"x" * SIZE_BYTES], b"x", session, Counts())
        await asyncio.sleep(RUSH_S)
        await scene.job("a", "rush", IN_FLIGHT, began_s + seconds / 2, finish=True)
        await asyncio.sleep(began_s + seconds - time.monotonic())
        for task in (scaling, watching):
            task.cancel()
        await asyncio.gather(scaling, watching, return_exceptions=True)
        await replicas.close()
    counts = scene.counts
    answered, worked = len(counts.done["rush"]), sum(len(one.service_s) for one in replicas.all)
    assert answered == worked, f"{answered} answers, {worked} requests were worked on"
    assert not counts.failed_s
    assert not counts.given_up
    waits = sorted(wait_s for _, wait_s in counts.waits_s["a"])
    late = [one.time.late_s / one.time.events for one in replicas.all if one.time.events]
    return {
        "workers": workers,
        "answered": answered,
        "wait_p50_s": percentile(waits, 0.5),
        "wait_p99_s": percentile(waits, 0.99),
        "late_s": statistics.mean(late),
    }


async def _listening(url: str, session: aiohttp.ClientSession) -> None:
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"{url}/healthz") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.1)


async def _watch(number: Callable[[], int], into: list[int]) -> None:
    while True:
        into.append(number())
        await asyncio.sleep(LOOK_S)


def simulate(settings: ProxySettings, seconds: float, late_s: float) -> list[Figures]:
    """Return what the simulator says, for several seeds."""
    backend = BACKEND | {"workers": WORKERS, "base_s": BACKEND["base_s"] + late_s, "round_trip_s": 0.003}
    job = {"tenant": "a", "name": "rush", "tasks": IN_FLIGHT, "in_flight": 1, "request_bytes": SIZE_BYTES}
    found = []
    for seed in SEEDS:
        workload = check(
            {
                "duration_s": seconds,
                "seed": seed,
                "backends": [backend],
                "scaler": {"period_s": PERIOD_S, "start_s": START_S},
                "batch": [job | {"start_s": RUSH_S, "end_s": seconds / 2, "follows_advice": False, "think_s": 0.003}],
            },
            Workload,
            "benchmark",
        )
        outcome = Simulation(settings, workload).run()
        tally = outcome.tallies["a", "batch"]
        waits = sorted(tally.waits_s)
        found.append(
            {
                "workers": [at(outcome.scaling, LOOK_S * one) for one in range(math.ceil(seconds / LOOK_S))],
                "answered": tally.answered,
                "wait_p50_s": percentile(waits, 0.5),
                "wait_p99_s": percentile(waits, 0.99),
            }
        )
    return found


def at(steps: tuple[tuple[float, int, int], ...], at_s: float) -> int:
    """Return the workers at a time, of the steps of a simulation."""
    return next((workers for since_s, workers, _ in reversed(steps) if since_s <= at_s), WORKERS)


def compared(real: Figures, runs: list[Figures], look_s: float = LOOK_S) -> Figures:
    """Return the simulation's means next to the real figures; there is a number of workers for each `look_s`."""
    length = min(len(real["workers"]), *(len(run["workers"]) for run in runs))
    actual = real["workers"][:length]
    apart = [
        sum(abs(one - other) for one, other in zip(run["workers"], actual, strict=False)) / sum(actual) for run in runs
    ]
    ratios = {
        name: round(statistics.mean(run[name] for run in runs) / real[name], 3)
        for name in ("answered", "wait_p50_s", "wait_p99_s")
    }
    every = round(10 / look_s)
    return {
        "workers, each 10 s": {"real": actual[::every], "simulated": runs[0]["workers"][:length:every]},
        "area between / area": round(statistics.mean(apart), 3),
        "simulated / real": ratios,
        "real": {name: round(value, 4) for name, value in real.items() if name != "workers"},
        "off by more than 20%": [name for name, ratio in ratios.items() if abs(ratio - 1) > TOLERANCE],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=240.0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    random.seed(1)
    with TemporaryDirectory() as name:
        secret = Path(name) / "secret"
        secret.write_text(SECRET, encoding="utf-8")
        config = CONFIG.format(secret=secret, entry=KEYS["a"][1])
        file = Path(name) / "proxy.toml"
        file.write_text(config, encoding="utf-8")
        settings = load(file, ProxySettings)
        proxy = ProxyProcess(Path(name), config)
        proxy.start()
        try:
            real = asyncio.run(play(proxy, arguments.seconds))
        finally:
            proxy.stop()
    found = compared(real, simulate(settings, arguments.seconds, real["late_s"]))
    print(json.dumps(found, indent=2))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
