"""The executors' Python, seen by a small Spark job that runs on them."""

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from nlpbatch.client.address import ServiceAddress
from nlpbatch.doctor import executor_probe
from nlpbatch.doctor.finding import Finding
from nlpbatch.doctor.interpreter import Requirement, installed_version
from nlpbatch.doctor.spark import has_spark, spark_submit

LATE: Final = "look for a free slot in the cluster's queue (yarn application -list), or give --patience SECONDS"
_ARROW: Final = Requirement("pyarrow", ">=21", "spark")
_SKEW_S: Final = 5.0
_SHOWN: Final = 300
_PYTHON: Final = "set PYSPARK_PYTHON to a Python {version} with pyarrow on every node, or ship one with --archives"
_FAULTS: Final[Sequence[tuple[str, str, str]]] = (
    (
        r"PYTHON_VERSION_MISMATCH",
        "executors run another Python than the driver's {version}",
        _PYTHON,
    ),
    (
        r'Cannot run program "[^"]*"',
        "an executor can't start its Python: {match}",
        _PYTHON,
    ),
    (
        r"JAVA_GATEWAY_EXITED|JAVA_HOME is not set",
        "Spark's JVM didn't start",
        "see what is said about java above",
    ),
    (
        r"HADOOP_CONF_DIR or YARN_CONF_DIR must be set",
        "Spark doesn't know where YARN is",
        "set HADOOP_CONF_DIR to the folder of the cluster's core-site.xml and yarn-site.xml",
    ),
    (r"Could not parse Master URL|Unknown master", "--master is nothing that Spark knows", "give yarn or local[*]"),
)
"""What the output of a job that failed says, what it means, and what to do."""


def check_executors(master: str, addresses: Sequence[ServiceAddress], patience_s: float) -> Iterator[Finding]:
    """Run the job, and yield what its executors have.

    Args:
        master: Of Spark, such as "yarn" or "local[*]".
        addresses: Of the service, which the executors try to connect to.
        patience_s: How long the job may take, the cluster's queue included.

    """
    if not has_spark():
        yield Finding("executors", "skipped", "not looked at without PySpark here", "see spark above")
        return
    with tempfile.TemporaryDirectory(prefix="nlpbatch-doctor-") as directory:
        output = Path(directory) / "found.json"
        places = [_place(address) for address in addresses]
        where = ["--master", master, "--deploy-mode", "client"]  # the probe writes a file here
        command = [str(spark_submit()), *where, str(executor_probe.__file__), str(output), *places]
        try:
            done = subprocess.run(
                command,
                env=_environment(master),
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=patience_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            yield Finding("executors", "failed", f"no answer of {master} within {patience_s:g} s", LATE)
            return
        if done.returncode or not output.is_file():
            yield _failure(master, done.stdout.decode(errors="replace"))
            return
        yield from findings_of(master, json.loads(output.read_text(encoding="utf-8")))


def findings_of(master: str, record: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what a job's record means: Python, pyarrow, the way to the service, and the clocks."""
    executors = record["executors"]
    hosts = sorted({one["host"] for one in executors})
    pythons = sorted({(one["python"], one["executable"]) for one in executors})
    shown = ", ".join(f"{version} at {executable}" for version, executable in pythons)
    details = {name: record[name] for name in ("spark", "java", "tasks")} | {"hosts": hosts}
    said = f"Spark {record['spark']} on {len(hosts)} hosts, {record['tasks']} tasks, Python {shown}"
    yield Finding("executors", "fine", said, details=details | {"python": [version for version, _ in pythons]})
    yield _arrow(executors)
    unreachable = {
        f"{address} from {one['host']}: {fault}" for one in executors for address, fault in one["unreachable"].items()
    }
    if unreachable:
        remedy = "give an address that all nodes reach, not 127.0.0.1, and open its port to them"
        said = "; ".join(sorted(unreachable)[:5])
        yield Finding("executors' service", "failed", said, remedy, {"unreachable": sorted(unreachable)})
    skewed = {
        one["host"]: round(one["at_s"] - record["began_s"], 1)
        for one in executors
        if not record["began_s"] - _SKEW_S <= one["at_s"] <= record["ended_s"] + _SKEW_S
    }
    if skewed:
        said = ", ".join(f"{host} {skew_s:+,.0f} s" for host, skew_s in skewed.items())
        yield Finding(
            "executors' clocks", "look", said, "run chrony on the nodes", {"skew_s": skewed, "master": master}
        )


def _arrow(executors: Sequence[Mapping[str, Any]]) -> Finding:
    versions = {str(one["packages"]["pyarrow"] or ""): str(one["host"]) for one in executors}
    details = {"pyarrow": sorted(versions)}
    if "" in versions:
        remedy = "install pyarrow into the executors' Python, or ship one with --archives (docs/operations.md)"
        return Finding("executors' pyarrow", "failed", f"not installed on {versions['']}", remedy, details)
    if old := [version for version in versions if not _ARROW.admits(version)]:
        said = f"{old[0]} on {versions[old[0]]} where {_ARROW.bounds} is needed"
        return Finding("executors' pyarrow", "failed", said, "upgrade it there", details)
    ours = installed_version("pyarrow")
    if len(versions) > 1 or (ours and set(versions) != {ours}):
        said = f"{', '.join(sorted(versions))} on executors, {ours or 'none'} here"
        remedy = "fine if both are at least 21; the same version everywhere is what is tested"
        return Finding("executors' pyarrow", "look", said, remedy, details)
    return Finding("executors' pyarrow", "fine", ", ".join(sorted(versions)), details=details)


def _failure(master: str, output: str) -> Finding:
    """Return what a job that failed has said; its output is Spark's, long, and only its cause is shown."""
    details = {"master": master}
    for pattern, said, remedy in _FAULTS:
        if (found := re.search(pattern, output)) is not None:
            words = {"version": platform.python_version(), "match": found[0]}
            return Finding("executors", "failed", said.format(**words), remedy.format(**words), details)
    causes = [
        line.strip() for line in output.splitlines() if re.match(r"\s*(Caused by: |[\w.]+(Error|Exception)\b)", line)
    ]
    said = causes[-1][:_SHOWN] if causes else (output.strip().splitlines() or ["it said nothing"])[-1][:_SHOWN]
    return Finding("executors", "failed", f"a small job on {master} failed: {said}", "see Spark's own log", details)


def _environment(master: str) -> dict[str, str]:
    """Return the environment of the job: without the key, which it doesn't need; on this machine with this Python."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NLPBATCH_")}
    if master.startswith("local"):
        kept.setdefault("PYSPARK_PYTHON", sys.executable)
        kept.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    return kept | {"PYSPARK_DRIVER_PYTHON": sys.executable}


def _place(address: ServiceAddress) -> str:
    return f"{address.host}:{address.place[1]}"
