"""A job as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pyspark

ROOT = Path(__file__).parents[2]
_SPARK_SUBMIT = Path(pyspark.__file__).parent / "bin" / "spark-submit"


def submit(*options: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run jobs/analyze.py, with these variables beside those of the test, until it has ended."""
    python = {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    command = [str(_SPARK_SUBMIT), "--master", "local[2]", str(ROOT / "jobs" / "analyze.py"), *map(str, options)]
    return subprocess.run(
        command, env=os.environ | python | variables, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
