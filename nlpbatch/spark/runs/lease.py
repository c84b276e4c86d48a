"""Lets one driver at a time write a directory. The driver renews its lease every few seconds while it lives.

    free ── create NNNNNN.json ──> held ── delete ──> free
                                    │ renewed by a heartbeat
                                    └── its process is gone, or no renewal for a while ──> taken over as NNNNNN + 1

The record with the highest number is valid. It is created exclusively, so only one of two drivers gets it. A driver
whose lease was taken over, perhaps because its machine slept, notices before it makes anything part of the output.
"""

import json
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from types import TracebackType
from typing import Final

from nlpbatch.errors import ConfigError, OutputInUse
from nlpbatch.older_python import Self
from nlpbatch.spark.runs.attempts import now_text
from nlpbatch.spark.runs.holder import Holder
from nlpbatch.spark.storage import Storage

RENEW_S: Final = 5.0
EXPIRE_S: Final = 20.0
"""A driver of another machine counts as dead after this time without a renewal."""
_POLL_S: Final = 0.5
_DIGITS: Final = 6


class OutputLease:
    """The lease of one directory, acquired on entering the context and released on leaving it.

    Args:
        output: What is written.
        directory: Where in it the records are.
        application: Spark's id of the application.
        say: Called with a message when the lease of another driver is waited for.
        expire_s: Seconds without a renewal after which a holder counts as dead.

    Raises:
        OutputInUse: Another driver holds it and is alive.

    """

    def __init__(
        self,
        output: Storage,
        directory: str,
        application: str,
        *,
        say: Callable[[str], None] | None = None,
        expire_s: float = EXPIRE_S,
    ) -> None:
        self._output = output
        self._directory = directory
        self._holder = Holder.here(application)
        self._say = say or _to_stderr
        self._expire_s = expire_s
        self._number = 0
        self._writing = threading.Lock()
        self._ended = threading.Event()
        self._heartbeat = threading.Thread(target=self._renew, name="nlpbatch-lease", daemon=True)

    def __enter__(self) -> Self:
        """Acquire it; wait while its holder may be dead."""
        while not self._take(self._wait_until_free()):
            pass
        self._heartbeat.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release it."""
        self._ended.set()
        self._heartbeat.join()
        with suppress(ConfigError):  # a file system that is away: the lease expires by itself
            if self._is_mine(self._number):
                self._output.delete(self._name(self._number))

    def delete_output(self) -> None:
        """Delete everything in the directory, and keep the lease.

        Raises:
            OutputInUse: Another driver was faster.

        """
        with self._writing:
            self._output.delete()
            taken = self._take(0)
        if not taken:
            self.check()

    def check(self) -> None:
        """Refuse to continue if another driver has the lease.

        Raises:
            OutputInUse: Naming the new holder.

        """
        with self._writing:
            number = self._newest()
            holder = self._read(number) if number else None
        if number == self._number and (holder is None or holder.key == self._holder.key):
            return  # a record that can't be read is one that couldn't be renewed
        by = f"by {holder}" if holder is not None else "and released"
        raise OutputInUse(f"output {self._output.url} was taken over {by} while this driver didn't renew its lease")

    def _wait_until_free(self) -> int:
        """Return the number of the lease that can be taken over; 0 if there is none.

        Raises:
            OutputInUse: Its holder has renewed it meanwhile.

        """
        number, first = self._newest(), None
        seen = self._read(number) if number else None
        deadline_s = time.monotonic() + self._expire_s
        while number and not (seen is not None and seen.is_gone) and time.monotonic() < deadline_s:
            if seen is not None and first is None:
                first = seen
                self._say(f"output {self._output.url} is held by {seen}: waiting up to {self._expire_s:g} s for a sign")
            if seen is not None and seen != first:
                raise OutputInUse(
                    f"output {self._output.url} is being written by {seen}: wait for it, stop it, "
                    "or choose another output"
                )
            time.sleep(_POLL_S)
            number = self._newest()
            seen = self._read(number) if number else None
        return number

    def _take(self, number: int) -> bool:
        """Take over the lease of this number; return whether it worked, which it doesn't if another was faster."""
        if not self._output.create(self._name(number + 1)):
            return False
        self._number = number + 1
        self._write()
        for older in self._output.names(self._directory):
            if _number(older) not in (None, self._number):
                self._output.delete(f"{self._directory}/{older}")
        return True

    def _renew(self) -> None:
        while not self._ended.wait(RENEW_S):
            with self._writing, suppress(ConfigError):  # the file system may be back in time
                if self._newest() == self._number:
                    self._write()

    def _write(self) -> None:
        record = json.dumps(asdict(replace(self._holder, renewed_at=now_text())), ensure_ascii=False, indent=2)
        # In place: where a file is replaced by renaming another, there is none for a moment on local disks.
        self._output.rewrite_text(self._name(self._number), record + "\n")

    def _newest(self) -> int:
        numbers = map(_number, self._output.names(self._directory))
        return max((number for number in numbers if number is not None), default=0)

    def _is_mine(self, number: int) -> bool:
        holder = self._read(number)
        return holder is not None and holder.key == self._holder.key

    def _read(self, number: int) -> Holder | None:
        """Return a record; None if it is gone by now, or has just been created."""
        try:
            members = json.loads(self._output.read_text(self._name(number)))
            return Holder(**members | {"process": tuple(members["process"])})
        except (ConfigError, ValueError, TypeError, KeyError):
            return None

    def _name(self, number: int) -> str:
        return f"{self._directory}/{number:0{_DIGITS}d}.json"


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"nlpbatch: {line}\n")


def _number(name: str) -> int | None:
    stem = name.removesuffix(".json")
    return int(stem) if stem != name and stem.isdecimal() else None
