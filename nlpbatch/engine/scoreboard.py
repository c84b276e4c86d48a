"""Shared memory in which each worker writes which document it is working on, so that the pool knows it after a death.

One slot per worker: job, document within the job (or NONE between documents), and when it began.
A write costs well under a microsecond; a message per document would wake the pool thousands of times a second.
"""

import mmap
import os
import struct
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

NONE: Final = -1
_STATUS: Final = struct.Struct("=QqQ")


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """The document that a worker last reported; `started_ns` is on the monotonic clock."""

    job_id: int
    document: int
    started_ns: int


class Scoreboard:
    """A file without a name, mapped by the pool and by every worker."""

    def __init__(self, fd: int, slots: int) -> None:
        self.fd = fd
        self._memory = mmap.mmap(fd, slots * _STATUS.size)

    @classmethod
    def create(cls, slots: int) -> Self:
        """Return a new scoreboard with all slots at NONE."""
        with tempfile.TemporaryFile() as file:
            file.truncate(slots * _STATUS.size)
            scoreboard = cls(os.dup(file.fileno()), slots)
        for slot in range(slots):
            scoreboard.write(slot, 0, NONE, 0)
        return scoreboard

    def write(self, slot: int, job_id: int, document: int, started_ns: int) -> None:
        """Write which document the worker in the slot begins."""
        _STATUS.pack_into(self._memory, slot * _STATUS.size, job_id, document, started_ns)

    def reporter(self, slot: int, job_id: int) -> Callable[[int], None]:
        """Return a function that writes which document of a job the worker in the slot begins now."""
        memory, offset, pack, now_ns = self._memory, slot * _STATUS.size, _STATUS.pack_into, time.monotonic_ns

        def report(document: int) -> None:
            pack(memory, offset, job_id, document, now_ns())

        return report

    def read(self, slot: int) -> WorkerStatus:
        """Return the last status of the worker in the slot."""
        return WorkerStatus(*_STATUS.unpack_from(self._memory, slot * _STATUS.size))

    def close(self) -> None:
        """Unmap and close; the workers keep their own mapping."""
        self._memory.close()
        os.close(self.fd)
