"""spark-submit on this machine alone, as the demo and the benchmarks call it."""

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

_KILLED: Final = 128
_JVM: Final = (
    # Driver and executor are one JVM that shares the cores with Kiwi: what the optimising compiler (C2) and a parallel
    # collector cost isn't earned back by code that mostly waits (docs/benchmarks.md).
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
)
_DAEMON: Final = "nlpbatch.unpacked_pyspark"
"""Forks Spark's Python workers, which have all that is installed here."""
# A JVM that can't use an archive loads its classes as ever; it need not say so on stdout.
_ARCHIVE_LOGS: Final = "-Xlog:cds=off,cds+dynamic=off,class+path=off"


def spark_submit(
    cores: str, script: Path, *arguments: str, conf: Sequence[str] = (), classes: Sequence[str] | None = None
) -> list[str]:
    """Return the command that runs a script on a local Spark, its own log kept to warnings.

    Args:
        cores: Cores to use, "*" for all.
        script: The Python file to submit.
        arguments: The script's own.
        conf: Further settings of Spark, each as KEY=VALUE.
        classes: Options of the JVM for archives of classes; None uses that of `class_archive` if there is one.

    """
    jvm = (*_JVM, *(_archived() if classes is None else classes), *_logging())
    options = ["--master", f"local[{cores}]", "--driver-java-options", " ".join(map(shlex.quote, jvm))]
    options += ["--conf", f"spark.python.daemon.module={_DAEMON}"]
    options += [part for setting in conf for part in ("--conf", setting)]
    return [str(_spark_home() / "bin" / "spark-submit"), *options, str(script), *arguments]


def class_archive() -> Path | None:
    """Return where the classes of this Spark are kept for this Java, whether they are or not; None without Java."""
    java = _java()
    if java is None:
        return None
    jars = _spark_home() / "jars"
    made_for = (java, java.stat().st_mtime_ns, jars, jars.stat().st_mtime_ns)
    digest = hashlib.sha256(repr(made_for).encode()).hexdigest()
    cache = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(cache) / "nlpbatch" / f"spark-{digest[:16]}.jsa"


def submit(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run spark-submit in an environment and return its exit code, as a shell would."""
    with subprocess.Popen(command, env=environ) as process:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            process.terminate()  # Ctrl-C has reached it, too; another signal hasn't
            process.wait()
            raise
    return code if code >= 0 else _KILLED - code


def environment(api_key: str | None) -> Mapping[str, str]:
    """Return the environment for it; the key goes this way because arguments are visible to every user."""
    return os.environ | {
        "PYSPARK_PYTHON": sys.executable,
        "NLPBATCH_API_KEY": api_key or "",
        "SPARK_LOCAL_IP": "127.0.0.1",
        **_utf_8(os.environ),
    }


def _spark_home() -> Path:
    import pyspark  # noqa: PLC0415  (needs the spark extra)

    return Path(str(pyspark.__file__)).parent


def _java() -> Path | None:
    """Return the program that spark-submit will start."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which(f"{home}/bin/java" if home else "java")
    return Path(found).resolve() if found else None


def _archived() -> list[str]:
    archive = class_archive()
    return [f"-XX:SharedArchiveFile={archive}", _ARCHIVE_LOGS] if archive is not None and archive.is_file() else []


def _utf_8(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a UTF-8 locale: in any other the JVM loses Hangul in arguments and file names."""
    name = next((found for key in ("LC_ALL", "LC_CTYPE", "LANG") if (found := variables.get(key))), "C")
    return {} if "utf8" in name.lower().replace("-", "") else {"LC_ALL": "C.UTF-8"}


def _logging() -> list[str]:
    # The repository's conf/ is at hand in a clone, but not where the package was installed from a wheel.
    file = Path(__file__).parents[2] / "conf" / "spark" / "log4j2.properties"
    return [f"-Dlog4j2.configurationFile={file.as_uri()}"] if file.exists() else []
