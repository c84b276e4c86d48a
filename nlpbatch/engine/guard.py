"""Watches workers for documents that take too long or too much memory, and says what a dead worker was on.

The engine can't be interrupted, so a worker that is over a limit is killed; its document gets an error, its neighbours
are analysed by another worker. A worker that dies outside of a document, such as while it prepares the options, counts
against its piece, and against the question.
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

from nlpbatch.engine.poison import DEATHS, PoisonedQuestions
from nlpbatch.engine.quarantine import Quarantine
from nlpbatch.engine.queue import Pending
from nlpbatch.engine.scoreboard import NONE, Scoreboard, WorkerStatus
from nlpbatch.wire.limits import MIB
from nlpbatch.wire.options import Options
from nlpbatch.wire.outcome import DEADLINE_EXCEEDED, MEMORY_EXCEEDED, WORKER_DIED, DocumentError

LOOK_S: Final = 0.05
"""How often the workers are looked at: a limit is exceeded by that much at most."""
_LONGEST_STEP_S: Final = 0.5
_YOUNG_S: Final = 0.1
"""Memory is read of those only that are on a document for longer: reading costs 20 µs."""
_SWOLLEN_PART: Final = 0.25
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
class _Verdict:
    """Why a worker was killed: what it was on."""

    job_id: int
    document: int
    error: DocumentError


@dataclass(frozen=True, slots=True)
class _Suspect:
    """What a worker died of, if it crashed: a document, or the question where there is none."""

    options: Options
    document: bytes | None
    code: str


class Guard:
    """Looks after the workers of one pool.

    Args:
        scoreboard: Where they write which document they are on.
        deadline_s: How long one document may take.
        memory_bytes: How much a worker may grow beyond what it had when it was born.

    """

    def __init__(self, scoreboard: Scoreboard, *, deadline_s: float, memory_bytes: int) -> None:
        self._scoreboard = scoreboard
        self._deadline_s = deadline_s
        self._memory_bytes = memory_bytes
        self._born_bytes: dict[int, int] = {}
        self._verdicts: dict[int, _Verdict] = {}
        self._watched: dict[int, tuple[WorkerStatus, float]] = {}
        """What each busy worker is on, and for how long it has been seen on that."""
        self._looked_s = time.monotonic()
        self._suspects: dict[int, _Suspect] = {}
        self._statuses: dict[int, int] = {}
        self.quarantine = Quarantine()
        self.questions = PoisonedQuestions()

    def born(self, slot: int, pid: int) -> None:
        """Take note of a new worker's size."""
        self._born_bytes[slot] = _resident_bytes(pid)
        self._verdicts.pop(slot, None)

    def look(self, busy: Iterable[tuple[int, int]]) -> None:
        """Kill the workers that are over a limit; `busy` has slot and process id of those at work."""
        now_s = time.monotonic()
        # A host may be halted for a while, and everything on it: that is no document's time.
        step_s, self._looked_s = min(now_s - self._looked_s, _LONGEST_STEP_S), now_s
        watched, self._watched = self._watched, {}
        for slot, pid in busy:
            status = self._scoreboard.read(slot)
            if slot in self._verdicts:
                continue
            before, age_s = watched.get(slot, (None, 0.0))
            age_s = age_s + step_s if before == status else 0.0
            self._watched[slot] = (status, age_s)
            error = self._judge(slot, pid, status, age_s)
            if error is not None:
                self._verdicts[slot] = _Verdict(status.job_id, status.document, error)
                _log.warning("worker killed", extra={"slot": slot, "pid": pid, "reason": error.code})
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def is_swollen(self, slot: int, pid: int) -> bool:
        """Return whether a worker that is idle still holds much of what its documents took."""
        return self._grown_bytes(slot, pid) > self._memory_bytes * _SWOLLEN_PART

    def blame(self, pending: Pending, slot: int, pid: int) -> None:
        """Give the document that a dead worker was on its error; count a death on none of them against the piece."""
        status, verdict = self._scoreboard.read(slot), self._verdicts.pop(slot, None)
        if verdict is not None and (verdict.job_id, verdict.document) != (status.job_id, status.document):
            return  # it was killed for what it had just finished
        job, certain = pending.job, verdict is not None
        if status.job_id == job.job_id and status.document != NONE:
            error = _DIED if verdict is None else verdict.error
            document = job.documents[status.document].as_py()
            self._suspect(pid, _Suspect(job.options, document, error.code), certain=certain)
            pending.job = job.with_failed({status.document: error})
            return
        pending.deaths += 1
        self._suspect(pid, _Suspect(job.options, None, WORKER_DIED), certain=certain)
        if pending.deaths >= DEATHS:
            pending.job = job.with_failed(dict.fromkeys(range(len(job.documents)), _LOST))

    def ended(self, pid: int, status: int) -> None:
        """Take note of how a worker ended: what it was on is to blame for a crash, not for a kill from outside."""
        suspect = self._suspects.pop(pid, None)
        if suspect is None:
            _remember(self._statuses, pid, status)
        elif status != -signal.SIGKILL:
            self._convict(suspect)

    def _suspect(self, pid: int, suspect: _Suspect, *, certain: bool) -> None:
        """Hold a document or question to account, if need be as soon as it is known how the worker ended."""
        status = self._statuses.pop(pid, None)
        if certain or (status is not None and status != -signal.SIGKILL):
            self._convict(suspect)
        elif status is None:
            _remember(self._suspects, pid, suspect)

    def _convict(self, suspect: _Suspect) -> None:
        now_s = time.monotonic()
        if suspect.document is not None:
            self.quarantine.offend(suspect.document, suspect.code, now_s)
        if suspect.code == WORKER_DIED:  # a limit is exceeded by the document
            self.questions.died(suspect.options, now_s)

    def _judge(self, slot: int, pid: int, status: WorkerStatus, age_s: float) -> DocumentError | None:
        if age_s > self._deadline_s:
            return DocumentError(
                DEADLINE_EXCEEDED,
                f"the analysis took longer than {self._deadline_s:g} s: split the text, or raise limits.document_s "
                "of the service",
            )
        if status.document == NONE:
            return None
        if age_s > _YOUNG_S and self._grown_bytes(slot, pid) > self._memory_bytes:
            return DocumentError(
                MEMORY_EXCEEDED,
                f"the analysis took more than {self._memory_bytes / MIB:,.0f} MiB: split the text, or raise "
                "pool.memory_bytes of the service",
            )
        return None

    def _grown_bytes(self, slot: int, pid: int) -> int:
        return _resident_bytes(pid) - self._born_bytes.get(slot, 0)


def _remember(known: dict[int, Any], pid: int, value: Any) -> None:
    """Keep what is known of a process; of those that nobody asks for, the latest."""
    known[pid] = value
    while len(known) > _REMEMBERED:
        del known[next(iter(known))]


def _resident_bytes(pid: int) -> int:
    """Return the resident memory of a process, 0 if there is none (or no way to know)."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return 0
