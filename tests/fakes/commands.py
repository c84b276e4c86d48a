"""`nlpbatch` as a process of its own, with its parts as small as a test needs them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_SMALL_PARTS = (
    "import nlpbatch.files.parquet_source as source, nlpbatch.files.part_rows as rows; "
    "source.BATCH_ROWS, rows._PART_BYTES = 100, {part_bytes}; "
)
_SMALL_FILES = (
    "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    "resource.setrlimit(resource.RLIMIT_FSIZE, ({file_bytes}, {file_bytes})); "
)
"""Run in the process itself: what is called between fork and exec may wait for ever for a lock of another thread."""
_MAIN = "import sys; from nlpbatch.cli import main; sys.exit(main())"
TIMEOUT_S = 120


def command(*arguments: Any, part_bytes: int | None = None, file_bytes: int | None = None) -> list[str]:
    small = "" if part_bytes is None else _SMALL_PARTS.format(part_bytes=part_bytes)
    if file_bytes is not None:
        small += _SMALL_FILES.format(file_bytes=file_bytes)
    return [sys.executable, "-c", small + _MAIN, *map(str, arguments)]


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NLPBATCH_", "PYTHONIO"))}
    return kept | variables


def run(
    *arguments: Any,
    part_bytes: int | None = None,
    file_bytes: int | None = None,
    cwd: Path | None = None,
    **variables: str,
) -> tuple[int, str, str]:
    """Return the exit code, standard output and standard error."""
    done = subprocess.run(
        command(*arguments, part_bytes=part_bytes, file_bytes=file_bytes),
        capture_output=True,
        env=environment(**variables) | {"PYTHONPATH": str(ROOT)},
        cwd=cwd,
        timeout=TIMEOUT_S,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()
