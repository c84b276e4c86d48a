"""A child process that is restarted when it dies: first at once, then after growing pauses."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_STEADY_S: Final = 60.0
"""A process that has run this long counts as recovered from its earlier deaths."""


class Pauses:
    """The pauses before restarts of a process that dies repeatedly. Pure.

    Args:
        first_s: The first of them.

    """

    def __init__(self, first_s: float = FIRST_PAUSE_S) -> None:
        self._first_s = self._next_s = first_s

    def after(self, ran_s: float) -> float:
        """Return the pause, twice the last one unless the process had run for a while."""
        pause_s = self._first_s if ran_s >= _STEADY_S else self._next_s
        self._next_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        return pause_s


class Child:
    """A Python module that runs with these arguments; call `start` once, then `tend` regularly.

    Args:
        name: In messages.
        arguments: Of its command line.
        module: What `python -m` runs.
        first_pause_s: Pause before the first restart.

    """

    def __init__(
        self, name: str, arguments: Sequence[str], *, module: str = "nlpbatch", first_pause_s: float = FIRST_PAUSE_S
    ) -> None:
        self.name = name
        self._command = (sys.executable, "-m", module, *arguments)
        self._pauses = Pauses(first_pause_s)
        self._process: subprocess.Popen[bytes] | None = None
        self._started_s = 0.0
        self._due_s: float | None = None

    @property
    def pid(self) -> int:
        """Return the id of the process that runs, or ran last; 0 before the first."""
        return 0 if self._process is None else self._process.pid

    @property
    def ended(self) -> bool:
        """Return whether it has been started and has ended."""
        return self._process is not None and self._process.poll() is not None

    def start(self, now_s: float) -> None:
        """Start it."""
        # A new session: Ctrl-C reaches only the parent, which then stops all in order.
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=sys.stderr, start_new_session=True
        )
        self._started_s, self._due_s = now_s, None

    def tend(self, now_s: float) -> str | None:
        """Restart it if it has died and its pause is over; return a message for the user, if there is one."""
        if not self.ended or self._process is None:
            return None
        if self._due_s is None:
            pause_s = self._pauses.after(now_s - self._started_s)
            self._due_s = now_s + pause_s
            return f"the {self.name} ended ({_how(self._process.returncode)}): starting it again in {pause_s:g} s"
        if now_s < self._due_s:
            return None
        self.start(now_s)
        return f"the {self.name} is started again"

    def terminate(self) -> None:
        """Tell it to end; it may take a while."""
        if self._process is not None:
            self._process.terminate()  # does nothing to one that has ended

    def stop(self, timeout_s: float) -> None:
        """End it in order.

        Raises:
            subprocess.TimeoutExpired: It took longer.

        """
        self.terminate()
        if self._process is not None:
            self._process.wait(timeout_s)

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _how(status: int) -> str:
    """Return how a process ended."""
    if status >= 0:
        return f"status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"
