"""Runs a worker; the supervisor starts it: python -m proxy.host DIRECTORY NUMBER."""

import os
import sys
from pathlib import Path

from nlpbatch.program import run_program
from nlpbatch.serving.loop import LOOP_VARIABLE, run_in_loop
from proxy.host.worker import run_worker


def main() -> int:
    """Serve until told to stop."""
    directory, number = sys.argv[1:]
    run_in_loop(run_worker(Path(directory), int(number)), os.environ.get(LOOP_VARIABLE))
    return 0


if __name__ == "__main__":
    sys.exit(run_program("nlpbatch", main))
