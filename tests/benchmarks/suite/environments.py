"""Virtual environments for contenders that the project doesn't depend on, made on demand and kept in the cache."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

INSTALL_TIMEOUT_S = 900


class Unavailable(Exception):
    """A contender can't take part; the message is the reason."""


def provide(needs: tuple[str, ...]) -> Path:
    """Return an interpreter that has these packages, or the running one if there are none.

    Raises:
        Unavailable: They can't be installed here.

    """
    if not needs:
        return Path(sys.executable)
    digest = hashlib.sha256(repr((needs, sys.version)).encode()).hexdigest()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    directory = cache / "nlpbatch" / "benchmarks" / digest[:16]
    python, whole = directory / "bin" / "python", directory / "installed"
    if not whole.is_file():
        shutil.rmtree(directory, ignore_errors=True)
        directory.parent.mkdir(parents=True, exist_ok=True)
        print(f"installing {', '.join(needs)} in an environment of its own …", file=sys.stderr, flush=True)
        _run([sys.executable, "-m", "venv", str(directory)])
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
