"""The job against bare Kiwi, Kiwi in a Spark UDF, and one request per row: same texts, same cores, one run.

    python tests/benchmarks/end_to_end.py --input reviews.parquet --text review --rows 150000 --rounds 3

The contenders take turns; the median of each one's rounds counts. Each turn has an API and a proxy of its own that have
seen nothing, and must show its work: all documents with bare Kiwi's number of tokens, every distinct text analysed by
the API, and the CPU time that Kiwi takes. One that shows less is an error, not a figure.

Ratios are printed for people and everything, with CPU seconds and memory by process, as JSON. API and proxy run on the
same cores as Spark and are idle while others have their turn.
"""

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import urllib3

sys.path.insert(0, str(Path(__file__).parent))
from meter import Meter

from nlpbatch.cli.local_spark import environment, spark_submit
from nlpbatch.cli.stack import Stack, StackOptions
from tests.fakes.no_cache import NO_CACHE

CONTENDERS = Path(__file__).parent / "contenders"
ROOT = Path(__file__).parents[2]
FILES_PER_CORE = 4
KIWI = {"bare": "python of bare", "job": "kiwi workers", "udf": "python of udf", "per_row": "kiwi workers"}
"""Which processes run Kiwi, by contender."""
SERVED = ("job", "per_row")
TOKENS_APART = 1e-4
"""Invisible characters are left out by the service: six of 712,404 reviews have other tokens than in bare Kiwi."""
MIN_CPU = 0.5
"""Of bare Kiwi's CPU time in the same round: whoever takes less hasn't analysed all."""
Measured = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Texts:
    """The input: documents, and the code points of all that are different from each other."""

    documents: int
    distinct_code_points: int


def main() -> int:
    arguments = _parse()
    with tempfile.TemporaryDirectory(prefix="nlpbatch-benchmark-") as directory:
        work = Path(directory)
        texts = _prepare(arguments, work / "input")
        print(f"{texts.documents:,} documents, {arguments.rounds} rounds, {arguments.cores} cores", file=sys.stderr)
        results = _rounds(arguments, work, texts)
    summary = _summarise(results, texts.documents, arguments.cores)
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
    parser.add_argument("--only", default="bare,job,udf,per_row", help="contenders, by commas; bare is always one")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    return parser.parse_args()


def _prepare(arguments: argparse.Namespace, target: Path) -> Texts:
    """Write the rows as several files, so that no contender is held to one task."""
    table = ds.dataset(arguments.input, format="parquet").to_table()
    table = table.slice(0, arguments.rows) if arguments.rows else table
    # No contender but ours survives a null.
    table = table.filter(table.column(arguments.text).is_valid())
    target.mkdir()
    parts = arguments.cores * FILES_PER_CORE
    step = -(-table.num_rows // parts)
    for part in range(parts):
        pq.write_table(table.slice(part * step, step), target / f"part-{part:05}.parquet")
    return Texts(table.num_rows, _code_points(pc.unique(table.column(arguments.text))))


def _code_points(texts: pa.Array) -> int:
    return int(pc.sum(pc.utf8_length(texts)).as_py())


def _rounds(arguments: argparse.Namespace, work: Path, texts: Texts) -> dict[str, list[Measured]]:
    # Bare Kiwi goes first: the others' work is held against its own.
    names = list(dict.fromkeys(("bare", *arguments.only.split(","))))
    results: dict[str, list[Measured]] = {name: [] for name in names}
    for number in range(arguments.rounds):
        for name in names:
            measured = _measure(name, arguments, work)
            print(f"round {number + 1} {name}: {json.dumps(measured)}", file=sys.stderr, flush=True)
            _check_work(name, measured, results["bare"][-1] if name != "bare" else measured, texts)
            results[name].append(measured)
    return results


def _measure(name: str, arguments: argparse.Namespace, work: Path) -> Measured:
    """Return what one contender took, with a service of its own: an older one might answer from what it has kept."""
    with Stack(StackOptions(workers=arguments.cores, server_config=NO_CACHE)) as stack:
        measured = _turn(name, _command(name, arguments, work, stack), stack)
        if name == "job":
            summary = json.loads((work / "job" / "_nlpbatch" / "summary.json").read_text())
            measured |= {key: summary[key] for key in ("tokens", "seconds")} | {"documents": summary["rows"]}
            measured["replayed"] = summary["work"]["replayed"]
        if name in SERVED:
            measured["analysed_code_points"] = _analysed_code_points(stack.api)
    shutil.rmtree(work / name, ignore_errors=True)
    return measured


def _command(name: str, arguments: argparse.Namespace, work: Path, stack: Stack) -> list[str]:
    source, target, cores, text = str(work / "input"), str(work / name), str(arguments.cores), arguments.text
    if name == "bare":
        return [sys.executable, str(CONTENDERS / "bare.py"), source, text, cores]
    if name == "job":
        job = ("--input", source, "--text", text, "--output", target, "--service", stack.service)
        return spark_submit(cores, ROOT / "jobs" / "analyze.py", *job)
    served = (stack.service, "4") if name == "per_row" else ()
    return spark_submit(cores, CONTENDERS / f"{name}.py", source, text, target, *served)


def _turn(name: str, command: list[str], stack: Stack) -> Measured:
    roles = {stack.pid("api"): "api", stack.pid("proxy"): "proxy"}

    def role(pid: int, command_line: list[str]) -> str:
        line = " ".join(command_line)
        if pid in roles:
            return roles[pid]
        if "engine.forkserver" in line:
            return "kiwi workers"
        return "spark jvm" if "java" in command_line[0] else f"python of {name}"

    watched = [stack.pid("api"), stack.pid("proxy")] if name in SERVED else []
    started_s = time.monotonic()
    with Meter(watched, role) as meter:
        child = subprocess.Popen(
            command, env=environment(stack.api_key), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        meter.watch(child.pid)
        output, errors = child.communicate()
    process_s = round(time.monotonic() - started_s, 2)
    if child.returncode:
        raise SystemExit(f"{name} failed:\n{errors[-4000:]}")
    said = {} if name == "job" else json.loads(output.strip().splitlines()[-1])
    return said | {
        "process_s": process_s,
        "cpu_by_process_s": meter.cpu_by_role(),
        "peak_mb_by_process": meter.peak_mb_by_role(),
    }


def _analysed_code_points(api: str) -> int:
    """Return what an API's workers have analysed."""
    metrics = urllib3.request("GET", f"{api}/metrics", retries=False).data.decode()
    return int(sum(map(float, re.findall(r"^nlpbatch_code_points_total\{.*\} (\S+)$", metrics, re.MULTILINE))))


def _check_work(name: str, measured: Measured, bare: Measured, texts: Texts) -> None:
    """End the benchmark if a contender didn't do what it was measured for."""
    faults = []
    if measured["documents"] != texts.documents:
        faults.append(f"{measured['documents']:,} documents of {texts.documents:,}")
    if abs(measured["tokens"] / bare["tokens"] - 1) > TOKENS_APART:
        faults.append(f"{measured['tokens']:,} tokens, bare Kiwi has {bare['tokens']:,}")
    cpu_s, least_s = measured["cpu_by_process_s"].get(KIWI[name], 0.0), MIN_CPU * bare["cpu_s"]
    if cpu_s < least_s:
        faults.append(f"{cpu_s:.1f} s of CPU in {KIWI[name]}, at least {least_s:.1f} s are needed")
    if name in SERVED and measured["analysed_code_points"] < texts.distinct_code_points:
        faults.append(f"{measured['analysed_code_points']:,} code points of {texts.distinct_code_points:,} analysed")
    if faults:
        raise SystemExit(f"{name} did not do the work: {'; '.join(faults)}")


def _summarise(results: dict[str, list[Measured]], rows: int, cores: int) -> dict[str, Any]:
    speeds = {name: _speed(rounds, "seconds") for name, rounds in results.items()}
    whole = {name: _speed(rounds, "process_s") for name, rounds in results.items()}
    ratios = {}
    if "job" in results:
        for words, found in (("", speeds), (", start-up included", whole)):
            ratios |= {
                f"job / {name}{words}": round(found["job"] / speed, 3) for name, speed in found.items() if name != "job"
            }
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
        "documents_per_s, start-up included": {name: round(speed) for name, speed in whole.items()},
        "peak_mb": {name: max(one["peak_mb_by_process"]["all"] for one in rounds) for name, rounds in results.items()},
        "ratios": ratios,
        "rounds": results,
    }


def _speed(rounds: list[Measured], clock: str) -> float:
    return statistics.median(each["documents"] / each[clock] for each in rounds)


def _overhead(measured: Measured) -> float:
    cpu = measured["cpu_by_process_s"]
    return (sum(cpu.values()) - cpu["kiwi workers"]) / cpu["kiwi workers"]


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _show(summary: dict[str, Any]) -> None:
    for name, speed in summary["documents_per_s"].items():
        whole, peak_mb = summary["documents_per_s, start-up included"][name], summary["peak_mb"][name]
        print(f"{name:>10}  {speed:>8,} documents/s, {whole:>8,} with start-up, {peak_mb:>6,} MB", file=sys.stderr)
    for name, ratio in summary["ratios"].items():
        print(f"{ratio:>10}  {name}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
