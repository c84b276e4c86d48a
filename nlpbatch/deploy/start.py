"""Starts nlpbatch in a container of YARN, from the archive that `archive` packs: `python3 start.py serve --config …`.

Runs under any Python from 3.7 on, so that the wrong one is told which it should be. It imports little: it stays for as
long as the container.

SIGTERM ──> nlpbatch gets it, too, and drains; then this stays for a while, since YARN would start another at once in
            the place of a container that ends. Whoever asked it to leave takes it away meanwhile.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

STAYS_S = 900.0
HERE = Path(__file__).resolve().parent


def main(arguments: list[str]) -> int | str:
    """Run nlpbatch; return its exit code, or why it can't run."""
    wanted = json.loads((HERE / "python.json").read_text())
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = {"version": version, "machine": platform.machine(), "system": sys.platform}
    if found != wanted:
        name = "Python {version} for {system} on {machine}"
        return (
            f"the archive was packed by {name.format(**wanted)}, and {sys.executable} is {name.format(**found)}: "
            "name that Python with --python, or pack the archive with this one"
        )
    stopped: list[bool] = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    environment = dict(os.environ, PYTHONPATH=str(HERE / "site"))
    if "CONTAINER_ID" in environment:
        environment.setdefault("NLPBATCH_REGISTRATION_NAME", environment["CONTAINER_ID"])
    code = subprocess.Popen([sys.executable, "-m", "nlpbatch", *arguments], env=environment).wait()
    if stopped:
        time.sleep(STAYS_S)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
