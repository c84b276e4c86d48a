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
from typing import Any

STAYS_S = 900.0
HERE = Path(__file__).resolve().parent


def main(arguments: list[str]) -> int | str:
    """Run nlpbatch; return its exit code, or why it can't run."""
    packed = json.loads((HERE / "python.json").read_text())
    found = {"version": list(sys.version_info[:3]), "machine": platform.machine(), "system": sys.platform}
    if not fits(found, packed):
        return (
            f"the archive was packed by {named(packed)}, and {sys.executable} is {named(found)}: give a Python of that "
            "version, or a newer one of its patches, with --python, or pack the archive with this one"
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


def fits(found: dict[str, Any], packed: dict[str, Any]) -> bool:
    """Return whether a Python can load what another one packed: a package may need what newer patches have."""
    same = all(found[key] == packed[key] for key in ("machine", "system"))
    return same and found["version"][:2] == packed["version"][:2] and found["version"] >= packed["version"]


def named(python: dict[str, Any]) -> str:
    """Return what to call a Python."""
    return "Python {}.{}.{} for {} on {}".format(*python["version"], python["system"], python["machine"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
