"""Spark on this machine: PySpark, and the settings of the environment that lead it astray."""

import os
import re
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from nlpbatch.doctor.finding import Finding
from nlpbatch.doctor.interpreter import installed_version

_GET: Final = "pip install 'nlpbatch[spark]'"


def has_spark() -> bool:
    """Return whether PySpark is installed here; it isn't imported."""
    return find_spec("pyspark") is not None


def check_spark(*, wanted: bool) -> Iterator[Finding]:
    """Yield what Spark there is.

    Args:
        wanted: Whether the user asks for a look at executors.

    """
    version = installed_version("pyspark")
    if not has_spark():
        said = "PySpark is not installed; jobs are submitted from a machine that has it"
        yield Finding("spark", "failed" if wanted else "skipped", said, _GET)
        return
    home = os.environ.get("SPARK_HOME")
    details: dict[str, Any] = {"pyspark": version, "spark_home": home}
    other = _version_in(home)
    if home and other is None:
        said = f"SPARK_HOME is {home}, where there is no Spark"
        yield Finding("spark", "failed", said, "correct SPARK_HOME, or unset it to use PySpark's own", details)
    elif version is not None and other is not None and other != version:
        said = f"PySpark is {version}, SPARK_HOME has {other}"
        remedy = f"unset SPARK_HOME, or pip install pyspark=={other}"
        yield Finding("spark", "look", said, remedy, details | {"spark_home_version": other})
    else:
        submit = shutil.which("spark-submit")
        where = f", spark-submit at {submit}" if submit else ", no spark-submit in PATH (python -m pip show pyspark)"
        yield Finding("spark", "fine", f"PySpark {version or 'of unknown version'}{where}", details=details)


def spark_submit() -> Path:
    """Return the program that submits jobs: that of SPARK_HOME, or of the installed PySpark, which has to be there."""
    home = os.environ.get("SPARK_HOME")
    found = find_spec("pyspark")
    own = Path(found.origin).parent if found is not None and found.origin else Path()
    return (Path(home) if home else own) / "bin" / "spark-submit"


def _version_in(home: str | None) -> str | None:
    """Return the version of the Spark in a folder, '' if only its jars say that it is one."""
    if not home:
        return None
    for jar in (Path(home) / "jars").glob("spark-core_*.jar"):
        found = re.search(r"-(\d+\.\d+\.\d+[^/]*)\.jar$", jar.name)
        return found[1] if found else ""
    return None
