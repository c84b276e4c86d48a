"""Shared memory in which each worker notes what it is working on, so that the pool knows what it died on.

One slot per worker: job, document within the job (or NONE between documents), and when it began.
A note costs well under a microsecond; a message per document would wake the pool thousands of times a second.
"""

import mmap
import os
import struct
import tempfile
from dataclasses import dataclass
from typing import Final, Self

NONE: Final = -1
_NOTE: Final = struct.Struct("=QqQ")


@dataclass(frozen=True, slots=True)
class Note:
    """What a worker was doing when it last said so; `started_ns` is on the monotonic clock."""

    job_id: int
    document: int
    started_ns: int


class Board:
    """A file without a name, mapped by the pool and by every worker."""

    def __init__(self, fd: int, slots: int) -> None:
        self.fd = fd
        self._memory = mmap.mmap(fd, slots * _NOTE.size)

    @classmethod
    def create(cls, slots: int) -> Self:
        """Return a new board with all slots at NONE."""
        with tempfile.TemporaryFile() as file:
            file.truncate(slots * _NOTE.size)
            board = cls(os.dup(file.fileno()), slots)
        for slot in range(slots):
            board.write(slot, 0, NONE, 0)
        return board

    def write(self, slot: int, job_id: int, document: int, started_ns: int) -> None:
        """Note what the worker in the slot begins."""
        _NOTE.pack_into(self._memory, slot * _NOTE.size, job_id, document, started_ns)

    def read(self, slot: int) -> Note:
        """Return the last note of the worker in the slot."""
        return Note(*_NOTE.unpack_from(self._memory, slot * _NOTE.size))

    def close(self) -> None:
        """Unmap and close; the workers keep their own mapping."""
        self._memory.close()
        os.close(self.fd)
