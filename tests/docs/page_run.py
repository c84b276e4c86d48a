"""A page's snippets, run in order in one directory as a reader would type them.

- A block with a file's name as its title is written to that file.
- `sh` runs in one shell, so that what it exports or where it goes holds for the blocks after it. A block that starts a
  service is a terminal of its own: it goes on running, and the next block begins once it is ready. The same command
  again ends it and starts it anew.
- `python` without a title is run as a script.
- `text` with the title of an output (OUTPUTS) is what the block before printed: its lines, in order; `…` is anything.
"""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.docs.markdown import Block

ROOT = Path(__file__).parents[2]
OUTPUTS = ("Output", "출력")
_READY = {
    "nlpbatch up": "Ctrl-C stops both",
    "nlpbatch serve": '"event": "listening"',
    "nlpbatch proxy serve .*--processes": '"event": "serving"',
    "nlpbatch proxy serve": '"listener": "admin"',
    "redis-server": "Ready to accept connections",
}
"""Commands that go on until they are stopped, and what they say once they are ready."""
_READY_S = 90
_STOP_S = 40
_BLOCK_S = 240
_SPARK_CONF = ".spark"
_SPARK_DEFAULTS = "spark.master local[2]\nspark.ui.enabled false\nspark.sql.shuffle.partitions 2\n"
_HIDDEN = (".git", ".venv", "build", "README.md")


class PageFailed(AssertionError):
    """A snippet failed, or printed something else than the page says."""


@dataclass(slots=True)
class PageRun:
    """One reader, with a directory that looks like a clone of the repository.

    Args:
        page: Name of the page, for messages.
        directory: An empty directory.

    """

    page: str
    directory: Path
    _services: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _printed: str = ""

    def __post_init__(self) -> None:
        """Have the repository's files in the directory, and the environment that runs the tests as its .venv."""
        for entry in ROOT.iterdir():
            if not entry.name.startswith(".") and entry.name not in _HIDDEN:
                (self.directory / entry.name).symlink_to(entry)
        (self.directory / ".venv").symlink_to(sys.prefix)
        (self.directory / _SPARK_CONF).mkdir()
        (self.directory / _SPARK_CONF / "spark-defaults.conf").write_text(_SPARK_DEFAULTS)

    def run(self, block: Block) -> None:
        """Do what a reader does with a block.

        Raises:
            PageFailed: It failed, or printed something else.

        """
        if block.title in OUTPUTS:
            self._compare(block)
        elif "." in block.title and " " not in block.title:
            file = self.directory / block.title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
        elif block.language == "sh":
            starts = ((re.search(rf"^{name}\b.*$", block.text, re.MULTILINE), ready) for name, ready in _READY.items())
            service = next(((found[0], ready) for found, ready in starts if found is not None), None)
            if service is None:
                self._printed = self._shell(block, block.text)
            else:
                self._serve(block, *service)
        elif block.language == "python":
            script = self.directory / f".block-{block.line}.py"
            script.write_text(block.text, encoding="utf-8")
            self._printed = self._shell(block, f"python {script.name}")

    def stop(self) -> None:
        """End the services, the last one first, as Ctrl-C would."""
        for command in reversed([*self._services]):
            self._end(self._services.pop(command))

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _script(self, text: str, *, keep: bool) -> str:
        state = self.directory / ".state"
        kept = f"\nexport -p > {state}; pwd > {state}.directory\n" if keep else ""
        begin = f'if [ -e {state} ]; then source {state}; cd "$(cat {state}.directory)"; fi\n'
        return f"{begin}set -e -o pipefail\n{text}{kept}"

    def _shell(self, block: Block, text: str) -> str:
        command = ["bash", "-c", self._script(text, keep=True)]
        done = subprocess.run(
            command,
            cwd=self.directory,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_BLOCK_S,
            check=False,
        )
        printed = done.stdout.decode()
        if done.returncode:
            raise PageFailed(f"{self._place(block)} ended with {done.returncode}:\n{block.text}\n{printed[-4000:]}")
        return printed

    def _serve(self, block: Block, command: str, ready: str) -> None:
        if command in self._services:
            self._end(self._services.pop(command))
        log = self.directory / f".service-{block.line}.log"
        with log.open("wb") as said:
            process = subprocess.Popen(
                ["bash", "-c", self._script(block.text, keep=False)],
                cwd=self.directory,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        self._services[command] = process
        deadline_s = time.monotonic() + _READY_S
        while not re.search(ready, log.read_text(encoding="utf-8")):
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise PageFailed(f"{self._place(block)} didn't get ready:\n{block.text}\n{log.read_text()[-4000:]}")
            time.sleep(0.05)

    def _compare(self, block: Block) -> None:
        at = 0
        for line in filter(None, map(str.strip, block.text.splitlines())):
            pattern = ".*".join(re.escape(" ".join(part.split())).replace(r"\ ", r"\s+") for part in line.split("…"))
            found = re.compile(pattern).search(self._printed, at)
            if found is None:
                raise PageFailed(f"{self._place(block)}: not printed, or not in this place:\n{line}\n\n{self._printed}")
            at = found.end()

    def _place(self, block: Block) -> str:
        return f"{self.page}:{block.line}"

    def _environment(self) -> dict[str, str]:
        """Return the environment of a reader: nothing of the tests', and a small Spark that stays on this machine."""
        own = ("NLPBATCH_", "PYTEST", "PYTHONWARNINGS", "VIRTUAL_ENV")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        spark = {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_CONF_DIR": str(self.directory / _SPARK_CONF)}
        return kept | spark | {"LC_ALL": "C.UTF-8"}
