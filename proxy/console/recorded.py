"""The last ten minutes' load as a workload that `simulate` can play. Pure.

What is recorded are sums of ten seconds (see `proxy.recent`), from which this makes

- of each job's batch requests, tasks that send the next request when the last one is answered: as many as the job had
  waiting, at backends, or sent away with a Retry-After, on the average. So a job gets on faster when a limit is raised,
  and is held up when it is lowered;
- of each tenant's interactive requests, calls that arrive by chance at the rate of each ten seconds, a refused one
  taken to come back once;
- of the backends that are ready, as many workers, as fast as they were: a fixed time for each request and a rate in
  bytes that together explain, in the sense of least squares, for how long workers were busy.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from nlpbatch.errors import InvalidRequest
from proxy.planning.workloads import BackendWork, InteractiveWork, JobWork, Workload
from proxy.recent import SLICE_S, FlowCounts, FlowName, Slice, summed

_MAX_REQUESTS: Final = 100_000
_MAX_TASKS: Final = 100_000
"""More are not played: of a busier proxy, the last seconds."""
_LEAST_BYTES_PER_S: Final = 1_000.0
_LEAST_BASE_S: Final = 0.0001
_DEFAULT = BackendWork()


@dataclass(frozen=True, slots=True)
class Recorded:
    """A workload, and what was measured while it was recorded.

    Args:
        workload: What to play.
        jobs: The names of jobs by those in the workload, which may have fewer characters.
        measured: Figures by `tenant/class`, in the form of `planning.report.figures`.
        busy: The part of the workers' time in which they were busy.

    """

    workload: Workload
    jobs: dict[str, str]
    measured: dict[str, dict[str, Any]]
    busy: float

    def model(self) -> dict[str, Any]:
        """Return how backends are taken to be, as JSON members."""
        kind = self.workload.backends[0]
        return {
            "workers": sum(one.replicas * one.workers for one in self.workload.backends),
            "bytes_per_s": round(kind.bytes_per_s),
            "base_s": round(kind.base_s, 5),
            "busy": round(self.busy, 4),
            "seconds": self.workload.duration_s,
            "jobs": len(self.workload.batch),
        }


def recorded(slices: Sequence[Slice], workers: Sequence[int], tenants: frozenset[str]) -> Recorded:
    """Return the load of the last ten minutes, or of as many of their last seconds as can be played.

    Args:
        slices: What was recorded, the oldest first.
        workers: How many workers each backend has that is ready.
        tenants: Those that both configurations know; requests of others are left out.

    Raises:
        InvalidRequest: There is nothing to play.

    """
    known = [one for one in slices if one.flow[0] in tenants and one.flow[1] and one.counts.served + one.counts.refused]
    if not known or not workers:
        raise InvalidRequest(
            "nothing can be played: no request had a slot in the last ten minutes"
            if workers
            else "nothing can be played: no backend is ready"
        )
    played = list(_latest(known))
    start_s = played[0].start_s
    duration_s = float(played[-1].start_s + SLICE_S - start_s)
    of_all = sum(max(1, count) for count in workers)
    base_s, bytes_per_s, busy = _speed(played, of_all)
    backends = [
        BackendWork(replicas=workers.count(count), workers=max(1, count), base_s=base_s, bytes_per_s=bytes_per_s)
        for count in sorted(set(workers))
    ]
    names: dict[str, str] = {}
    batch = tuple(_jobs(played, start_s, names))
    interactive = tuple(_interactive(played, start_s))
    workload = Workload(duration_s=duration_s, batch=batch, interactive=interactive, backends=backends)
    return Recorded(workload, names, _measured(played, duration_s), busy)


def _latest(slices: Sequence[Slice]) -> Iterator[Slice]:
    """Yield the slices of the last seconds, whole ones, whose requests are few enough."""
    requests: dict[int, int] = {}
    for one in slices:
        requests[one.start_s] = requests.get(one.start_s, 0) + one.counts.served
    oldest_s, total = slices[-1].start_s, 0
    for start_s in sorted(requests, reverse=True):
        total += requests[start_s]
        if total > _MAX_REQUESTS and start_s != slices[-1].start_s:
            break
        oldest_s = start_s
    yield from (one for one in slices if one.start_s >= oldest_s)


def _speed(slices: Sequence[Slice], workers: int) -> tuple[float, float, float]:
    """Return seconds for each request, bytes a second of a worker, and the part of the time that workers were busy.

    A request that has a slot has a worker, or waits for one at the backend: so no more of the slots' time was work than
    there were workers.
    """
    held: dict[int, float] = {}
    for one in slices:
        held[one.start_s] = held.get(one.start_s, 0.0) + one.counts.service_s
    rows = []
    for one in slices:
        counts = one.counts
        if counts.served:
            of_slots = counts.service_s * min(1.0, workers * SLICE_S / max(held[one.start_s], 1e-9))
            rows.append((counts.served, counts.served_bytes, of_slots))
    busy_s = sum(row[2] for row in rows)
    busy = min(1.0, busy_s / (workers * SLICE_S * max(1, len(held))))
    base_s, seconds_per_byte = _least_squares(rows)
    if seconds_per_byte <= 0:
        return max(base_s, _LEAST_BASE_S), _DEFAULT.bytes_per_s * 1000, busy
    return max(base_s, _LEAST_BASE_S), max(_LEAST_BYTES_PER_S, 1 / seconds_per_byte), busy


def _least_squares(rows: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """Return the factors, neither under 0, with which requests and bytes come nearest to the busy seconds.

    Each row counts by how many requests it has, else one busy slice would decide alone.
    """
    weighted = [(count / root, size / root, busy / root) for count, size, busy in rows for root in (math.sqrt(count),)]
    nn = sum(count * count for count, _, _ in weighted)
    nb = sum(count * size for count, size, _ in weighted)
    bb = sum(size * size for _, size, _ in weighted)
    nt = sum(count * busy for count, _, busy in weighted)
    bt = sum(size * busy for _, size, busy in weighted)
    det = nn * bb - nb * nb
    if nn <= 0 or bb <= 0:
        return 0.0, 0.0
    if det > 1e-9 * nn * bb:
        base_s, per_byte = (nt * bb - bt * nb) / det, (bt * nn - nt * nb) / det
        if base_s >= 0 and per_byte >= 0:
            return base_s, per_byte
        if base_s >= 0:
            return nt / nn, 0.0
    return 0.0, bt / bb  # alike in size, or the bytes alone explain more than there is


def _jobs(slices: Sequence[Slice], start_s: int, names: dict[str, str]) -> Iterator[JobWork]:
    flows: dict[FlowName, list[Slice]] = {}
    for one in slices:
        if one.flow[1] == "batch":
            flows.setdefault(one.flow, []).append(one)
    for number, (flow, its) in enumerate(flows.items()):
        counts = summed(its)[flow]
        first_s, last_s = its[0].start_s - start_s, its[-1].start_s + SLICE_S - start_s
        there_s = counts.wait_s + counts.service_s + counts.away_s
        stay_s, at_a_time = there_s / max(1, counts.served), there_s / (last_s - first_s)
        tasks = min(_MAX_TASKS, max(1, math.ceil(at_a_time - 0.05)))
        name = f"job-{number}"
        names[name] = flow[2]
        yield JobWork(
            tenant=flow[0],
            name=name,
            tasks=tasks,
            in_flight=1,
            request_bytes=_mean_bytes(counts),
            start_s=float(first_s),
            end_s=float(last_s),
            think_s=max(0.0, stay_s * (tasks / at_a_time - 1)) if at_a_time else float(SLICE_S),
            follows_advice=False,
        )


def _interactive(slices: Sequence[Slice], start_s: int) -> Iterator[InteractiveWork]:
    """Yield the calls of each ten seconds; the first one comes by chance, as all of them do."""
    chance = Random(1)  # noqa: S311  (a simulation is to be repeatable)
    sums: dict[tuple[int, str], FlowCounts] = {}
    for one in slices:
        if one.flow[1] == "interactive":
            sums.setdefault((one.start_s, one.flow[0]), FlowCounts()).add(one.counts)
    for (at_s, tenant), counts in sums.items():
        rate = (counts.served + counts.refused / 2) / SLICE_S  # a refused one comes back once, here and there
        begin_s = at_s - start_s + chance.expovariate(rate)
        yield InteractiveWork(
            tenant=tenant,
            requests_per_s=rate,
            request_bytes=_mean_bytes(counts),
            start_s=begin_s,
            end_s=float(at_s - start_s + SLICE_S),
        )


def _mean_bytes(counts: FlowCounts) -> int:
    """Return the mean size of those that were served; of the refused ones, where all were."""
    if counts.served:
        return max(1, round(counts.served_bytes / counts.served))
    return max(1, round(counts.refused_bytes / max(1, counts.refused)))


def _measured(slices: Sequence[Slice], duration_s: float) -> dict[str, dict[str, Any]]:
    sums: dict[str, FlowCounts] = {}
    for (tenant, class_name, _), counts in summed(slices).items():
        sums.setdefault(f"{tenant}/{class_name}", FlowCounts()).add(counts)
    return {
        name: {
            "bytes_per_s": round(counts.served_bytes / duration_s, 1),
            "requests_per_s": round(counts.served / duration_s, 3),
            "wait_mean_s": round(counts.wait_s / counts.served, 4) if counts.served else None,
            "longest_wait_s": round(counts.longest_wait_s, 4) if counts.served else None,
            "refused": counts.refused,
            "failed": counts.failed,
        }
        for name, counts in sums.items()
    }
