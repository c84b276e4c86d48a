"""The driver that holds an output: its machine and process, and whether the process has ended."""

import os
import socket
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nlpbatch.older_python import Self
from nlpbatch.spark.runs.attempts import now_text

_STAT_STATE, _STAT_STARTED = 0, 19
"""Fields of /proc/PID/stat after the command's name."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The driver that holds a lease.

    Args:
        key: Identifies this lease.
        host: Name of its machine.
        machine: Machine, boot and process namespace: process ids are compared only where this is the same.
        process: Id of its process, and when that was started, so that ids that are used again don't deceive.
        application: Spark's id of the application.
        started_at: ISO 8601, UTC.
        renewed_at: When it last said that it lives.

    """

    key: str
    host: str
    machine: str
    process: tuple[int, str]
    application: str
    started_at: str
    renewed_at: str

    @classmethod
    def here(cls, application: str) -> Self:
        """Return this process as a holder."""
        now = now_text()
        pid = os.getpid()
        return cls(
            uuid.uuid4().hex, socket.gethostname(), _machine(), (pid, process_start(pid) or ""), application, now, now
        )

    @property
    def is_gone(self) -> bool:
        """Return whether its process has ended, as far as can be seen from here."""
        pid, started = self.process
        return self.machine == _machine() and process_start(pid) != started

    def __str__(self) -> str:
        """Return it for people."""
        return f"{self.application} on {self.host} (process {self.process[0]}, since {self.started_at})"


def _machine() -> str:
    """Return what is the same for all processes whose ids can be compared with ours."""
    boot, namespace = "", ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = str(Path("/proc/self/ns/pid").readlink())
    return f"{socket.gethostname()} {boot} {namespace}".rstrip()


def process_start(pid: int) -> str | None:
    """Return when a process was started, in the system's own units; "" if the system doesn't say, None if it ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return _start_elsewhere(pid)
    return None if fields[_STAT_STATE] == "Z" else fields[_STAT_STARTED]


def _start_elsewhere(pid: int) -> str | None:
    """Return "" for a process that lives on a system without /proc."""
    if Path("/proc/self").exists():
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return ""
