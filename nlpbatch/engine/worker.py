"""A worker: a forked child that analyses one document at a time and writes on the scoreboard which.

Between two documents it looks for an interactive job, which goes first. It does as little else there as it can:
the documents of a job are read together before the first is analysed, and all outcomes are encoded after the last.
"""

import gc
import os
import select
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from nlpbatch.engine import frames
from nlpbatch.engine.contents import Content, read_content, read_plain
from nlpbatch.engine.encode import ENCODERS
from nlpbatch.engine.job import Job, JobFailure, JobResult
from nlpbatch.engine.operations import Analysed
from nlpbatch.engine.packing import InvalidDocument
from nlpbatch.engine.protocol import Engine
from nlpbatch.engine.scoreboard import NONE, Scoreboard
from nlpbatch.wire.options import Operation
from nlpbatch.wire.options.offered import with_result_type
from nlpbatch.wire.outcome import ANALYSIS_FAILED, INVALID_DOCUMENT, INVALID_TEXT, DocumentError

ReportPosition = Callable[[int], None]
"""Called with the position of the document that the worker begins, or NONE after the last."""
Pause = Callable[[], float]
"""Called between two documents; does urgent work, and returns the seconds that it took."""


_REPORT: Final = "report it to the operator of the service"
_REASON_CODE_POINTS: Final = 200
_OF_TEXTS: Final = frozenset({"analyze", "sentences"})
"""Operations that get the texts as tokens."""
_LEFT_OBJECTS: Final = 100_000
"""Number of objects left by jobs from which the garbage collector runs."""


class _Closed(Exception):
    """The pool has closed the channel."""


def serve(engine: Engine, channel: socket.socket, scoreboard: Scoreboard, slot: int) -> None:
    """Answer jobs until the pool closes the channel."""
    # Hundreds of thousands of tokens, without cycles, made the collector visit them over and over.
    gc.disable()
    readable = select.poll()
    readable.register(channel, select.POLLIN)

    def answer(pause: Pause) -> None:
        frame = frames.receive(channel)
        if frame is None:
            raise _Closed
        job_id = frame[0]["job_id"]
        report_position = scoreboard.reporter(slot, job_id)
        report_position(NONE)
        job = _read(*frame)
        result = run(engine, job, report_position, pause) if isinstance(job, Job) else job
        channel.sendall(result.to_frame(job_id))
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


def _read(header: Mapping[str, Any], body: bytes) -> Job | JobFailure:
    try:
        return Job.from_frame(header, body)
    except Exception as error:  # noqa: BLE001  (no request may end the worker)
        return _failure("a worker can't read the request", error)


def run(engine: Engine, job: Job, report_position: ReportPosition, pause: Pause = _no_pause) -> JobResult | JobFailure:
    """Return the encoded outcomes of a job; an error in a document is that document's outcome.

    An exception outside of a document fails the job.
    """
    started_s, began_at_s = time.perf_counter(), time.time()
    paused_s = 0.0
    try:
        job = replace(job, options=with_result_type(job.options, engine.info.operations))
        perform = engine.performer(job.options)
    except (ValueError, TypeError) as error:  # UnicodeError is a ValueError
        return JobFailure("options", f"the engine does not take these options: {_reason(error)}: change or omit them")
    except Exception as error:  # noqa: BLE001
        return _failure("the engine failed before the first document", error)
    contents = _read_contents(job)
    outcomes: list[Analysed] = []
    for position, content in enumerate(contents):
        if content is None:
            outcomes.append(Analysed())
        elif isinstance(content, DocumentError):
            outcomes.append(Analysed(error=content))
        else:
            paused_s += pause()
            report_position(position)
            try:
                outcomes.append(perform(content))
            except (Exception, SystemExit) as error:  # noqa: BLE001  (whatever an engine raises is this document's outcome)
                outcomes.append(Analysed(error=_error_of(error, content)))
    report_position(NONE)
    try:
        body = _encode(outcomes, job)
    except Exception as error:  # noqa: BLE001
        return _failure("the answer can't be written", error)
    return JobResult(
        body,
        tokens=sum(outcome.token_count for outcome in outcomes),
        code_points=sum(map(_code_points, contents, outcomes)),
        errors=Counter(outcome.error.code for outcome in outcomes if outcome.error),
        analysis_s=time.perf_counter() - started_s - paused_s,
        began_at_s=began_at_s,
        pid=os.getpid(),
    )


def _encode(outcomes: list[Analysed], job: Job) -> bytes:
    """Return the encoded outcomes; one that can't be written becomes its document's error."""
    encode = ENCODERS[job.encoding]
    try:
        return encode(outcomes, job.options)
    except Exception:  # noqa: BLE001  (the outcomes are tried one by one)
        for position, outcome in enumerate(outcomes):
            try:
                encode([outcome], job.options)
            except Exception as error:  # noqa: BLE001
                message = f"its outcome can't be written ({type(error).__name__}): {_REPORT}"
                outcomes[position] = Analysed(error=DocumentError(ANALYSIS_FAILED, message))
        return encode(outcomes, job.options)


def _failure(what: str, error: Exception) -> JobFailure:
    # Only the type: the message may quote a text.
    return JobFailure("engine", f"{what} ({type(error).__name__}): {_REPORT}")


def _reason(error: Exception) -> str:
    """Return an error in words that any encoding can hold; only options can have caused it."""
    words = str(error)[:_REASON_CODE_POINTS].encode("utf-8", "backslashreplace").decode()
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _read_contents(job: Job) -> Sequence[Content | DocumentError | None]:
    """Return the content of each document, its error, or None for one that is null."""
    documents = job.documents.to_pylist()
    if not job.failed and job.options.operation in _OF_TEXTS and (plain := read_plain(documents)) is not None:
        return plain
    return [
        job.failed.get(position) or (None if document is None else _read_content(job.options.operation, document))
        for position, document in enumerate(documents)
    ]


def _read_content(operation: Operation, document: bytes) -> Content | DocumentError:
    try:
        return read_content(operation, document)
    except UnicodeDecodeError as error:
        message = (
            f"byte {error.start:,} of {len(error.object):,} is not UTF-8 ({error.reason}): "
            "remove the lone surrogate, or decode the source with its right encoding"
        )
        return DocumentError(INVALID_TEXT, message)
    except InvalidDocument as error:
        return DocumentError(INVALID_DOCUMENT, str(error))


def _error_of(error: BaseException, content: Content) -> DocumentError:
    if isinstance(error, InvalidDocument):
        return DocumentError(INVALID_DOCUMENT, str(error))
    # Only the type: the message may quote the text.
    message = f"the engine raised {type(error).__name__} on {content.code_points:,} code points: {_REPORT}"
    return DocumentError(ANALYSIS_FAILED, message)


def _code_points(content: Content | DocumentError | None, outcome: Analysed) -> int:
    """Return the code points of a document that the engine got."""
    if content is None or isinstance(content, DocumentError):
        return 0
    if outcome.error is not None and outcome.error.code == INVALID_DOCUMENT:
        return 0
    return content.code_points
