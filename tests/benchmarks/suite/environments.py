"""Virtual environments with what the project doesn't depend on, made on demand and kept in the cache.

For contenders of the benchmarks, and for tests that need another Spark (tests/tables).
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

INSTALL_TIMEOUT_S = 900


class Unavailable(Exception):
    """A contender can't take part; the message is the reason."""


def provide(needs: tuple[str, ...], *, beside: bool = False) -> Path:
    """Return an interpreter that has these packages, or the running one if there are none.

    Args:
        needs: Packages as pip takes them.
        beside: Whether it also has all other packages of the running one, in the versions that this one has.

    Raises:
        Unavailable: They can't be installed here.

    """
    if not needs:
        return Path(sys.executable)
    others = sysconfig.get_path("purelib") if beside else ""
    digest = hashlib.sha256(repr((needs, sys.version, others)).encode()).hexdigest()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    directory = cache / "nlpbatch" / "benchmarks" / digest[:16]
    python, whole = directory / "bin" / "python", directory / "installed"
    if not whole.is_file():
        shutil.rmtree(directory, ignore_errors=True)
        directory.parent.mkdir(parents=True, exist_ok=True)
        print(f"installing {', '.join(needs)} in an environment of its own …", file=sys.stderr, flush=True)
        _run([sys.executable, "-m", "venv", str(directory)])
        if beside:  # after its own packages, and with what editable installations have there
            own = next((directory / "lib").glob("python*/site-packages"))
            (own / "beside.pth").write_text(f"import site; site.addsitedir({others!r})\n", encoding="utf-8")
        _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *needs])
        whole.touch()
    return python


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Unavailable(f"can't be installed: {last.removeprefix('ERROR: ')}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"can't be installed: {error}") from error
