"""Kills workers whose document takes too long or too much memory, and finds which document a dead worker was on.

The engine can't be interrupted, so the watchdog kills a worker that is over a limit; its document gets an error, and
another worker analyses its neighbours. A worker that dies outside of a document, such as while it prepares the options,
counts against its chunk, and against the options.
"""

import contextlib
import logging
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nlpbatch.engine.poison import DEATHS, PoisonedOptions
from nlpbatch.engine.quarantine import Quarantine
from nlpbatch.engine.queue import QueuedChunk
from nlpbatch.engine.scoreboard import NONE, Scoreboard, WorkerStatus
from nlpbatch.wire.limits import MIB
from nlpbatch.wire.options import Options
from nlpbatch.wire.outcome import DEADLINE_EXCEEDED, MEMORY_EXCEEDED, WORKER_DIED, DocumentError

CHECK_PERIOD_S: Final = 0.05
"""Seconds between two checks of the workers, and so the most by which a document exceeds its time."""
_LONGEST_STEP_S: Final = 0.5
_MEMORY_CHECK_AFTER_S: Final = 0.1
"""Age of a document from which its worker's memory is read: each reading costs 20 µs."""
_BLOATED_SHARE: Final = 0.25
"""Share of the memory limit above which an idle worker is replaced."""
_REMEMBERED: Final = 256
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_log = logging.getLogger("nlpbatch.engine")

_DIED: Final = DocumentError(
    WORKER_DIED, "the worker process died on this document: send it again alone, or report it to the operator"
)
_LOST: Final = DocumentError(
    WORKER_DIED,
    f"{DEATHS} worker processes died on this part of the request, on none of its documents: send it again with fewer "
    "documents, or report it to the operator",
)


@dataclass(frozen=True, slots=True)
class _Kill:
    """The document that a worker was killed for, and its error."""

    job_id: int
    document: int
    error: DocumentError


@dataclass(frozen=True, slots=True)
class _Cause:
    """The probable cause of a death: a document, or the options where `document` is None."""

    options: Options
    document: bytes | None
    code: str


class Watchdog:
    """Holds the workers of one pool to their limits.

    Args:
        scoreboard: Has the document that each worker is on.
        deadline_s: How long one document may take.
        memory_bytes: How much a worker may grow beyond its size at its start.

    """

    def __init__(self, scoreboard: Scoreboard, *, deadline_s: float, memory_bytes: int) -> None:
        self._scoreboard = scoreboard
        self._deadline_s = deadline_s
        self._memory_bytes = memory_bytes
        self._first_bytes: dict[int, int] = {}
        self._kills: dict[int, _Kill] = {}
        self._watched: dict[int, tuple[WorkerStatus, float]] = {}
        """The status of each busy worker, and for how many seconds it has had this status."""
        self._checked_s = time.monotonic()
        self._probable: dict[int, _Cause] = {}
        self._exit_statuses: dict[int, int] = {}
        self.quarantine = Quarantine()
        self.questions = PoisonedOptions()

    def started(self, slot: int, pid: int) -> None:
        """Record the size of a new worker."""
        self._first_bytes[slot] = _resident_bytes(pid)
        self._kills.pop(slot, None)

    def check(self, busy: Iterable[tuple[int, int]]) -> None:
        """Kill the workers that are over a limit; `busy` has slot and process id of those at work."""
        now_s = time.monotonic()
        # A host may be suspended, and everything on it: that time is no document's.
        step_s, self._checked_s = min(now_s - self._checked_s, _LONGEST_STEP_S), now_s
        watched, self._watched = self._watched, {}
        for slot, pid in busy:
            status = self._scoreboard.read(slot)
            if slot in self._kills:
                continue
            before, age_s = watched.get(slot, (None, 0.0))
            age_s = age_s + step_s if before == status else 0.0
            self._watched[slot] = (status, age_s)
            error = self._exceeded_limit(slot, pid, status, age_s)
            if error is not None:
                self._kills[slot] = _Kill(status.job_id, status.document, error)
                _log.warning("worker killed", extra={"slot": slot, "pid": pid, "reason": error.code})
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def is_bloated(self, slot: int, pid: int) -> bool:
        """Return whether an idle worker still holds much of the memory that its documents took."""
        return self._grown_bytes(slot, pid) > self._memory_bytes * _BLOATED_SHARE

    def blame(self, queued: QueuedChunk, slot: int, pid: int) -> None:
        """Record the error of the document that killed a worker; count a death on no document against the chunk."""
        status, kill = self._scoreboard.read(slot), self._kills.pop(slot, None)
        if kill is not None and (kill.job_id, kill.document) != (status.job_id, status.document):
            return  # it was killed for a document that it had just finished
        job, certain = queued.job, kill is not None
        if status.job_id == job.job_id and status.document != NONE:
            error = _DIED if kill is None else kill.error
            document = job.documents[status.document].as_py()
            self._record_cause(pid, _Cause(job.options, document, error.code), certain=certain)
            queued.job = job.with_failed({status.document: error})
            return
        queued.deaths += 1
        self._record_cause(pid, _Cause(job.options, None, WORKER_DIED), certain=certain)
        if queued.deaths >= DEATHS:
            queued.job = job.with_failed(dict.fromkeys(range(len(job.documents)), _LOST))

    def ended(self, pid: int, exit_status: int) -> None:
        """Record how a worker ended: its document is to blame for a crash, not for a kill from outside."""
        cause = self._probable.pop(pid, None)
        if cause is None:
            _remember(self._exit_statuses, pid, exit_status)
        elif exit_status != -signal.SIGKILL:
            self._count_offence(cause)

    def _record_cause(self, pid: int, cause: _Cause, *, certain: bool) -> None:
        """Count the offence of a cause at once if it is certain, else when the worker's exit status is known."""
        exit_status = self._exit_statuses.pop(pid, None)
        if certain or (exit_status is not None and exit_status != -signal.SIGKILL):
            self._count_offence(cause)
        elif exit_status is None:
            _remember(self._probable, pid, cause)

    def _count_offence(self, cause: _Cause) -> None:
        now_s = time.monotonic()
        if cause.document is not None:
            self.quarantine.offend(cause.document, cause.code, now_s)
        if cause.code == WORKER_DIED:  # over a limit, only the document is to blame
            self.questions.died(cause.options, now_s)

    def _exceeded_limit(self, slot: int, pid: int, status: WorkerStatus, age_s: float) -> DocumentError | None:
        if age_s > self._deadline_s:
            return DocumentError(
                DEADLINE_EXCEEDED,
                f"the analysis took longer than {self._deadline_s:g} s: split the text, or raise limits.document_s "
                "of the service",
            )
        if status.document == NONE:
            return None
        if age_s > _MEMORY_CHECK_AFTER_S and self._grown_bytes(slot, pid) > self._memory_bytes:
            return DocumentError(
                MEMORY_EXCEEDED,
                f"the analysis took more than {self._memory_bytes / MIB:,.0f} MiB: split the text, or raise "
                "pool.memory_bytes of the service",
            )
        return None

    def _grown_bytes(self, slot: int, pid: int) -> int:
        return _resident_bytes(pid) - self._first_bytes.get(slot, 0)


def _remember(known: dict[int, Any], pid: int, value: Any) -> None:
    """Keep a value for a process; of unclaimed values, only the latest are kept."""
    known[pid] = value
    while len(known) > _REMEMBERED:
        del known[next(iter(known))]


def _resident_bytes(pid: int) -> int:
    """Return the resident memory of a process, 0 if there is none (or no way to know)."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return 0
