"""What `simulate` predicts against what really happens: the same callers, configuration, speed and faults.

Each scene begins with one request at a time for each worker, which shows what a request takes besides its analysis.
Then a job with many tasks and one with few send as much as they can, for real and in the simulation. The simulated
workers are as fast as the real ones were while they were at work.
"""

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from nlpbatch.serving.settings import check, load
from proxy.config import ProxySettings
from proxy.planning.report import figures
from proxy.planning.simulate import Simulation
from proxy.planning.workloads import Workload
from tests.benchmarks.calibration import Calibration, Fault, calibrate
from tests.benchmarks.load_scene import IN_FLIGHT, Counts, Scene, percentile
from tests.benchmarks.replicas import Replica, Work, work_of

Figures = dict[str, Any]
TASKS = {"a": 10, "b": 1}
"""Of each tenant's job."""
TASKS_THAT_FAIL = {"a": 20, "b": 8}
"""The same with a fault: a task that sends few requests a second isn't held back by its client's retry budget."""
TOLERANCE = 0.15
SIMULATED = 10
"""The simulation plays so many times the real run's time, so that its own chance hardly matters."""
UNDISTURBED = 0.88
"""CPU of the workers' processes for each second of their work; with less, other programs have had the cores."""
_THINK_S = 0.003
"""From an answer to the next request, as this benchmark's callers take it."""


async def predict(
    scene: Scene, seconds: float, config: Path, replicas: list[Replica], fault: Fault | None = None
) -> Figures:
    """Return real and simulated figures, their ratios, and the work that was done for them.

    Raises:
        SystemExit: The replicas didn't do the work that the answers claim.

    """
    tasks = TASKS if fault is None else TASKS_THAT_FAIL
    calibration = await calibrate(scene, seconds / 4, replicas, fault)
    before = work_of(replicas)
    real = await _play(scene, seconds, tasks, fault)
    work, counts = work_of(replicas).since(before), scene.counts
    peer = await fault.counts(scene) if fault is not None else {"failed": 0}
    unanalysed = fault is not None and fault.at_once
    _check_work(work, calibration.work, counts.statuses.get(200, 0) + (0 if unanalysed else peer["failed"]))
    bytes_per_s = work.requests * calibration.size_bytes / work.worker_s
    if fault is not None:
        fault = replace(fault, fraction=peer["failed"] / (peer["failed"] + peer["passed"]))  # as chance had it
    workload = _workload(calibration, bytes_per_s, seconds * SIMULATED, tasks, fault)
    outcome = await asyncio.to_thread(_simulate, workload, config)
    simulated = {tenant: outcome["tenants"][f"{tenant}/batch"] for tenant in tasks}
    predicted = _in_all({tenant: _as_real(members, outcome["duration_s"]) for tenant, members in simulated.items()})
    ratios = _ratios(real, predicted)
    return {
        "real": real,
        "simulated": predicted,
        "simulated / real": ratios,
        f"off by more than {TOLERANCE:.0%}": sorted(key for key, ratio in ratios.items() if abs(ratio - 1) > TOLERANCE),
        "backends": workload["backends"],
        "failure_s": calibration.failure_s,
        "utilisation": {"real": round(work.worker_s / len(replicas) / seconds, 4), "simulated": outcome["utilisation"]},
        "work": vars(work) | {"peer": peer, "statuses": counts.statuses, "given up": counts.given_up},
        "undisturbed": work.cpu_s / work.worker_s > UNDISTURBED,
    }


async def _play(scene: Scene, seconds: float, tasks: dict[str, int], fault: Fault | None) -> Figures:
    """Return what happens in the last three quarters of the time."""
    if fault is not None:
        await fault.begin(scene)
    counts = scene.counts = Counts()
    started_s = time.monotonic()
    until_s, warm_s = started_s + seconds, started_s + seconds / 4
    await asyncio.gather(
        *(scene.job(tenant, tenant, IN_FLIGHT * count, until_s, finish=True) for tenant, count in tasks.items())
    )
    return _in_all({tenant: _of_tenant(counts, tenant, warm_s, until_s) for tenant in tasks})


def _of_tenant(counts: Counts, tenant: str, from_s: float, until_s: float) -> Figures:
    sizes = [size for at_s, size in counts.done[tenant] if from_s <= at_s < until_s]
    failed = [at_s for at_s in counts.failed_s.get(tenant, []) if from_s <= at_s < until_s]
    waits = sorted(wait_s for at_s, wait_s in counts.waits_s[tenant] if from_s <= at_s < until_s)
    return {
        "bytes_per_s": round(sum(sizes) / (until_s - from_s), 1),
        "failed_per_s": round(len(failed) / (until_s - from_s), 4),
        "wait_p99_s": round(percentile(waits, 0.99), 4),
        "requests": len(waits),
    }


def _as_real(members: Figures, duration_s: float) -> Figures:
    """Return a simulation's figures of a tenant as those of a real run."""
    return {
        "bytes_per_s": members["bytes_per_s"],
        "failed_per_s": round(members["failed"] / duration_s, 4),
        "wait_p99_s": members["wait_p99_s"],
    }


def _in_all(tenants: dict[str, Figures]) -> Figures:
    """Add what all tenants have together."""
    sums = {name: round(sum(one[name] for one in tenants.values()), 4) for name in ("bytes_per_s", "failed_per_s")}
    return tenants | {"all": sums}


def _ratios(real: Figures, simulated: Figures) -> dict[str, float]:
    """Return simulated figures divided by real ones; a wait of less than 10 ms says nothing."""
    return {
        f"{tenant} {name}": round(simulated[tenant][name] / value, 3)
        for tenant, members in real.items()
        for name, value in members.items()
        if name in simulated[tenant] and value > 0.01
    }


def _check_work(work: Work, alone: Work, analyses: int) -> None:
    """Refuse figures of answers that were not analysed.

    Args:
        work: What was done for the answers.
        alone: What was done before, to compare the CPU that a document takes.
        analyses: What the answers claim; an error after the work is one analysis, too.

    """
    if work.requests != analyses:
        raise SystemExit(f"{work.requests:g} requests were analysed, answers and errors claim {analyses}")
    cost, usual = work.cpu_s / work.documents, alone.cpu_s / alone.documents
    if not 0.75 <= cost / usual <= 1.25:
        raise SystemExit(f"a document took {cost * 1000:.2f} ms of CPU, {usual * 1000:.2f} ms when measuring the speed")


def _workload(
    calibration: Calibration, bytes_per_s: float, duration_s: float, tasks: dict[str, int], fault: Fault | None
) -> Figures:
    """Return what the real run was, as a workload.

    Args:
        calibration: What requests take.
        bytes_per_s: What a worker analysed in a second of the real run while it was at work.
        duration_s: How long to simulate.
        tasks: Of each tenant's job.
        fault: Of the first backend.

    """
    job = {
        "in_flight": IN_FLIGHT,
        "request_bytes": calibration.size_bytes,
        "think_s": _THINK_S,
        "follows_advice": False,
    }
    backend = {"workers": 1, "base_s": 0, "bytes_per_s": round(bytes_per_s), "spread": calibration.spread}
    workload = {
        "duration_s": duration_s,
        "batch": [{"tenant": tenant, "name": tenant, "tasks": count} | job for tenant, count in tasks.items()],
        "backends": [backend | {"round_trip_s": seconds} for seconds in calibration.round_trips_s],
    }
    if fault is None:
        return workload
    failing = {"kind": "failing", "start_s": 0, "duration_s": duration_s, "fraction": fault.fraction}
    return workload | {"faults": [failing | ({"failure_s": calibration.failure_s} if fault.at_once else {})]}


def _simulate(workload: Figures, config: Path) -> Figures:
    return figures(Simulation(load(config, ProxySettings), check(workload, Workload, "benchmark")).run())
