"""Java: the one that Spark would start, and whether Spark runs on it."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Final

from nlpbatch.doctor.finding import Finding, State

BOUND_S: Final = 20.0
_OLDEST: Final = 17
_NEWEST: Final = 21
"""Spark 4 names 17 and 21; Hadoop's client fails on some newer ones."""
_GET: Final = "install one (apt-get install openjdk-17-jre-headless, brew install openjdk@17, or https://adoptium.net)"


def check_java(*, needed: bool) -> Iterator[Finding]:
    """Yield what Java there is.

    Args:
        needed: Whether Spark is installed here: without it, nothing asks for Java.

    """
    home = os.environ.get("JAVA_HOME")
    program = shutil.which(f"{home}/bin/java" if home else "java")
    if program is None:
        where = f"JAVA_HOME is {home}, where there is no bin/java" if home else "there is no java in PATH"
        remedy = f"correct JAVA_HOME, or unset it, or {_GET}" if home else f"{_GET}, or set JAVA_HOME"
        details = {"java_home": home}
        yield Finding("java", "failed" if needed else "skipped", f"{where}; Spark needs Java 17 or 21", remedy, details)
        return
    said = _ask(program)
    found = re.search(r'version "(\d+)(?:\.(\d+))?[^"]*"', said)
    if found is None:
        unknown = f"{program} doesn't say its version: {said.strip()[:200] or 'it says nothing'}"
        yield Finding("java", "failed" if needed else "look", unknown, _GET, {"java": program})
        return
    major = int(found[2]) if found[1] == "1" and found[2] else int(found[1])
    yield _of_version(program, major, found[0].partition('"')[2].rstrip('"'), needed=needed)


def _of_version(program: str, major: int, version: str, *, needed: bool) -> Finding:
    details = {"java": program, "version": version, "major": major}
    shown = f"{version} at {program}"
    if major < _OLDEST:
        state: State = "failed" if needed else "look"
        return Finding("java", state, f"{shown}: Spark 4 needs {_OLDEST} or {_NEWEST}", _GET, details)
    if major > _NEWEST:
        remedy = f"if Spark fails to start, {_GET} and set JAVA_HOME to it"
        return Finding("java", "look", f"{shown}: Spark 4 is made for {_OLDEST} and {_NEWEST}", remedy, details)
    return Finding("java", "fine", shown, details=details)


def _ask(program: str) -> str:
    try:
        done = subprocess.run([program, "-version"], capture_output=True, timeout=BOUND_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return type(error).__name__
    return (done.stderr + done.stdout).decode(errors="replace")
