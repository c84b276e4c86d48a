"""Requests a second through several processes of the proxy, against one: the same work, in turns.

    python tests/benchmarks/proxy_processes.py          # needs nginx, wrk, and redis-server or valkey-server

The backend is nginx, which answers at once; wrk sends from 64 connections. Both share the machine's cores with the
proxy, so that the ratio says what a second process brings only where there are cores left for it: the figures come with
the number of cores, and with how many of them the proxy's processes, and everything together, kept busy.
"""

import argparse
import contextlib
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.processes import Process, free_port, running, wait_ready
from tests.benchmarks.proxy_price import BACKEND, DOWN_BYTES, ENTRY, SMALL, UP_BYTES, nginx, wrk
from tests.fakes.running_up import descendants

CONNECTIONS = 64
IDLE_S = 2.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_s(process: Process) -> float:
    """Return the CPU seconds of a process and all below it."""
    ticks = 0
    for pid in [process.pid, *descendants(process.pid)]:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS_PER_S


@contextlib.contextmanager
def proxy(work: Path, backend: int, processes: int) -> Iterator[tuple[int, Process]]:
    """Run the proxy with so many processes; its port."""
    config, port = work / "proxy.toml", free_port()
    config.write_text(
        f'log_level = "warning"\n[admin]\nenabled = false\n[[backends]]\nurl = "http://127.0.0.1:{backend}"\n'
        f'[tenants.a]\nkeys = ["{ENTRY}"]\n',
        encoding="utf-8",
    )
    several = ("--port", str(port), "--processes", str(processes))
    with running("proxy", "serve", "--config", str(config), *several) as process:
        wait_ready(f"http://127.0.0.1:{port}", process)
        time.sleep(1.5)  # each worker has asked the backend's state
        yield port, process


def measure(work: Path, backend: int, processes: int, seconds: float) -> dict[str, float]:
    """Return what so many processes do with both sizes."""
    found: dict[str, float] = {}
    with proxy(work, backend, processes) as (port, process):
        before_s = cpu_s(process)
        time.sleep(IDLE_S)
        found["idle_proxy_cores"] = round((cpu_s(process) - before_s) / IDLE_S, 3)
        for name, body in (("small", SMALL), ("large", b"x" * UP_BYTES)):
            before_s, began_s = cpu_s(process), time.monotonic()
            got = wrk(work, port, f"/v1/{name}", body, connections=CONNECTIONS, seconds=seconds)
            found[f"{name}_per_s"] = got["requests_per_s"]
            found[f"{name}_proxy_cores"] = round((cpu_s(process) - before_s) / (time.monotonic() - began_s), 2)
            found[f"{name}_failed"] = got["failed"]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    for needed in ("nginx", "wrk"):
        if shutil.which(needed) is None:
            raise SystemExit(f"{needed} is not installed: apt-get install nginx-light wrk")
    results: dict[int, list[dict[str, float]]] = {1: [], arguments.processes: []}
    with tempfile.TemporaryDirectory() as name:
        work, backend = Path(name), free_port()
        work.chmod(0o755)
        (work / "v1").mkdir()
        (work / "v1" / "small").write_bytes(b'{"outcomes": []}')
        (work / "v1" / "large").write_bytes(b"x" * DOWN_BYTES)
        with nginx(work, "backend", BACKEND.format(port=backend, work=work)):
            for _ in range(arguments.rounds):
                for processes, found in results.items():
                    found.append(measure(work, backend, processes, arguments.seconds))
                    print(processes, json.dumps(found[-1]), file=sys.stderr)
    medians = {
        processes: {key: round(statistics.median(one[key] for one in found), 2) for key in found[0]}
        for processes, found in results.items()
    }
    ratios = {
        name: round(medians[arguments.processes][f"{name}_per_s"] / medians[1][f"{name}_per_s"], 2)
        for name in ("small", "large")
    }
    summary = {"cores": os.cpu_count(), "medians": medians, "ratio": ratios}
    print(json.dumps(summary, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
