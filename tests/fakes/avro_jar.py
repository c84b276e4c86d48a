"""Spark's module for Avro, from Maven Central: no part of Spark, and not released for each Spark."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

VERSION = "4.2.0"
"""The newest there is; it reads and writes with the Spark of the tests as well."""


def avro_jar() -> Path:
    """Return the jar; fetched once, then kept. Without Maven the test is skipped, under CI it fails."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nlpbatch" / "avro"
    jar = cache / f"spark-avro_2.13-{VERSION}.jar"
    if jar.exists():
        return jar
    if shutil.which("mvn") is None:
        message = "Spark's module for Avro comes from Maven Central, and there is no mvn: apt-get install maven"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    artifact = f"org.apache.spark:spark-avro_2.13:{VERSION}"
    command = ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={cache}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    return jar
