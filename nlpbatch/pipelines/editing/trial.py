"""One trial of a recipe: `nlpbatch run FILE --on sample` as a process, followed while it runs, and stopped on demand.

running ── exit code 0 or 3 ──> done
   │    └─ any other ─────────> failed
   └── stop ──> stopping ── the process ends ──> stopped
"""

import asyncio
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal

from nlpbatch.pipelines.editing.draft import describe_fault
from nlpbatch.program import LOOK
from nlpbatch.recipe.faults import Fault
from nlpbatch.recipe.graph import graph_of
from nlpbatch.recipe.recipe_file import KEYS, Recipe

State = Literal["running", "stopping", "done", "failed", "stopped"]
_LINES: Final = 400
_LONGEST: Final = 2_000
_LINE_BYTES: Final = 1024 * 1024
_STOP_S: Final = 60.0
"""Spark, a proxy and an API end in order within this time; then they are killed."""
_KILLED_S: Final = 5.0
_ENDED: Final = re.compile(r"recipe: (?P<stage>[a-z-]+): done(?: |$)")
_BEGUN: Final = re.compile(r"recipe: (?P<stage>[a-z-]+): (?:started|stale)")
_SAID: Final = re.compile(r"(?:recipe|nlpbatch): (?:failed: )?")


class Trial:
    """A trial; `start` it once.

    Args:
        recipe: With its variables filled in.
        name: Of its file.
        text: The file.
        settings: Values of its placeholders, as `--set` takes them.
        overwrite: Whether to also run stages that are done, and to replace a dump that was made otherwise.

    """

    def __init__(self, recipe: Recipe, name: str, text: str, settings: Sequence[str], *, overwrite: bool) -> None:
        self.recipe = recipe
        self.state: State = "running"
        self._graph = graph_of(recipe, on_sample=True)
        self._name = name
        self._text = text
        self._options = [part for setting in settings for part in ("--set", setting)]
        self._options += ["--overwrite"] if overwrite else []
        self._lines: deque[str] = deque(maxlen=_LINES)
        self._ended_stages: set[str] = set()
        self._at: str | None = None
        self._outcome: Mapping[str, Any] = {}
        self._started_s = time.monotonic()
        self._seconds: float | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._following: asyncio.Task[None] | None = None

    @property
    def is_over(self) -> bool:
        """Return whether its process has ended."""
        return self.state not in {"running", "stopping"}

    async def start(self) -> None:
        """Start the process."""
        directory = Path(tempfile.mkdtemp(prefix="nlpbatch-trial-"))
        try:
            await self._start(directory)
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise

    async def _start(self, directory: Path) -> None:
        file = directory / Path(self._name).name  # records name the file
        file.write_bytes(self._text.encode())
        outcome = directory / "outcome.json"
        command = [sys.executable, "-m", "nlpbatch", "run", str(file), "--on", "sample", "--outcome", str(outcome)]
        environment = {name: value for name, value in os.environ.items() if name != "NLPBATCH_RUNS_KEY"}
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "nlpbatch.serving.tied", str(os.getpid()), *command, *self._options),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches the page alone, which then stops it
            limit=_LINE_BYTES,
            env={**environment, "PYTHONUNBUFFERED": "1"},
        )
        self._following = asyncio.create_task(self._follow(self._process, directory, outcome), name="trial")

    async def stop(self) -> None:
        """Stop it, and return when it has ended."""
        process, following = self._process, self._following
        if process is None or following is None or self.is_over:
            return
        if self.state == "running":
            self.state = "stopping"
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        ended, _ = await asyncio.wait([following], timeout=_STOP_S)
        if not ended:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.wait([following], timeout=_KILLED_S)
            following.cancel()

    def describe(self) -> dict[str, Any]:
        """Return what it is at: `state`, `seconds`, `lines`, `stages` with their states, `faults`, `warnings`."""
        return {
            "state": self.state,
            "seconds": round(time.monotonic() - self._started_s if self._seconds is None else self._seconds, 1),
            "lines": list(self._lines),
            "stages": {name: self._state_of(name) for name in self._graph},
            "results": {one["stage"]: one["result"] for one in self._outcome.get("stages", ())},
            "faults": [describe_fault(fault) for fault in self._faults()],
            "code": (self._outcome.get("error") or {}).get("code"),
            "warnings": list(self._outcome.get("warnings", ())),
        }

    async def _follow(self, process: asyncio.subprocess.Process, directory: Path, outcome: Path) -> None:
        code = None
        try:
            await self._read(process)
            code = await process.wait()
            self._outcome = await asyncio.to_thread(_read_outcome, outcome)
        finally:
            shutil.rmtree(directory, ignore_errors=True)
            self._seconds = time.monotonic() - self._started_s
            self._ended_stages |= {one["stage"] for one in self._outcome.get("stages", ())}
            ended: State = "done" if code in {0, LOOK} else "failed"
            self.state = "stopped" if self.state == "stopping" else ended

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        output = process.stdout
        while output is not None:
            try:
                line = await output.readline()
            except ValueError:
                continue  # longer than any line that is ours; its rest comes as the next
            if not line:
                return
            for part in line.decode(errors="replace").rstrip().split("\r"):
                self._note(part[:_LONGEST])

    def _note(self, line: str) -> None:
        self._lines.append(line)
        if found := _ENDED.match(line):
            self._ended_stages.add(found["stage"])
            self._at = None
        elif found := _BEGUN.match(line):
            self._at = found["stage"]

    def _state_of(self, name: str) -> str:
        if name in self._ended_stages:
            return "done"
        unended = next((one for one in self._graph if one not in self._ended_stages), None)
        if name != (self._at or unended):
            return "to do"
        # Before the first stage begins, a session is started and the recipe is checked: nothing runs yet.
        has_begun = self._at is not None or bool(self._ended_stages)
        return {"running": "running" if has_begun else "to do", "failed": "failed" if has_begun else "to do"}.get(
            self.state, "to do"
        )

    def _faults(self) -> list[Fault]:
        """Return what it failed with, each line with its place in the recipe."""
        if self.state != "failed":
            return []
        error = self._outcome.get("error")
        if error is not None:
            return [_placed(line) for line in str(error["message"]).splitlines()]
        said = [line for line in self._lines if _SAID.match(line)]
        return [_placed(_SAID.sub("", line, count=1)) for line in said[-1:]]


def _read_outcome(file: Path) -> Mapping[str, Any]:
    """Return what the command wrote; nothing, if it ended before it could write that."""
    with suppress(OSError, ValueError):
        found: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return found
    return {}


def _placed(line: str) -> Fault:
    return Fault.placed(line, KEYS)
