"""A released nlpbatch beside today's: its wheel, run with the packages of this environment."""

import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
RELEASES = ROOT / "tests" / "releases"
PREVIOUS = RELEASES / "nlpbatch-0.1.0-py3-none-any.whl"
START_S = 90.0


@dataclass(frozen=True)
class Release:
    """One state of the code that programs can be run with.

    Args:
        library: The folder that has its packages.

    """

    library: Path

    def run(
        self, *command: str, environment: dict[str, str], given: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run Python with this release and return what became of it."""
        return subprocess.run(
            [sys.executable, *command],
            cwd=self.library,
            env=self._environment() | environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=START_S,
            check=False,
        )

    @contextmanager
    def running(self, directory: Path) -> Iterator["Service"]:
        """Run the release's proxy and API with real Kiwi until the context ends."""
        file, log = directory / "env", directory / "log"
        options = ("--port", "0", "--workers", "1", "--env-file", str(file))
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "nlpbatch", "up", *options],
                cwd=directory,
                env=self._environment(),
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
            )
        try:
            deadline_s = time.monotonic() + START_S
            while not file.exists() or "API_KEY=" not in file.read_text():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline_s, log.read_text()
                time.sleep(0.05)
            yield Service(dict(re.findall(r"export (\w+)=(\S+)", file.read_text())))
        finally:
            process.terminate()
            process.wait(timeout=30)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self.library), "PYTHONDONTWRITEBYTECODE": "1"}


@dataclass(frozen=True)
class Service:
    """A service that runs.

    Args:
        environment: What callers of it need in theirs.

    """

    environment: dict[str, str]

    @property
    def url(self) -> str:
        return self.environment["NLPBATCH_SERVICE"]

    @property
    def key(self) -> str:
        return self.environment["NLPBATCH_API_KEY"]


def unpacked(wheel: Path, directory: Path) -> Release:
    """Unpack a wheel into a folder."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(directory)
    return Release(directory)


def today() -> Release:
    """Return the code of this checkout."""
    return Release(ROOT)


def said(process: subprocess.CompletedProcess[str]) -> Sequence[str]:
    """Return the lines of a program that ended well."""
    assert process.returncode == 0, process.stderr
    return process.stdout.splitlines()
