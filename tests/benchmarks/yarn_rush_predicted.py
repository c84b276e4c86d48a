"""A rush on a service on YARN that scales itself, next to what `simulate` says of it: workers over time, and waits.

    python -m tests.benchmarks.yarn_rush_predicted --input nsmc.parquet [--rows 100000] [--cpu 0.3]

Real are YARN, HDFS, ZooKeeper, the deployment, the scaler, the proxy, the job and Kiwi. Each container, of one worker,
gets a part of a core, as YARN's control groups would give it: on a small machine whole cores would have the workers,
Spark and YARN's daemons take the time from each other, which no simulation knows. Needs to be root, with the first
version of control groups.

What the simulator is given was measured before the rush: what a request takes of a worker, with one container and one
request at a time; and how long nothing is asked between a Spark task and the next, with a fixed service and one task at
a time. Of the rush it gets the proxy's configuration, the requests' number and size, Spark's tasks, when the first
came, and what a container took to start; both begin after the windows of the wanted workers. Given are the area between
both numbers of workers, as a share of the area under the real one, and waits by the proxy's record of requests, in
which all of the rush must be. All must have been answered, without a cache, and none sent again.
"""

import argparse
import itertools
import json
import math
import os
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from nlpbatch.cli.stack import Stack, StackOptions
from nlpbatch.client.sync import Client
from nlpbatch.serving.settings import check, load
from nlpbatch.spark.service_call import IN_FLIGHT
from nlpbatch.wire.limits import KIB
from proxy.config import ProxySettings
from proxy.keys import make_key
from proxy.planning.simulate import Simulation
from proxy.planning.workloads import Workload
from tests.benchmarks.load_scene import percentile
from tests.benchmarks.scaled_rush import SEEDS, at, compared
from tests.benchmarks.yarn_rush import LOOK_S, PATIENCE_S, PERIOD_S, SCALING, run_job, watched
from tests.cluster.hadoop import Hadoop
from tests.cluster.jars import fetch_jars
from tests.cluster.service_on_yarn import ServiceOnYarn, service_on_yarn
from tests.fakes.no_cache import NO_CACHE

Figures = dict[str, Any]
CALIBRATING: Final = 12
"""Requests, one at a time."""
GAP_GROUPS: Final = 4
"""Row groups, each a task, between which the gap is measured."""
PRELUDE_S: Final = 200.0
"""The simulator begins so long before the real watch: by then a proxy has looked for as long as its windows."""
GROUP_ROWS: Final = 10_000
"""Spark makes a task of each row group of this size."""
_GROUPS: Final = Path("/sys/fs/cgroup/cpu")
_CORE_US: Final = 100_000


def measure_gap(source: Path, directory: Path) -> float:
    """Return the mean seconds in which nothing is under way between two tasks of a job with one at a time."""
    groups = pq.read_table(source).slice(0, GAP_GROUPS * GROUP_ROWS)
    file, log_directory, config = directory / "gaps.parquet", directory / "gap-requests", directory / "gaps.toml"
    pq.write_table(groups, file, row_group_size=GROUP_ROWS)
    log_directory.mkdir()
    key, entry = make_key()
    config.write_text(f'[tenants.a]\nkeys = ["{entry}"]\n[request_log]\ndirectory = "{log_directory}"\n')
    one_task = f"--conf spark.task.cpus={os.cpu_count()} pyspark-shell"
    with Stack(StackOptions(workers=2, server_config=NO_CACHE, proxy_config=config)) as fixed:
        run_job(file, directory / "gaps", fixed.service, key, PYSPARK_SUBMIT_ARGS=one_task)
    ends = sorted((_epoch_s(one["at"]) - one["seconds"], _epoch_s(one["at"])) for one in records(log_directory))
    idle_s, until_s = [], ends[0][1]
    for began_s, ended_s in ends[1:]:
        idle_s.append(began_s - until_s)
        until_s = max(until_s, ended_s)
    gaps = sorted(idle_s)[1 - GAP_GROUPS :]
    assert min(gaps) > 0, "the tasks were not one after another"
    return statistics.mean(gaps)


@contextmanager
def limited_containers(cores: float) -> Iterator[None]:
    """Give each container that runs Python so much of a core; their control groups are removed in the end."""
    groups: dict[str, Path] = {}
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.2):
            for process, container in _python_in_containers():
                if container not in groups:
                    groups[container] = _GROUPS / f"nlpbatch-{container}"
                    groups[container].mkdir()
                    (groups[container] / "cpu.cfs_quota_us").write_text(str(round(cores * _CORE_US)))
                try:
                    (groups[container] / "cgroup.procs").write_text(process)
                except ProcessLookupError:  # it has ended
                    continue

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        for process in (each for group in groups.values() for each in (group / "cgroup.procs").read_text().split()):
            (_GROUPS / "cgroup.procs").write_text(process)
        for group in groups.values():
            group.rmdir()


def _python_in_containers() -> Iterator[tuple[str, str]]:
    """Yield the number of each process and the name of its container."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            directory = next((part for part in (process / "cwd").readlink().parts if part.startswith("container_")), "")
            name = (process / "comm").read_text()
        except OSError:  # it has ended
            continue
        if directory and "python" in name:
            yield process.name, directory


def calibrate(service: ServiceOnYarn, texts: list[str]) -> None:
    """Send requests of the job's size one after another."""
    with Client(service.proxy.url, api_key=service.key, job="calibration") as client:
        sent = iter(texts)
        for _ in range(CALIBRATING):
            size, part = 0, []
            while size < 64 * KIB:
                part.append(next(sent))
                size += len(part[-1].encode())
            list(client.analyze(part))


def records(directory: Path, job: str | None = None) -> list[Figures]:
    """Return the proxy's records of requests of that job, or of all but the calibration, in the order of their end."""
    lines = [json.loads(line) for file in sorted(directory.glob("*.jsonl")) for line in file.read_text().splitlines()]
    asked = [one for one in lines if one["path"].startswith("/v1/analyze")]
    return [one for one in asked if (one["job"] == job if job else one["job"] != "calibration")]


def play(service: ServiceOnYarn, source: Path, directory: Path, cores: float) -> Figures:
    """Deploy, calibrate, run the job, wait for the minimum; return what was seen."""
    deployed = service.deploy("--config", NO_CACHE)
    assert deployed.returncode == 0, deployed.stderr
    with limited_containers(cores):
        time.sleep(2)
        calibrate(service, pq.read_table(source, columns=["review"])["review"].to_pylist())
        with service.scaler("--period", PERIOD_S, "--min-units", 1) as logged:
            time.sleep(30)  # the proxy says nothing before it has looked for as long as its windows
            began = time.time()
            with watched(service) as noted:
                summary = run_job(source, directory / "scaled", service.proxy.url, service.key)
                job_s = noted[-1][0]
                while noted[-1][1] > 1:
                    assert noted[-1][0] - job_s < PATIENCE_S
                    time.sleep(LOOK_S)
    assert summary["work"]["analysed_bytes"] == summary["work"]["answered_bytes"], summary["work"]
    scaled = [(_epoch_s(one["time"]) - began, one["units"]) for one in logged if one["event"] == "scaled"]
    return {"began": began, "noted": noted, "job_s": job_s, "scaled": scaled, "rows": summary["rows"]}


def start_s(seen: Figures) -> float:
    """Return how long containers took from being asked for to being registered, on average."""
    started: list[float] = [
        next(at_s for at_s, _, registered, _ in seen["noted"] if registered >= number and at_s > asked_s) - asked_s
        for (_, before), (asked_s, units) in itertools.pairwise([(0.0, 1), *seen["scaled"]])
        for number in range(before + 1, units + 1)
    ]
    return statistics.mean(started)


def real_figures(seen: Figures, requests: list[Figures]) -> Figures:
    """Return the real side of the comparison."""
    waits = sorted(one["queue_s"] for one in requests)
    by_second = {round(one[0]): one[2] for one in seen["noted"]}
    last, workers = 1, []
    for second in range(int(seen["noted"][-1][0])):
        last = by_second.get(second, last)
        workers.append(last)
    return {
        "workers": workers,
        "answered": len(requests),
        "wait_p50_s": percentile(waits, 0.5),
        "wait_p99_s": percentile(waits, 0.99),
    }


def simulate(settings: ProxySettings, seen: Figures, requests: list[Figures], alone: list[Figures]) -> list[Figures]:
    """Return what the simulator says, for several seeds."""
    seconds = len(real_figures(seen, requests)["workers"])
    size_bytes = round(statistics.mean(one["request_bytes"] for one in requests))
    work_s = [one["seconds"] - one["queue_s"] for one in alone]
    per_byte_s = sum(work_s) / sum(one["request_bytes"] for one in alone)
    spread = statistics.stdev(math.log(took / one["request_bytes"]) for took, one in zip(work_s, alone, strict=True))
    backend = {"workers": 1, "base_s": 0.0, "bytes_per_s": 1 / per_byte_s, "document_s": 0.004, "spread": spread}
    first_s = min(_epoch_s(one["at"]) - one["seconds"] for one in requests) - seen["began"]
    job = {
        "tenant": "a",
        "name": "rush",
        "tasks": os.cpu_count(),
        "in_flight": IN_FLIGHT,
        "request_bytes": size_bytes,
        "start_s": PRELUDE_S + first_s,
        "size_bytes": size_bytes * len(requests),
        "task_gap_s": seen["gap_s"],
        "task_bytes": math.ceil(size_bytes * len(requests) * GROUP_ROWS / seen["rows"]),
    }
    found = []
    for seed in SEEDS:
        workload = check(
            {
                "duration_s": PRELUDE_S + seconds,
                "seed": seed,
                "backends": [backend],
                "scaler": {"period_s": PERIOD_S, "start_s": start_s(seen)},
                "batch": [job],
            },
            Workload,
            "benchmark",
        )
        outcome = Simulation(settings, workload).run()
        tally = outcome.tallies["a", "batch"]
        waits = sorted(tally.waits_s)
        found.append(
            {
                "workers": [at(outcome.scaling, PRELUDE_S + second) for second in range(seconds)],
                "answered": tally.answered,
                "wait_p50_s": percentile(waits, 0.5),
                "wait_p99_s": percentile(waits, 0.99),
            }
        )
    return found


def _epoch_s(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--cpu", type=float, default=0.3, help="part of a core for each container")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="where to put what was seen, to be compared again")
    arguments = parser.parse_args()
    with TemporaryDirectory() as name:
        directory = Path(name)
        reviews = pq.read_table(arguments.input, columns=["review"]).slice(0, arguments.rows)
        source = directory / "rush.parquet"
        pq.write_table(
            reviews.append_column("row", pa.array(range(reviews.num_rows))), source, row_group_size=GROUP_ROWS
        )
        log_directory = directory / "requests"
        log_directory.mkdir()
        groups = f'{SCALING}\n[request_log]\ndirectory = "{log_directory}"'
        gap_s = measure_gap(source, directory)
        with (
            Hadoop(directory / "daemons", fetch_jars(services=True), services=True) as hadoop,
            service_on_yarn(hadoop, directory, groups) as service,
        ):
            seen = play(service, source, directory, arguments.cpu) | {"gap_s": gap_s}
            settings = load(service.proxy.file, ProxySettings)
            service.remove()
        requests, alone = records(log_directory), records(log_directory, "calibration")
    if arguments.keep is not None:
        arguments.keep.write_text(json.dumps({"seen": seen, "requests": requests, "alone": alone}), encoding="utf-8")
    assert seen["rows"] == arguments.rows
    assert {one["status"] for one in requests + alone} == {200}
    assert len(alone) == CALIBRATING
    found = compared(real_figures(seen, requests), simulate(settings, seen, requests, alone), look_s=1.0)
    changes = [seen["noted"][0], *(one for before, one in itertools.pairwise(seen["noted"]) if before[1:] != one[1:])]
    found |= {
        "at, containers, registered, wanted": changes,
        "start_s": start_s(seen),
        "gap_s": gap_s,
        "job_s": seen["job_s"],
    }
    print(json.dumps(found, indent=2))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
