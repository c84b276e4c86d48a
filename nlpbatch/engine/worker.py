"""A worker: a forked child that analyses one document at a time and notes on the board which.

Between two documents it looks for an interactive job, which goes first.
"""

import gc
import select
import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from nlpbatch.engine import frames
from nlpbatch.engine.board import NONE, Board
from nlpbatch.engine.encode import ENCODERS
from nlpbatch.engine.job import Job, JobResult
from nlpbatch.engine.operations import Analysed, Perform, performer
from nlpbatch.engine.protocol import Engine
from nlpbatch.wire.outcome import ANALYSIS_FAILED, INVALID_TEXT, DocumentError

Note = Callable[[int], None]
"""Called with the position of the document that is begun, or NONE after the last."""
Pause = Callable[[], float]
"""Called between two documents; does what goes first, and returns the seconds it took."""


_LEFT_OBJECTS: Final = 100_000
"""Objects that outlived their job: only then is it worth looking for cycles among them."""


class _Closed(Exception):
    """The pool has closed the channel."""


def serve(engine: Engine, channel: socket.socket, board: Board, slot: int) -> None:
    """Answer jobs until the pool closes the channel."""
    # Tokens by the hundred thousand made the collector visit them again and again, for cycles that there aren't.
    gc.disable()
    readable = select.poll()
    readable.register(channel, select.POLLIN)

    def answer(pause: Pause) -> None:
        frame = frames.receive(channel)
        if frame is None:
            raise _Closed
        job = Job.from_frame(*frame)

        def note(document: int) -> None:
            board.write(slot, job.job_id, document, time.monotonic_ns())

        channel.sendall(run(engine, job, note, pause).to_frame(job.job_id))
        if gc.get_count()[0] > _LEFT_OBJECTS:
            gc.collect()

    def interrupted() -> float:
        if not readable.poll(0):
            return 0.0
        started_s = time.perf_counter()
        answer(_no_pause)
        return time.perf_counter() - started_s

    try:
        while True:
            answer(interrupted)
    except _Closed:
        return


def _no_pause() -> float:
    return 0.0


def run(engine: Engine, job: Job, note: Note, pause: Pause = _no_pause) -> JobResult:
    """Return the encoded outcomes of a job; a document's trouble becomes that document's error."""
    started_s = time.perf_counter()
    paused_s = 0.0
    perform = performer(engine, job.options)
    outcomes: list[Analysed] = []
    code_points = 0
    for position, document in enumerate(job.documents.to_pylist()):
        if position in job.failed:
            outcomes.append(Analysed(error=job.failed[position]))
        elif document is None:
            outcomes.append(Analysed())
        else:
            paused_s += pause()
            note(position)
            outcome, length = _analyse(perform, document)
            outcomes.append(outcome)
            code_points += length
    note(NONE)
    body = ENCODERS[job.encoding](outcomes, job.options)
    return JobResult(
        body,
        tokens=sum(outcome.token_count for outcome in outcomes),
        code_points=code_points,
        errors=Counter(outcome.error.code for outcome in outcomes if outcome.error),
        analysis_s=time.perf_counter() - started_s - paused_s,
    )


def _analyse(perform: Perform, document: bytes) -> tuple[Analysed, int]:
    try:
        text = document.decode()
    except UnicodeDecodeError as error:
        message = (
            f"byte {error.start:,} of {len(document):,} is not UTF-8 ({error.reason}): "
            "remove the lone surrogate, or decode the source with its right encoding"
        )
        return Analysed(error=DocumentError(INVALID_TEXT, message)), 0
    try:
        return perform(text), len(text)
    except Exception as error:  # noqa: BLE001  (whatever the engine raises is this document's outcome)
        # Only the type: the message may quote the text.
        message = (
            f"the engine raised {type(error).__name__} on {len(text):,} code points: "
            "report it to the operator of the service"
        )
        return Analysed(error=DocumentError(ANALYSIS_FAILED, message)), len(text)
