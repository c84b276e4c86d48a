"""Runs a worker; the supervisor starts it: python -m proxy.host DIRECTORY NUMBER."""

import asyncio
import sys
from pathlib import Path

from nlpbatch.program import run_program
from proxy.host.worker import run_worker


def main() -> int:
    """Serve until told to stop."""
    directory, number = sys.argv[1:]
    asyncio.run(run_worker(Path(directory), int(number)))
    return 0


if __name__ == "__main__":
    sys.exit(run_program("nlpbatch", main))
