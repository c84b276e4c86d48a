"""Imports PySpark from the folder where it is installed, not from the zip that Spark puts before it.

Spark begins the path of drivers and workers with `pyspark.zip`. Python compiles what it imports from a zip in every
process: 0.45 s of CPU time for PySpark. One that pip installed has the same modules beside the zip, with bytecode.

As a module, this is PySpark's daemon, for `spark.python.daemon.module` where executors have nlpbatch installed.
"""

import os
import runpy
import sys
from pathlib import Path
from typing import Final

_LIBRARY: Final = ("pyspark", "python", "lib")
"""Where an installed PySpark keeps its zips, and that of py4j."""


def prefer_unpacked_pyspark() -> None:
    """Take PySpark's zips off the path if the folder that holds PySpark is on it, and nothing is imported yet."""
    if "pyspark" in sys.modules:
        return
    folders = {os.path.realpath(entry) for entry in sys.path}
    sys.path[:] = [entry for entry in sys.path if not _is_redundant(Path(entry), folders)]


def _is_redundant(entry: Path, folders: set[str]) -> bool:
    if entry.suffix != ".zip" or entry.parent.parts[-len(_LIBRARY) :] != _LIBRARY:
        return False
    return os.path.realpath(entry.parents[len(_LIBRARY)]) in folders


if __name__ == "__main__":
    prefer_unpacked_pyspark()
    runpy.run_module("pyspark.daemon", run_name="__main__", alter_sys=True)
