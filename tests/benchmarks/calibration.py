"""How fast real backends are, as a simulation needs to know it."""

import asyncio
import math
import statistics
import time
from dataclasses import dataclass

from tests.benchmarks.load_scene import Scene
from tests.benchmarks.replicas import Replica, Work, metric, work_of

_PROBE_PERIOD_S = 0.1


@dataclass(frozen=True)
class Fault:
    """The first of two replicas answers a part of its requests with 500.

    Args:
        peer: Address of the peer in front of that replica.
        at_once: Whether errors come at once, or after the work.
        fraction: Part of the requests.

    """

    peer: str
    at_once: bool
    fraction: float = 0.5

    async def begin(self, scene: Scene) -> None:
        """Let the replica fail from now on."""
        members = {"fraction": self.fraction, "at_once": self.at_once}
        async with scene.session.put(f"{self.peer}/fault", json=members) as answer:
            answer.raise_for_status()

    async def counts(self, scene: Scene) -> dict[str, int]:
        """Return how many requests have `passed` and `failed` since then."""
        async with scene.session.get(f"{self.peer}/fault") as answer:
            return dict(await answer.json())


@dataclass(frozen=True)
class Calibration:
    """What requests take when each worker has one.

    Args:
        size_bytes: Mean size of a request.
        spread: Standard deviation of the logarithm of the seconds per byte.
        round_trips_s: Of each backend: mean time there without that at the worker.
        failure_s: Median time of an answer for which a peer needs no worker; None without a peer.
        work: What was done for it.

    """

    size_bytes: int
    spread: float
    round_trips_s: tuple[float, ...]
    failure_s: float | None
    work: Work


async def calibrate(scene: Scene, seconds: float, replicas: list[Replica], fault: Fault | None) -> Calibration:
    """Send requests for so long, one for each replica's worker, while nothing fails."""
    before, until_s = [work_of([replica]) for replica in replicas], time.monotonic() + seconds
    job = asyncio.create_task(scene.job("b", "alone", len(replicas), until_s, finish=True))
    failure_s = await _probe(scene, fault.peer, until_s) if fault is not None else None
    await job
    works = [work_of([replica]).since(earlier) for replica, earlier in zip(replicas, before, strict=True)]
    done = scene.counts.done["alone"]
    urls = [replica.url for replica in replicas] if fault is None else [fault.peer, replicas[1].url]
    per_byte = [math.log(took_s / size) for took_s, (_, size) in zip(scene.counts.seconds, done, strict=True)]
    return Calibration(
        round(statistics.mean(size for _, size in done)),
        round(statistics.pstdev(per_byte), 3),
        tuple(_round_trip_s(scene, url, work) for url, work in zip(urls, works, strict=True)),
        failure_s,
        works[0] + works[1],
    )


def _round_trip_s(scene: Scene, backend: str, work: Work) -> float:
    """Return what a request takes at a backend, as the proxy has counted it, without its time at the worker."""
    upstream_s, sent = (
        metric([scene.url], f"nlpbatch_proxy_upstream_seconds_{part}", label=f'backend="{backend}"')
        for part in ("sum", "count")
    )
    return round(upstream_s / sent - work.worker_s / work.requests, 5)


async def _probe(scene: Scene, peer: str, until_s: float) -> float:
    took_s = []
    while time.monotonic() < until_s:
        started_s = time.monotonic()
        async with scene.session.get(f"{peer}/fault") as answer:
            await answer.read()
        took_s.append(time.monotonic() - started_s)
        await asyncio.sleep(_PROBE_PERIOD_S)
    return round(statistics.median(took_s), 5)
