"""The journal of one process: files that survive its death, each of them one batch for the ledger's book.

    DIRECTORY/journals/ID/lock          locked by the process that writes, or by the one that carries what it left
    DIRECTORY/journals/ID/00000001      the lines of batch 1; the highest number is the one that is written to
    DIRECTORY/journals/ID/added-up      a file that replaces another one; left over only by a kill in the middle

A line that can't be written (a full disk) is counted in memory only: it still reaches the book, unless the process is
killed before. No failure here reaches a request.
"""

import contextlib
import fcntl
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from proxy.ledger.counters import Rows, read_lines

_LOCK: Final = "lock"
_ADDED_UP: Final = "added-up"
_log = logging.getLogger("nlpbatch.proxy")


class Journal:
    """What one process has counted and not yet carried; `create` makes one, `adopt` takes over a dead process's.

    Args:
        directory: Its files; its name is the journal's id.
        lock: File descriptor that holds the lock.
        on_error: Called when a line or file can't be written or read.

    """

    def __init__(self, directory: Path, lock: int, on_error: Callable[[], None]) -> None:
        self.directory = directory
        self.id = directory.name
        self.size_bytes = 0
        """Of the file that is written to."""
        self._lock = lock
        self._on_error = on_error
        self._fd: int | None = None
        self._number = 0
        self._torn = False
        self._failing = False

    @classmethod
    def create(cls, directory: Path, on_error: Callable[[], None]) -> Self:
        """Return a new journal, locked and ready to be written to.

        Raises:
            OSError: The directory can't be written to, or another process was faster to lock it.

        """
        directory.mkdir(parents=True)
        journal = cls(directory, _locked(directory), on_error)
        journal._open(1)
        return journal

    @classmethod
    def adopt(cls, directory: Path, on_error: Callable[[], None]) -> Self | None:
        """Return the journal of a process that is dead, locked; None while its process lives, or if it is gone."""
        try:
            return cls(directory, _locked(directory), on_error)
        except OSError:
            return None

    @property
    def number(self) -> int:
        """Return the number of the batch that is written to."""
        return self._number

    def append(self, line: bytes) -> None:
        """Write a line; one that can't be written is reported, not raised."""
        if self._fd is None:
            return
        if self._torn:  # a line that was cut off by a full disk must not spoil the next one
            line = b"\n" + line
        try:
            written = os.write(self._fd, line)
        except OSError as error:
            self._failed(error.strerror)
            return
        self.size_bytes += written
        self._torn = written < len(line)
        if self._torn:
            self._failed("only a part of a line could be written")
        elif self._failing:
            self._failing = False
            _log.info("ledger's journal written again", extra={"journal": str(self.directory)})

    def seal(self) -> int:
        """Write to the next file from now on; return the number of the batch that is finished."""
        sealed = self._number
        self._close()
        self._number += 1
        try:
            self._open(self._number)
        except OSError as error:  # lines are in memory only until the next try
            self._failed(error.strerror)
        return sealed

    def add_up(self, rows: Rows) -> None:
        """Replace the lines of the file that is written to by one for each row, which are their sums."""
        if self._fd is None:
            return
        aside = self.directory / _ADDED_UP
        try:
            content = rows.lines()
            aside.write_bytes(content)
            aside.rename(self._file(self._number))
            self._close()
            self._open(self._number)
        except OSError as error:
            self._failed(error.strerror)

    def left(self) -> list[int]:
        """Return the numbers of the batches in files, in their order."""
        with contextlib.suppress(OSError):
            return sorted(int(path.name) for path in self.directory.iterdir() if path.name.isdigit())
        return []

    def read(self, number: int) -> Rows:
        """Return what a file adds up to; lines that are damaged or half written are left out, and reported.

        Raises:
            OSError: It can't be read.

        """
        rows, damaged = read_lines(self._file(number).read_bytes())
        if damaged:
            _log.warning(
                "ledger's journal has damaged lines", extra={"file": str(self._file(number)), "lines": damaged}
            )
            self._on_error()
        return rows

    def remove(self, number: int) -> None:
        """Remove the file of a batch that was carried."""
        with contextlib.suppress(OSError):
            self._file(number).unlink(missing_ok=True)

    def set_aside(self, number: int) -> None:
        """Keep the file of a batch under another name, where nobody carries it."""
        with contextlib.suppress(OSError):
            self._file(number).rename(self._file(number).with_suffix(".refused"))

    @property
    def is_refused(self) -> bool:
        """Return whether a batch was set aside: the files stay then, for the operator."""
        return any(self.directory.glob("*.refused"))

    def close(self, *, remove: bool) -> None:
        """Unlock it; remove its files if all of them were carried."""
        self._close()
        if remove and not self.is_refused:
            shutil.rmtree(self.directory, ignore_errors=True)
        os.close(self._lock)

    def _file(self, number: int) -> Path:
        return self.directory / f"{number:08}"

    def _open(self, number: int) -> None:
        self._number = number
        # One write is one line, at the end, whoever else has the file open.
        self._fd = os.open(self._file(number), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        self.size_bytes = os.fstat(self._fd).st_size
        self._torn = False

    def _close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
        self._fd = None

    def _failed(self, reason: str | None) -> None:
        self._on_error()
        if not self._failing:
            self._failing = True
            _log.error(
                "ledger's journal not written: counts are lost if this proxy is killed",
                extra={"journal": str(self.directory), "reason": reason},
            )


def _locked(directory: Path) -> int:
    lock = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT, 0o640)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock
