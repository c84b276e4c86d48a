"""What the rounds come to, as one JSON object and as Markdown."""

import platform
import statistics
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.benchmarks.suite.contenders import BARE, ENGINES, JOB, KIWI_WORKERS, Contender
from tests.benchmarks.suite.figures import Ratio, Spread, against, cpu_overhead, speeds
from tests.benchmarks.suite.pictures import NAMES

PACKAGES = {"kiwi": "kiwipiepy", "mecab": "python-mecab-ko"}
AT_WORK, STARTED = "seconds", "process_s"
_HOW = (
    "Medians, in brackets the least and the greatest of the rounds. The contenders take turns, each with a service of "
    "its own that has seen nothing. Documents, tokens and the CPU time of the processes that run Kiwi are checked in "
    "each turn."
)


def ratios_of(results: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Ratio]:
    """Return the job against each other contender, and its CPU time besides Kiwi's; none without the job."""
    if JOB not in results:
        return {}
    job, found = results[JOB], {}
    for name, rounds in results.items():
        if name != JOB:
            found[f"job / {name}"] = against(speeds(job, AT_WORK), speeds(rounds, AT_WORK))
            found[f"job / {name}, with start"] = against(speeds(job, STARTED), speeds(rounds, STARTED))
            if name != BARE:
                peaks = [[one["peak_mb_by_process"]["all"] for one in each] for each in (job, rounds)]
                found[f"memory, job / {name}"] = against(*peaks, is_more_better=False)
    overheads = Spread.of(cpu_overhead(one, KIWI_WORKERS) for one in job)
    return found | {"CPU not Kiwi's / Kiwi's, job": Ratio(overheads, is_more_better=False)}


def summarise(
    results: Mapping[str, Sequence[Mapping[str, Any]]],
    ratios: Mapping[str, Ratio],
    memory: Sequence[Mapping[str, Any]],
    skipped: Mapping[str, str],
    cores: int,
    engine: str = "kiwi",
) -> dict[str, Any]:
    """Return the whole report as JSON has it.

    Args:
        results: What each round of each contender took; as many rounds of each.
        ratios: Of them, with those of memory.
        memory: By the number of workers.
        skipped: Why a contender took no part.
        cores: That they had.
        engine: What they analyse with.

    """
    return {
        "machine": {
            "cores": cores,
            "cpu": _cpu_model(),
            "python": platform.python_version(),
            "system": platform.platform(),
            **{name: version(name) for name in ("pyspark", "pyarrow", PACKAGES[engine])},
        },
        "engine": engine,
        "documents": results[BARE][0]["documents"],
        "rounds": len(results[BARE]),
        "contenders": {name: _contender(ENGINES[engine][name], rounds) for name, rounds in results.items()},
        "ratios": {name: ratio.to_json() for name, ratio in ratios.items()},
        "memory": list(memory),
        "skipped": dict(skipped),
    }


def _contender(contender: Contender, rounds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    roles = sorted({role for one in rounds for role in one["cpu_by_process_s"]})
    return {
        "label": contender.label,
        "engine_role": contender.kiwi,
        "documents": rounds[0]["documents"],
        "documents_per_s": Spread.of(speeds(rounds, AT_WORK)).to_json(),
        "documents_per_s_started": Spread.of(speeds(rounds, STARTED)).to_json(),
        "cpu_s": {
            role: round(statistics.median(one["cpu_by_process_s"].get(role, 0.0) for one in rounds), 2)
            for role in roles
        },
        "peak_mb": {
            role: max(one["peak_mb_by_process"].get(role, 0) for one in rounds)
            for role in sorted({role for one in rounds for role in one["peak_mb_by_process"]})
        },
        "rounds": list(rounds),
    }


def to_markdown(report: Mapping[str, Any], pictures: Sequence[str]) -> str:
    """Return the report for people; pictures are files beside it."""
    machine = report["machine"]
    versions = [f"{name} {machine[name]}" for name in ("python", "pyspark", "pyarrow", PACKAGES[report["engine"]])]
    where = ", ".join((machine["cpu"], machine["system"], *versions))
    lines = [
        f"# {report['documents']:,} documents, {report['rounds']} rounds, {machine['cores']} cores",
        "",
        f"{where}. {_HOW}",
        "",
        "| | documents/s at work | with its start | peak of memory (PSS) | CPU s, all | of that the engine |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [_row(name, one) for name, one in report["contenders"].items()]
    if report["ratios"]:
        lines += ["", "| ratio | median | rounds |", "| --- | --- | --- |"]
        lines += [
            f"| {name} | {one['median']:.3f} | {one['low']:.3f} to {one['high']:.3f} |"
            for name, one in report["ratios"].items()
        ]
    lines += ["", "CPU seconds and peaks of memory by process, MB:", "", "| | process | CPU s | MB |"]
    lines += ["| --- | --- | --- | --- |"]
    for name, one in report["contenders"].items():
        for role in one["cpu_s"]:
            lines.append(f"| {name} | {role} | {one['cpu_s'][role]:,.1f} | {one['peak_mb'].get(role, 0):,} |")
    if report["memory"]:
        lines += ["", "| worker processes | job and service, MB | UDF, MB | job / UDF |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {one['workers']} | {one['peak_mb']['job']['all']:,} | {one['peak_mb']['udf']['all']:,} | "
            f"{one['job / udf']:.2f} |"
            for one in report["memory"]
        ]
    lines += [f"\nNot measured: {name}: {reason}." for name, reason in report["skipped"].items()]
    lines += [f"\n![{NAMES[name]}]({name})" for name in pictures]
    return "\n".join(lines) + "\n"


def _row(name: str, one: Mapping[str, Any]) -> str:
    cpu_s, kiwi_s = sum(one["cpu_s"].values()), one["cpu_s"].get(one["engine_role"], 0.0)
    cells = (
        f"{name}: {one['label']}",
        _spread(one["documents_per_s"]),
        _spread(one["documents_per_s_started"]),
        f"{one['peak_mb']['all'] / 1000:.2f} GB",
        f"{cpu_s:,.0f}",
        f"{kiwi_s:,.0f}",
    )
    return f"| {' | '.join(cells)} |"


def _spread(one: Mapping[str, float]) -> str:
    return f"{one['median']:,.0f} ({one['low']:,.0f} to {one['high']:,.0f})"


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
