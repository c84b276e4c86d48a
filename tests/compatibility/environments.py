"""The environments of the matrix: every Spark with every Python that is on this machine.

Each has what `pip install 'pyspark[connect]'` brings and nothing of nlpbatch, which comes as the bundle.
"""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from tests.benchmarks.suite.environments import Unavailable, provide

SPARKS = {"3.5": "3.5.7", "4.0": "4.0.5", "4.1": "4.1.4", "4.2": "4.2.1", "4.3": "4.3.0"}
"""The release of each minor version that is tried."""
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
OLDEST, NEWEST = next(iter(SPARKS)), next(reversed(SPARKS))
_IMPOSSIBLE = {("4.3", "3.10"): "PySpark 4.3 needs Python 3.11"}
_ASK = "import sys; print('%d.%d' % sys.version_info[:2])"


def find_python(version: str) -> Path | None:
    """Return an interpreter of a minor version: one on PATH, or one that pyenv or uv keeps; None if there is none."""
    home = Path.home()
    kept = [
        *(Path(os.environ.get("PYENV_ROOT") or home / ".pyenv") / "versions").glob(f"{version}.*/bin/python"),
        *(home / ".local" / "share" / "uv" / "python").glob(f"cpython-{version}.*/bin/python{version}"),
    ]
    on_path = shutil.which(f"python{version}")
    for candidate in ([Path(on_path)] if on_path else []) + sorted(kept):
        with contextlib.suppress(OSError):
            # A shim of pyenv is there for versions that aren't chosen, too, and fails.
            said = subprocess.run([str(candidate), "-c", _ASK], capture_output=True, text=True, check=False)
            if said.stdout.strip() == version:
                return candidate
    return None


def environment(spark: str, python: str) -> Path:
    """Return the interpreter of an environment with this Spark and this Python, after making it.

    Raises:
        Unavailable: There is no such Python here, or the packages can't be installed on it.

    """
    if (spark, python) in _IMPOSSIBLE:
        raise Unavailable(_IMPOSSIBLE[spark, python])
    base = find_python(python)
    if base is None:
        raise Unavailable(f"there is no Python {python} on this machine")
    interpreter = provide(needs(spark), base=base)
    _share_jars(interpreter, _cache() / "jars" / SPARKS[spark])
    return interpreter


def _share_jars(interpreter: Path, kept: Path) -> None:
    """Keep the jars of a Spark once for all its environments: they are nine tenths of each."""
    kept.mkdir(parents=True, exist_ok=True)
    for jar in (interpreter.parents[1] / "lib").glob("python*/site-packages/pyspark/jars/*.jar"):
        first = kept / jar.name
        if not first.exists():
            os.link(jar, first)
        elif not first.samefile(jar) and first.stat().st_size == jar.stat().st_size:
            link = jar.with_suffix(".link")
            link.unlink(missing_ok=True)
            os.link(first, link)
            link.replace(jar)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "nlpbatch"


def needs(spark: str) -> tuple[str, ...]:
    """Return what an environment has, as pip takes it: the extra `spark` of pyproject.toml, and what Connect needs."""
    # The extras of PySpark 3.5 hold numpy below 2, and today's pyarrow refuses that.
    connect = ("grpcio>=1.56", "grpcio-status>=1.56", "googleapis-common-protos>=1.56.4", "zstandard>=0.25")
    return (f"pyspark=={SPARKS[spark]}", *connect, "numpy>=2", "pandas>=2.2,<3", "pyarrow>=21")


def connect_jar(spark: str) -> Path | None:
    """Return the jar of a Connect server that this Spark lacks; None if the server is part of it, as since 4.0.

    Raises:
        Unavailable: It can't be fetched from Maven Central.

    """
    if not spark.startswith("3."):
        return None
    artifact = f"spark-connect_2.12:{SPARKS[spark]}"
    name, _, version = artifact.partition(":")
    cache = _cache() / "connect"
    jar = cache / f"{name}-{version}.jar"
    if not jar.exists():
        if shutil.which("mvn") is None:
            raise Unavailable(f"Connect of Spark {spark} comes from Maven Central, and there is no mvn")
        copy = ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact=org.apache.spark:{artifact}"]
        done = subprocess.run(
            [*copy, f"-DoutputDirectory={cache}"], capture_output=True, text=True, check=False, timeout=600
        )
        if done.returncode:
            raise Unavailable(f"org.apache.spark:{artifact} can't be fetched: {(done.stdout + done.stderr)[-300:]}")
    return jar
