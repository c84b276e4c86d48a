"""A command that gets the alert as JSON on its standard input. What it prints is its own business, and not logged."""

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePath

from nlpbatch.alerts.alert import Alert
from nlpbatch.alerts.hook import HookFailed, HookRefused


@dataclass(frozen=True, slots=True)
class Command:
    """Runs a command for each alert.

    Args:
        words: The program and its arguments; no shell is between.
        environment: Its environment, without keys that it has no use for.

    """

    words: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)

    @property
    def place(self) -> str:
        """Return what logs name it; arguments may be secret."""
        return f"command {PurePath(self.words[0]).name}"

    def send(self, alert: Alert, timeout_s: float) -> None:
        """Run it; with all that it has started it is ended when its time is up.

        Raises:
            HookFailed: It ended with another code than 0, or not in time; HookRefused: it can't be run.

        """
        nowhere = subprocess.DEVNULL
        try:
            process = subprocess.Popen(
                self.words,
                env=dict(self.environment),
                stdin=subprocess.PIPE,
                stdout=nowhere,
                stderr=nowhere,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise HookRefused(f"can't be run: {getattr(error, 'strerror', None) or error}") from error
        try:
            process.communicate(alert.to_json().encode() + b"\n", timeout_s)
        except subprocess.TimeoutExpired as error:
            raise HookFailed(f"had not ended after {timeout_s:.0f} s, and was ended") from error
        finally:
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.returncode:
            raise HookFailed(f"ended with {process.returncode}")
