"""One turn of one contender: started with a service of its own, measured, and held to what it had to do."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import urllib3

from nlpbatch.cli.local_spark import environment
from nlpbatch.cli.stack import Stack, StackOptions
from tests.benchmarks.meter import Meter
from tests.benchmarks.suite.contenders import CONTENDERS, JOB, Contender, Turn, role_of, said
from tests.benchmarks.suite.environments import Unavailable, provide
from tests.benchmarks.suite.inputs import Texts

Measured = dict[str, Any]
TOKENS_APART = 1e-4
"""Invisible characters are left out by the service: six of 712,404 reviews have other tokens than in bare Kiwi."""


class NotDone(Exception):
    """A contender failed, or didn't do what it was measured for; the message says which."""


def take_turn(
    name: str, texts: Texts, cores: int, work: Path, contenders: Mapping[str, Contender] = CONTENDERS
) -> Measured:
    """Return what one contender took.

    Its service is new: an older one might answer from what it has kept.

    Raises:
        Unavailable: It can't take part.
        NotDone: It failed.

    """
    contender = contenders[name]
    python, target = provide(contender.needs), work / name
    with (
        Stack(StackOptions(workers=cores, server_config=contender.config))
        if contender.is_served
        else nullcontext() as stack
    ):
        turn = Turn(python, texts.directory, texts.column, target, cores, stack.service if stack else None)
        measured = _measure(name, contender.command(turn), stack)
        if name == JOB:
            summary = json.loads((target / "_nlpbatch" / "summary.json").read_text())
            measured |= {key: summary[key] for key in ("tokens", "seconds")} | {"documents": summary["rows"]}
        if stack:
            measured["analysed_code_points"] = _analysed_code_points(stack.api)
    shutil.rmtree(target, ignore_errors=True)
    return measured


def _measure(name: str, command: list[str], stack: Stack | None) -> Measured:
    roles = {stack.pid("api"): "api", stack.pid("proxy"): "proxy"} if stack else {}

    def role(pid: int, command_line: list[str]) -> str:
        return roles.get(pid) or role_of(name, command_line)

    started_s = time.monotonic()
    with Meter(list(roles), role) as meter:
        child = subprocess.Popen(
            command,
            env=environment(stack.api_key if stack else None),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        meter.watch(child.pid)
        try:
            output, errors = child.communicate()
        except BaseException:
            child.terminate()  # and of what it started, Spark's JVM and Ray end with it
            child.wait()
            raise
    process_s = round(time.monotonic() - started_s, 2)
    if child.returncode:
        raise NotDone(f"{name} failed:\n{output[-1000:]}\n{errors[-4000:]}")
    found = said(output)
    if "unavailable" in found:
        raise Unavailable(str(found["unavailable"]))
    return found | {
        "process_s": process_s,
        "cpu_by_process_s": meter.cpu_by_role(),
        "peak_mb_by_process": meter.peak_mb_by_role(),
    }


def _analysed_code_points(api: str) -> int:
    """Return what an API's workers have analysed."""
    metrics = urllib3.request("GET", f"{api}/metrics", retries=False).data.decode()
    return int(sum(map(float, re.findall(r"^nlpbatch_code_points_total\{.*\} (\S+)$", metrics, re.MULTILINE))))


def check_work(
    name: str, measured: Measured, bare: Measured, texts: Texts, contenders: Mapping[str, Contender] = CONTENDERS
) -> None:
    """Refuse a contender that didn't do what it was measured for.

    Args:
        name: The contender's.
        measured: What it took and said.
        bare: The same of bare Kiwi in the same round.
        texts: What it had to analyse.
        contenders: All, by name.

    Raises:
        NotDone: With what is missing.

    """
    contender, faults = contenders[name], []
    if measured["documents"] != texts.documents:
        faults.append(f"{measured['documents']:,} documents of {texts.documents:,}")
    if abs(measured["tokens"] / bare["tokens"] - 1) > TOKENS_APART:
        faults.append(f"{measured['tokens']:,} tokens, the bare engine has {bare['tokens']:,}")
    cpu_s, least_s = measured["cpu_by_process_s"].get(contender.kiwi, 0.0), contender.min_cpu * bare["cpu_s"]
    if cpu_s < least_s:
        faults.append(f"{cpu_s:.1f} s of CPU in {contender.kiwi}, at least {least_s:.1f} s are needed")
    if contender.is_served and measured["analysed_code_points"] < texts.distinct_code_points:
        faults.append(f"{measured['analysed_code_points']:,} code points of {texts.distinct_code_points:,} analysed")
    if faults:
        raise NotDone(f"{name} did not do the work: {'; '.join(faults)}")


def note(words: str) -> None:
    """Tell whoever watches."""
    print(words, file=sys.stderr, flush=True)
