"""Whether files are so large that a job on a cluster is the better way; pure."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from nlpbatch.wire.limits import GIB
from nlpbatch.wire.options import DEFAULT_OPTIONS, Options

MAX_BYTES: Final = GIB
MAX_LEFT_S: Final = 30 * 60.0
_MEASURED_S: Final = 20.0
"""Time from which the rate so far says how long the rest will take."""


@dataclass(slots=True)
class LargeHint:
    """Says once how to submit the job instead.

    Args:
        command: The command.
        size_bytes: Bytes of all files.

    """

    command: str
    size_bytes: int
    _is_said: bool = field(default=False, init=False)

    def at_start(self) -> str | None:
        """Return the hint if the files are large."""
        return self._say(f"the input has {self.size_bytes / GIB:.1f} GiB") if self.size_bytes > MAX_BYTES else None

    def after(self, seconds: float, share: float) -> str | None:
        """Return the hint if the rest will take long.

        Args:
            seconds: Since the start.
            share: Part of the rows that this start has done, of those that it has to do.

        """
        if seconds < _MEASURED_S or share <= 0:
            return None
        left_s = seconds * (1 - share) / share
        return self._say(f"this will take another {left_s / 60:,.0f} minutes") if left_s > MAX_LEFT_S else None

    def _say(self, why: str) -> str | None:
        if self._is_said:
            return None
        self._is_said = True
        return f"{why}; to use a cluster, and more workers at once, submit the job instead: {self.command}"


def job_command(inputs: Sequence[str], text: Sequence[str], service: str, asked: Options = DEFAULT_OPTIONS) -> str:
    """Return the command that submits the job for an input."""
    columns = [part for name in text for part in ("--text", name)]
    given = ["--input", inputs[0], *columns, "--output", "OUTPUT_DIRECTORY", "--service", service]
    if asked.operation == "call":
        given += ["--analyzer", asked.analyzer, "--operation", "call"]
        given += ["--option", f"operation={asked.called}"] if asked.called else []
    return shlex.join(["spark-submit", "jobs/analyze.py", *given])
