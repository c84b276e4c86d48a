"""Jars from Maven Central for tests: HDFS and YARN of the version that PySpark brings, or with services on YARN."""

import os
import shutil
import subprocess
import zlib
from pathlib import Path

import pyspark

_POM = Path(__file__).parent / "pom.xml"
_SERVICES_VERSION = "3.4.2"
"""The newest Hadoop whose services on YARN are in Maven Central."""


class CannotStart(RuntimeError):
    """What the cluster lacks, or the end of the log of the daemon that ended."""


def hadoop_version() -> str:
    """Return the version of Hadoop that the installed PySpark brings."""
    (jar,) = (Path(pyspark.__file__).parent / "jars").glob("hadoop-client-api-*.jar")
    return jar.stem.removeprefix("hadoop-client-api-")


def fetch_jars(*, services: bool = False) -> Path:
    """Return a folder with the daemons' jars; fetched once by Maven (100 MB), then kept.

    Args:
        services: Whether services on YARN and ZooKeeper are among them.

    Raises:
        CannotStart: There is no Maven, or it failed.

    """
    version = _SERVICES_VERSION if services else hadoop_version()
    name = f"hadoop-{version}{'-services' if services else ''}"
    return fetch(_POM, name, f"-Dhadoop.version={version}", *(("-Pservices",) if services else ()))


def fetch(pom: Path, name: str, *options: str) -> Path:
    """Return a folder with the jars that a project's file names; fetched once by Maven, then kept in the cache.

    Args:
        pom: The file.
        name: What begins the folder's name.
        options: Of Maven.

    Raises:
        CannotStart: There is no Maven, or it failed.

    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nlpbatch"
    cache /= f"{name}-{zlib.crc32(pom.read_bytes()):08x}"
    if (cache / ".complete").exists():
        return cache
    if shutil.which("mvn") is None:
        raise CannotStart(f"{name} comes from Maven Central, and there is no mvn: apt-get install maven")
    done = subprocess.run(
        [
            *("mvn", "-q", "-B", "-f", str(pom), *options),
            *("dependency:copy-dependencies", f"-DoutputDirectory={cache}", "-DincludeScope=runtime"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CannotStart(f"mvn ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")
    (cache / ".complete").touch()
    return cache
