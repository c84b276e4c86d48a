"""API replicas for benchmarks, each a process of its own with one worker, and the work that they have done."""

import contextlib
import re
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.meter import cpu_s, descendants
from tests.benchmarks.processes import Process, free_port, running, started, wait_ready
from tests.fakes.no_cache import NO_CACHE

_PEER = Path(__file__).parents[1] / "fakes" / "failing_peer.py"


@dataclass(frozen=True)
class Work:
    """What replicas have done since they started.

    Args:
        requests: Requests that were analysed.
        documents: Their documents.
        worker_s: Seconds in which workers were at them.
        cpu_s: CPU seconds of all processes below the APIs: the workers and the process that forks them.

    """

    requests: float
    documents: float
    worker_s: float
    cpu_s: float

    def __add__(self, other: "Work") -> "Work":
        return Work(
            self.requests + other.requests,
            self.documents + other.documents,
            self.worker_s + other.worker_s,
            self.cpu_s + other.cpu_s,
        )

    def since(self, before: "Work") -> "Work":
        """Return what was done since then."""
        return Work(
            self.requests - before.requests,
            self.documents - before.documents,
            round(self.worker_s - before.worker_s, 2),
            round(self.cpu_s - before.cpu_s, 2),
        )


@dataclass(frozen=True)
class Replica:
    """A running API.

    Args:
        url: Its address.
        process: Its main process.

    """

    url: str
    process: Process

    @property
    def workers_cpu_s(self) -> float:
        """Return the CPU seconds of the processes below it."""
        return sum(cpu_s(pid) for pid in descendants(self.process.pid) if pid != self.process.pid)


def write_config(file: Path, workers: int) -> None:
    """Write the configuration of an API with so many workers, which analyses each text that it gets.

    It keeps no answers either: a request that a failing peer lost is work again, as in the simulator.
    """
    kept = NO_CACHE.read_text(encoding="utf-8")
    file.write_text(f"{kept}[replay]\nsize_bytes = 0\n[pool]\nworkers = {workers}\n", encoding="utf-8")


@contextlib.contextmanager
def running_all(config: Path, count: int) -> Iterator[list[Replica]]:
    """Run so many APIs for the time of the context."""
    with contextlib.ExitStack() as stack:
        apis = []
        for _ in range(count):
            port = free_port()
            process = stack.enter_context(running("serve", "--config", str(config), "--port", str(port)))
            apis.append(Replica(f"http://127.0.0.1:{port}", process))
        for api in apis:
            wait_ready(api.url, api.process)
        yield apis


@contextlib.contextmanager
def failing_peer(backend: str) -> Iterator[str]:
    """Run a peer in front of a replica that may fail its requests; its address."""
    port = free_port()
    with started(sys.executable, str(_PEER), str(port), backend) as process:
        url = f"http://127.0.0.1:{port}"
        wait_ready(url, process)
        yield url


def work_of(replicas: list[Replica]) -> Work:
    """Return what the replicas have done so far."""
    urls = [replica.url for replica in replicas]
    return Work(
        metric(urls, "nlpbatch_analysis_seconds_count"),
        metric(urls, "nlpbatch_documents_total"),
        metric(urls, "nlpbatch_analysis_seconds_sum"),
        sum(replica.workers_cpu_s for replica in replicas),
    )


def metric(urls: list[str], name: str, label: str = "") -> float:
    """Return the sum of a metric over servers and labels, or over the series that have this label."""
    page = "\n".join(urllib.request.urlopen(f"{url}/metrics").read().decode() for url in urls)
    series = re.findall(rf"^{name}({{[^}}]*}})? (\S+)$", page, re.MULTILINE)
    return sum(float(value) for labels, value in series if label in labels)
