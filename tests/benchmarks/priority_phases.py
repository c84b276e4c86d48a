"""The parts of `priorities`: one phase of interactive requests and a job, and what it has shown."""

import asyncio
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.benchmarks.load_scene import Scene, percentile
from tests.benchmarks.meter import cpu_s, descendants, machine_cpu_s
from tests.benchmarks.replicas import Replica, Work, work_of

Figures = dict[str, Any]
WARM_S = 2.0
"""Of the job alone, before interactive requests begin and anything is counted."""
UNDER_WAY = 12
"""The job's requests for each worker: several times what the proxy lets through to it."""
OTHERS_CORES = 0.1
"""A phase in which other programs take more says nothing of this one's times."""
FLOOD = 32
"""Interactive callers who send the next request when one is answered."""


@dataclass(frozen=True)
class Policy:
    """Who goes first.

    Args:
        config: Groups of the proxy's configuration.
        tenant: Of the interactive requests.
        job: Theirs.
        urgency: What they claim.

    """

    config: str = ""
    tenant: str = "people"
    job: str = ""
    urgency: int = 1


@dataclass
class Phase:
    """What one phase has shown; the times of interactive requests are in s, bytes are those of texts."""

    seconds: list[float] = field(default_factory=list)
    job_bytes_per_s: float = 0.0
    interactive: int = 0
    """Interactive requests that were answered."""
    interactive_per_s: float = 0.0
    work: Work = field(default_factory=lambda: Work(0, 0, 0, 0))
    text_bytes: int = 0
    """All that was answered, also before and after what is counted."""
    elapsed_s: float = 0.0
    others_cores: float = 0.0
    """CPU that other programs took, in cores."""

    @property
    def undisturbed(self) -> bool:
        """Return whether other programs left the machine to this one."""
        return self.others_cores <= OTHERS_CORES


@dataclass
class Bench:
    """An API, and the callers of a proxy.

    Args:
        replica: The API.
        workers: It has.
        text_part: Part of the bytes of the job's requests that is text.
        small_text_bytes: Text of an interactive request.

    """

    replica: Replica
    workers: int
    text_part: float
    small_text_bytes: int

    async def play(
        self, scene: Scene, policy: Policy, seconds: float, *, job: bool = True, rate: float = 0.0, flood: bool = False
    ) -> Phase:
        """Return a phase.

        Args:
            scene: The callers.
            policy: What interactive requests claim.
            seconds: That are counted.
            job: Whether the job is there.
            rate: Interactive requests a second.
            flood: Whether as many interactive requests come as are answered.

        Raises:
            SystemExit: Not every answer was analysed.

        """
        scene.counts.done.clear()
        phase, before, others_s, began_s = Phase(), work_of([self.replica]), _others_cpu_s(), time.monotonic()
        from_s = began_s + (WARM_S if job else 0.0)
        until_s = from_s + seconds
        under_way = UNDER_WAY * self.workers
        batch = asyncio.create_task(scene.job("a", "job", under_way, until_s, finish=True)) if job else None
        await asyncio.sleep(from_s - time.monotonic())
        done: list[float] = []
        if flood:
            await asyncio.gather(*(_flood(scene, policy, until_s, done) for _ in range(FLOOD)))
        else:
            phase.seconds = await _steady(scene, policy, until_s, rate, done)
        if batch is not None:
            await batch
        jobs = scene.counts.done.get("job", [])
        phase.elapsed_s = time.monotonic() - began_s
        phase.others_cores = (_others_cpu_s() - others_s) / phase.elapsed_s
        phase.work = work_of([self.replica]).since(before)
        phase.text_bytes = round(sum(size for _, size in jobs) * self.text_part) + len(done) * self.small_text_bytes
        phase.job_bytes_per_s = _rate(jobs, from_s, until_s) * self.text_part
        phase.interactive = len(done)
        phase.interactive_per_s = sum(at_s < until_s for at_s in done) / seconds
        if phase.work.requests != len(jobs) + len(done):
            raise SystemExit(f"{len(jobs) + len(done)} answers, {phase.work.requests:g} requests were analysed")
        return phase


def _others_cpu_s() -> float:
    """Return the CPU seconds of all programs but this one and those that it has started."""
    return machine_cpu_s() - sum(map(cpu_s, descendants(os.getpid())))


async def _steady(scene: Scene, policy: Policy, until_s: float, rate: float, done: list[float]) -> list[float]:
    """Send at the rate, whether earlier requests are answered or not; return the seconds of each."""
    seconds: list[float] = []

    async def one(due_s: float) -> None:
        await asyncio.sleep(due_s - time.monotonic())
        sent_s = time.monotonic()
        if await _call(scene, policy, done):
            seconds.append(time.monotonic() - sent_s)

    start_s, count = time.monotonic(), int((until_s - time.monotonic()) * rate)
    await asyncio.gather(*(one(start_s + number / rate) for number in range(count)))
    return seconds


async def _flood(scene: Scene, policy: Policy, until_s: float, done: list[float]) -> None:
    while time.monotonic() < until_s:
        await _call(scene, policy, done)


async def _call(scene: Scene, policy: Policy, done: list[float]) -> bool:
    if await scene.call(policy.tenant, policy.job, scene.small, urgency=policy.urgency) is None:
        return False
    done.append(time.monotonic())
    return True


def _rate(done: list[tuple[float, int]], from_s: float, until_s: float) -> float:
    """Return bytes a second between the first and the last answer of that time, so that whole requests count."""
    within = sorted(one for one in done if from_s <= one[0] < until_s)
    if len(within) < 2:
        return 0.0
    return sum(size for _, size in within[1:]) / (within[-1][0] - within[0][0])


def times(phases: Sequence[Phase]) -> Figures:
    """Return percentiles of all interactive requests, and the 99th of each phase."""
    ordered = sorted(second for phase in phases for second in phase.seconds)
    if not ordered:
        return {}
    return {f"p{part}_ms": round(percentile(ordered, part / 100) * 1000, 2) for part in (50, 90, 99)} | {
        "p99_ms_rounds": [round(percentile(sorted(phase.seconds), 0.99) * 1000, 2) for phase in phases],
        "requests": len(ordered),
    }


def cpu_per_byte(phases: Sequence[Phase]) -> float:
    """Return the workers' CPU seconds for a byte of text."""
    return sum(phase.work.cpu_s for phase in phases) / sum(phase.text_bytes for phase in phases)


def cores(phases: Sequence[Phase]) -> float:
    """Return the CPU of the workers for each second, beginning and end of each phase included."""
    return round(sum(phase.work.cpu_s for phase in phases) / sum(phase.elapsed_s for phase in phases), 3)


def mean(values: Sequence[float]) -> float:
    """Return the mean to whole numbers."""
    return round(statistics.mean(values))
