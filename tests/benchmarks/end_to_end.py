"""The job against bare Kiwi, Kiwi in a Spark UDF, and one request per row: same texts, same cores, one run.

    python tests/benchmarks/end_to_end.py --input reviews.parquet --text review --rows 20000 --rounds 3

The contenders take turns; the median of each one's rounds counts. Ratios are printed for people and everything, with
CPU seconds by process, as JSON. API and proxy run on the same cores as Spark and are idle while others have their turn.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parent))
from cpu import CpuMeter

from nlpbatch.cli.local_spark import environment, spark_submit
from nlpbatch.cli.stack import Stack, StackOptions

CONTENDERS = Path(__file__).parent / "contenders"
ROOT = Path(__file__).parents[2]
FILES_PER_CORE = 4
Measured = dict[str, Any]


def main() -> int:
    arguments = _parse()
    with tempfile.TemporaryDirectory(prefix="nlpbatch-benchmark-") as directory:
        work = Path(directory)
        rows = _prepare(arguments, work / "input")
        print(f"{rows:,} documents, {arguments.rounds} rounds, {arguments.cores} cores", file=sys.stderr)
        with Stack(StackOptions(workers=arguments.cores)) as stack:
            results = _rounds(arguments, work, stack)
    summary = _summarise(results, rows, arguments.cores)
    print(json.dumps(summary, indent=2))
    _show(summary)
    if arguments.json:
        arguments.json.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=Path, required=True, help="Parquet file or directory")
    parser.add_argument("--text", default="review")
    parser.add_argument("--rows", type=int, default=0, help="only the first so many (default: all)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", default="bare,job,udf,per_row", help="contenders, by commas")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    return parser.parse_args()


def _prepare(arguments: argparse.Namespace, target: Path) -> int:
    """Write the rows as several files, so that no contender is held to one task; return their number."""
    table = ds.dataset(arguments.input, format="parquet").to_table()
    table = table.slice(0, arguments.rows) if arguments.rows else table
    # No contender but ours survives a null.
    table = table.filter(table.column(arguments.text).is_valid())
    target.mkdir()
    parts = arguments.cores * FILES_PER_CORE
    step = -(-table.num_rows // parts)
    for part in range(parts):
        pq.write_table(table.slice(part * step, step), target / f"part-{part:05}.parquet")
    return table.num_rows


def _rounds(arguments: argparse.Namespace, work: Path, stack: Stack) -> dict[str, list[Measured]]:
    commands = _commands(arguments, work, stack)
    results: dict[str, list[Measured]] = {name: [] for name in arguments.only.split(",")}
    for number in range(arguments.rounds):
        for name, measured in results.items():
            measured.append(_measure(name, commands[name], stack, work))
            print(f"round {number + 1} {name}: {json.dumps(measured[-1])}", file=sys.stderr, flush=True)
    return results


def _commands(arguments: argparse.Namespace, work: Path, stack: Stack) -> dict[str, list[str]]:
    source, cores, text = str(work / "input"), str(arguments.cores), arguments.text
    job = ("--input", source, "--text", text, "--output", str(work / "job"), "--overwrite", "--service", stack.service)
    udf = (source, text, str(work / "udf"))
    per_row = (source, text, str(work / "per_row"), stack.service, "4")
    return {
        "bare": [sys.executable, str(CONTENDERS / "bare.py"), source, text, cores],
        "job": spark_submit(cores, ROOT / "jobs" / "analyze.py", *job),
        "udf": spark_submit(cores, CONTENDERS / "udf.py", *udf),
        "per_row": spark_submit(cores, CONTENDERS / "per_row.py", *per_row),
    }


def _measure(name: str, command: list[str], stack: Stack, work: Path) -> Measured:
    roles = {stack.pid("api"): "api", stack.pid("proxy"): "proxy"}

    def role(pid: int, command_line: list[str]) -> str:
        line = " ".join(command_line)
        if pid in roles:
            return roles[pid]
        if "engine.forkserver" in line:
            return "kiwi workers"
        return "spark jvm" if "java" in command_line[0] else f"python of {name}"

    started_s = time.monotonic()
    with CpuMeter([stack.pid("api"), stack.pid("proxy")], role) as meter:
        child = subprocess.Popen(
            command, env=environment(stack.api_key), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        meter.watch(child.pid)
        output, errors = child.communicate()
    if child.returncode:
        raise SystemExit(f"{name} failed:\n{errors[-4000:]}")
    if name == "job":
        summary = json.loads((work / "job" / "_nlpbatch" / "summary.json").read_text())
        measured = {"documents": summary["rows"], "seconds": summary["seconds"]}
    else:
        measured = json.loads(output.strip().splitlines()[-1])
    return measured | {"process_s": round(time.monotonic() - started_s, 2), "cpu_by_process_s": meter.by_role()}


def _summarise(results: dict[str, list[Measured]], rows: int, cores: int) -> dict[str, Any]:
    speeds = {
        name: statistics.median(each["documents"] / each["seconds"] for each in rounds)
        for name, rounds in results.items()
    }
    # What the user waits for, Spark's own start-up included; bare Kiwi has no start-up counted.
    whole = {
        name: statistics.median(
            each["documents"] / (each["seconds"] if name == "bare" else each["process_s"]) for each in rounds
        )
        for name, rounds in results.items()
    }
    ratios = {f"job / {name}": round(speeds["job"] / speed, 3) for name, speed in speeds.items() if name != "job"}
    ratios |= {
        f"job / {name}, start-up included": round(whole["job"] / speed, 3)
        for name, speed in whole.items()
        if name != "job"
    }
    if "job" in results:
        ratios["CPU not Kiwi's / Kiwi's, job"] = round(statistics.median(map(_overhead, results["job"])), 3)
    return {
        "machine": {
            "cores": cores,
            "cpu": _cpu_model(),
            "python": platform.python_version(),
            "system": platform.platform(),
        },
        "documents": rows,
        "documents_per_s": {name: round(speed) for name, speed in speeds.items()},
        "ratios": ratios,
        "rounds": results,
    }


def _overhead(measured: Measured) -> float:
    cpu = measured["cpu_by_process_s"]
    return (sum(cpu.values()) - cpu["kiwi workers"]) / cpu["kiwi workers"]


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _show(summary: dict[str, Any]) -> None:
    for name, speed in summary["documents_per_s"].items():
        print(f"{name:>10}  {speed:>8,} documents/s", file=sys.stderr)
    for name, ratio in summary["ratios"].items():
        print(f"{ratio:>10}  {name}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
