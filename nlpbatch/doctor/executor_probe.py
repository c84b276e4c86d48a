"""A Spark job that says what Python its executors have. Run as a script of its own: it imports nothing of ours.

    spark-submit executor_probe.py OUTPUT.json HOST:PORT …

Writes the driver's Python and a record of each executor's Python, with what of the addresses it can connect to.
"""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

_MAX_TASKS = 64


def main(output: str, addresses: list[str]) -> None:
    """Run the job and write what it found."""
    from pyspark.sql import SparkSession  # noqa: PLC0415  (only where there is Spark)

    session = SparkSession.builder.appName("nlpbatch doctor").getOrCreate()
    context = session.sparkContext
    context.setLogLevel("OFF")
    # More tasks than cores, so that each executor that there is has a chance to get one.
    tasks = max(2, min(_MAX_TASKS, 2 * context.defaultParallelism))

    def look(_: Iterable[int]) -> Iterator[dict[str, Any]]:
        # Pickled by value: an executor has none of this file.
        import os  # noqa: PLC0415
        import platform  # noqa: PLC0415
        import socket  # noqa: PLC0415
        from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

        def installed(name: str) -> str | None:
            try:
                return version(name)
            except PackageNotFoundError:
                module = sys.modules.get(name)  # Spark's own PySpark comes as a zip
                return getattr(module, "__version__", None)

        def connects(address: str) -> str | None:
            host, _, port = address.rpartition(":")
            try:
                socket.create_connection((host.strip("[]"), int(port)), timeout=3).close()
            except OSError as error:
                return error.strerror or type(error).__name__
            return None

        yield {
            "host": socket.gethostname(),
            "executable": sys.executable,
            "python": platform.python_version(),
            "pid": os.getpid(),
            "packages": {name: installed(name) for name in ("pyspark", "pyarrow", "pandas")},
            "utf8": "가".encode(sys.getfilesystemencoding(), "replace") != b"?",
            "unreachable": {address: fault for address in addresses if (fault := connects(address))},
            "at_s": time.time(),
        }

    began_s = time.time()
    found = context.parallelize(range(tasks), tasks).mapPartitions(look).collect()
    record = {
        "spark": session.version,
        "java": str(context._jvm.System.getProperty("java.version")) if context._jvm else "",  # noqa: SLF001
        "tasks": tasks,
        "began_s": began_s,
        "ended_s": time.time(),
        "executors": found,
    }
    with open(output, "w", encoding="utf-8") as file:  # noqa: PTH123  (this script imports little)
        json.dump(record, file)
    session.stop()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
