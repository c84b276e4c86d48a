"""A Spark job on a service on YARN that scales itself: containers over time, and the output of a fixed service.

    python -m tests.benchmarks.yarn_rush --input nsmc.parquet [--rows 200000]

Real are YARN, HDFS, ZooKeeper, the deployment, the scaler, the proxy, the job and Kiwi. The job comes to one container
of one worker; at most four may run. Then the containers are watched until one is left. All answers of the job must have
been analysed by them (no cache), no request may fail, and the rows must be those of a fixed service of two workers.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from nlpbatch.cli.stack import Stack, StackOptions
from tests.cluster.hadoop import Hadoop
from tests.cluster.jars import fetch_jars
from tests.cluster.service_on_yarn import ServiceOnYarn, service_on_yarn
from tests.fakes.no_cache import NO_CACHE

SCALING = "min_workers = 1\nmax_workers = 4"
"""Windows and all else as shipped."""
PERIOD_S = 5
LOOK_S = 1.0
PATIENCE_S = 600
_JOB = Path(__file__).parents[2] / "jobs" / "analyze.py"


def run_job(source: Path, output: Path, service: str, key: str, **variables: str) -> dict[str, Any]:
    """Run the job on a local Spark, with further variables of the environment; return its summary."""
    command = [sys.executable, str(_JOB), "--input", str(source), "--text", "review", "--output", str(output)]
    environment = {**os.environ, "NLPBATCH_API_KEY": key, "SPARK_LOCAL_IP": "127.0.0.1", **variables}
    done = subprocess.run(
        [*command, "--service", service], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads((output / "_nlpbatch" / "summary.json").read_text()))


@contextmanager
def watched(service: ServiceOnYarn) -> Iterator[list[tuple[float, int, int, int | None]]]:
    """Note, each second, the time, containers, those registered, and the workers wanted."""
    noted: list[tuple[float, int, int, int | None]] = []
    stop = threading.Event()
    began_s = time.monotonic()

    def watch() -> None:
        while not stop.wait(LOOK_S):
            state = service.state()
            registered = sum(not one["leaving"] for one in state["registrations"])
            noted.append(
                (
                    round(time.monotonic() - began_s, 1),
                    len(service.containers().containers),
                    registered,
                    state["scaling"]["wanted_workers"],
                )
            )

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield noted
    finally:
        stop.set()
        thread.join()


def rows(output: Path) -> pa.Table:
    """Return the rows of an output, by their order in the input."""
    return ds.dataset(output, format="parquet").to_table(columns=["row", "tokens"]).sort_by("row")


def play(service: ServiceOnYarn, source: Path, directory: Path) -> dict[str, Any]:
    """Deploy, run the job, wait for the minimum; return the figures."""
    with Stack(StackOptions(workers=2, server_config=NO_CACHE)) as fixed:
        run_job(source, directory / "fixed", fixed.service, fixed.api_key or "")
    began_s = time.monotonic()
    deployed = service.deploy("--config", NO_CACHE)
    assert deployed.returncode == 0, deployed.stderr
    deploy_s = time.monotonic() - began_s
    with service.scaler("--period", PERIOD_S, "--min-units", 1) as logged:
        time.sleep(30)  # the proxy says nothing before it has looked for as long as its windows
        with watched(service) as noted:
            summary = run_job(source, directory / "scaled", service.proxy.url, service.key)
            job_s = noted[-1][0]
            while noted[-1][1] > 1:
                assert noted[-1][0] - job_s < PATIENCE_S
                time.sleep(LOOK_S)
    work = summary["work"]
    assert work["analysed_bytes"] == work["answered_bytes"], work
    same = rows(directory / "fixed").equals(rows(directory / "scaled"))
    assert same
    busy_s = next(at_s for at_s, _, _, wanted in noted if (wanted or 0) > 1)
    changes = [noted[0], *(one for before, one in itertools.pairwise(noted) if before[1:] != one[1:])]
    return {
        "deploy_s": round(deploy_s, 1),
        "rows": summary["rows"],
        "job_s": job_s,
        "at, containers, registered, wanted": changes,
        "second container registered after": round(next(one[0] for one in noted if one[2] > 1), 1),
        "more wanted after": busy_s,
        "most containers": max(one[1] for one in noted),
        "minimum again, after the job's end": round(noted[-1][0] - job_s, 1),
        "refused or failed": {name: summary.get(name) for name in ("errors", "set_aside")},
        "rows as from a fixed service": same,
        "events": [(one["event"], one.get("units")) for one in logged if one["logger"] == "nlpbatch.scale"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with TemporaryDirectory() as name:
        directory = Path(name)
        reviews = pq.read_table(arguments.input, columns=["review"]).slice(0, arguments.rows)
        source = directory / "rush.parquet"
        reviews = reviews.append_column("row", pa.array(range(reviews.num_rows)))
        pq.write_table(reviews, source, row_group_size=10_000)
        with (
            Hadoop(directory / "daemons", fetch_jars(services=True), services=True) as hadoop,
            service_on_yarn(hadoop, directory, SCALING) as service,
        ):
            found = play(service, source, directory)
            service.remove()
    print(json.dumps(found))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
