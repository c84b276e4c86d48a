"""Interactive requests beside a job that saturates the service: our fair queue, strict priority, and first come first
served, by turns in one run.

    python -m tests.benchmarks.priorities --input reviews.parquet [--workers 1] [--rounds 2] [--seconds 9] [--flood]

One real API and one real proxy for each policy; which policy it is, is in its configuration and in what callers claim:

- ours: as by default. Classes share by weight, and an interactive request that is within its share needs no slot.
- strict: the interactive class has a thousand times the weight, so that it is always served first.
- fifo: all requests are of one job in one class, to the proxy and to the API.

Each round measures the interactive requests alone, then the job alone, which is the capacity, and then both under each
policy. Interactive requests come at a steady rate, whether earlier ones are answered or not; their time is from the
first sending to the answer, refusals included. The API must have analysed each answered request, and its workers must
have taken the CPU for it that the same takes alone.

Goodput is in bytes of text. A byte of an interactive request takes more CPU than one of the job, since each request has
costs of its own; so it is given also with interactive requests counted by the CPU that they take alone ("work").

A phase in which other programs took more than a tenth of a core is played again (`--attempts`), and if none was
undisturbed the figures say so.

With `--flood` interactive requests come as fast as they are answered: what is left for the job then. At first they may
be 256 KiB ahead of their share, so let this take 20 seconds.
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pyarrow as pa
import pyarrow.compute as pc

from nlpbatch.client.policy import RetryPolicy
from nlpbatch.wire.limits import KIB
from tests.benchmarks.load_scene import KEYS, Scene
from tests.benchmarks.priority_phases import Bench, Phase, Policy, cores, cpu_per_byte, mean, times
from tests.benchmarks.processes import free_port, running, wait_ready
from tests.benchmarks.proxy_load import make_bodies
from tests.benchmarks.replicas import Replica, running_all, write_config

Figures = dict[str, Any]
WARM_UP_S = 3.0
"""Before the first round: a new worker copies pages of the process that it was forked from."""
CPU_TOLERANCE = 0.25
"""How far the workers' CPU may be from what the same requests take alone."""
POLICIES = {
    "ours": Policy(),
    "strict": Policy("[classes.interactive]\nweight = 1000.0\n[classes.batch]\nweight = 1.0\n"),
    "fifo": Policy(tenant="a", job="job", urgency=6),
}


async def measure(bench: Bench, scenes: dict[str, Scene], arguments: argparse.Namespace) -> Figures:
    """Return the figures of all rounds; show those of the rounds so far after each."""
    phases: defaultdict[str, list[Phase]] = defaultdict(list)
    seconds, rate, names, figures = arguments.seconds, arguments.rate, list(POLICIES), Figures()
    plays = {
        "alone": partial(bench.play, scenes["ours"], POLICIES["ours"], seconds, job=False, rate=rate),
        "capacity": partial(bench.play, scenes["ours"], POLICIES["ours"], seconds),
    } | {
        name: partial(bench.play, scenes[name], policy, seconds, rate=rate, flood=arguments.flood)
        for name, policy in POLICIES.items()
    }
    await bench.play(scenes["ours"], POLICIES["ours"], WARM_UP_S, rate=rate)
    for number in range(arguments.rounds):
        for name in ("alone", "capacity", *names[number % len(names) :], *names[: number % len(names)]):
            phases[name].append(await _undisturbed(name, plays[name], arguments.attempts))
        figures = _summary(phases, bench)
        print(f"{number + 1} rounds", json.dumps(figures), sep="\n", file=sys.stderr, flush=True)
    return figures


async def _undisturbed(name: str, play: Callable[[], Awaitable[Phase]], attempts: int) -> Phase:
    """Return the first undisturbed phase, or the least disturbed one."""
    phases: list[Phase] = []
    while len(phases) < attempts and not (phases and phases[-1].undisturbed):
        phases.append(await play())
        print(name, f"{phases[-1].others_cores:.2f} cores of others", times(phases[-1:]), file=sys.stderr, flush=True)
    return min(phases, key=lambda phase: phase.others_cores)


def _summary(phases: Mapping[str, list[Phase]], bench: Bench) -> Figures:
    alone, capacity = times(phases["alone"]), phases["capacity"]
    # What an interactive request takes, in bytes of the job's text.
    one = sum(phase.work.cpu_s for phase in phases["alone"]) / sum(phase.work.requests for phase in phases["alone"])
    equivalent_bytes = one / cpu_per_byte(capacity)
    for name in POLICIES:
        _check_cpu(name, phases[name], one, cpu_per_byte(capacity), bench)
    return {
        "unloaded": alone,
        "capacity_bytes_per_s": mean([phase.job_bytes_per_s for phase in capacity]),
        "capacity_rounds": [round(phase.job_bytes_per_s) for phase in capacity],
        "worker_cpu": cores(capacity),
        "disturbed": sorted({name for name, some in phases.items() for phase in some if not phase.undisturbed}),
        "interactive_text_bytes": bench.small_text_bytes,
        "interactive_equivalent_bytes": round(equivalent_bytes),
    } | {name: _figures(phases[name], capacity, alone, bench.small_text_bytes, equivalent_bytes) for name in POLICIES}


def _check_cpu(name: str, phases: list[Phase], one: float, per_byte: float, bench: Bench) -> None:
    """Refuse figures of answers that took other work than when they were alone.

    An interactive request takes less CPU right after others than alone, when the worker's caches are cold.
    """
    cpu_s = sum(phase.work.cpu_s for phase in phases)
    text_bytes = sum(phase.text_bytes for phase in phases)
    count = sum(phase.interactive for phase in phases)
    least_s, most_s = text_bytes * per_byte, (text_bytes - count * bench.small_text_bytes) * per_byte + count * one
    if not (1 - CPU_TOLERANCE) * least_s <= cpu_s <= (1 + CPU_TOLERANCE) * most_s:
        raise SystemExit(f"{name}: workers took {cpu_s:.2f} s of CPU, not {least_s:.2f} to {most_s:.2f}")


def _figures(
    phases: list[Phase], capacity: list[Phase], alone: Figures, text_bytes: int, equivalent_bytes: float
) -> Figures:
    """Return a policy's figures next to capacity and unloaded times."""
    most = statistics.mean(phase.job_bytes_per_s for phase in capacity)
    job = statistics.mean(phase.job_bytes_per_s for phase in phases)
    interactive = statistics.mean(phase.interactive_per_s for phase in phases)
    loaded = times(phases)
    if loaded:
        loaded |= {
            f"{part} / unloaded": round(loaded[f"{part}_ms"] / alone[f"{part}_ms"], 2) for part in ("p50", "p99")
        }
    return {
        "job / capacity": round(job / most, 3),
        "bytes / capacity": round((job + interactive * text_bytes) / most, 3),
        "work / capacity": round((job + interactive * equivalent_bytes) / most, 3),
        "interactive_per_s": round(interactive, 1),
        "worker_cpu": cores(phases),
    } | loaded


def table(figures: Figures) -> str:
    """Return the figures as rows of Markdown."""
    names = ("p50_ms", "p99_ms", "p99 / unloaded", "job / capacity", "bytes / capacity", "work / capacity")
    head = [f"| | {' | '.join(names)} |", "| --- " * (len(names) + 1) + "|"]
    rows = {name: [str(figures[name].get(column, "")) for column in names] for name in ("unloaded", *POLICIES)}
    return "\n".join(head + [f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()])


def _config(policy: Policy, api: str) -> str:
    tenants = [f"[tenants.{name}]\nkeys = [{json.dumps(entry)}]" for name, (_, entry) in KEYS.items()]
    head = ['log_level = "warning"', "[admin]", "enabled = false", policy.config, f'[[backends]]\nurl = "{api}"']
    return "\n".join([*head, *tenants])


async def run(replica: Replica, urls: dict[str, str], arguments: argparse.Namespace) -> Figures:
    """Return the figures of a run with these proxies."""
    bodies, small = make_bodies(arguments, arguments.request_bytes)
    timeout = aiohttp.ClientTimeout(total=RetryPolicy().attempt_timeout_s)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        scenes = {name: Scene(url, bodies, small, session) for name, url in urls.items()}
        text_part = statistics.mean(_text_bytes(body) / len(body) for body in bodies)
        bench = Bench(replica, arguments.workers, text_part, _text_bytes(small))
        return await measure(bench, scenes, arguments)


def _text_bytes(body: bytes) -> int:
    return int(pc.sum(pc.binary_length(pa.ipc.open_stream(body).read_all().column(0))).as_py())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--text", default="review")
    parser.add_argument("--workers", type=int, default=1, help="of the API")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=9.0, help="that are counted of each phase")
    parser.add_argument("--rate", type=float, default=25.0, help="interactive requests a second, three reviews each")
    parser.add_argument("--request-bytes", type=int, default=32 * KIB, help="text per request of the job")
    parser.add_argument("--flood", action="store_true", help="send as many interactive requests as are answered")
    parser.add_argument("--attempts", type=int, default=3, help="at each phase, until it is undisturbed")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        directory, urls = Path(name), {}
        server = directory / "server.toml"
        write_config(server, arguments.workers)
        (replica,) = stack.enter_context(running_all(server, 1))
        for policy, kind in POLICIES.items():
            file, port = directory / f"{policy}.toml", free_port()
            file.write_text(_config(kind, replica.url), encoding="utf-8")
            proxy = stack.enter_context(running("proxy", "serve", "--config", str(file), "--port", str(port)))
            urls[policy] = f"http://127.0.0.1:{port}"
            wait_ready(urls[policy], proxy)
        figures = asyncio.run(run(replica, urls, arguments))
    print(json.dumps(figures, indent=2))
    print(table(figures))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
