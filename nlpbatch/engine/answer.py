"""The pool's answer to a request."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nlpbatch.engine.job import JobResult
from nlpbatch.engine.queue import QueuedChunk


class WorkerTime(NamedTuple):
    """What a worker spent on a part of a request; `began_at_s` is in seconds since 1970."""

    pid: int
    began_at_s: float
    seconds: float


@dataclass(frozen=True, slots=True)
class PoolAnswer:
    """The encoded outcomes of a request, in the order of its documents, with their counts and times.

    Args:
        bodies: Arrow batch messages, or JSON outcomes joined by commas.
        tokens: Tokens written.
        code_points: Code points analysed.
        errors: Documents by error code.
        queue_s: Seconds until a worker took the first chunk.
        analysis_s: Seconds of worker time.
        workers: Which workers spent it, and when.

    """

    bodies: Sequence[bytes]
    tokens: int
    code_points: int
    errors: Counter[str]
    queue_s: float
    analysis_s: float
    workers: Sequence[WorkerTime] = ()


def answer_of(waiting: Sequence[QueuedChunk], results: Sequence[JobResult]) -> PoolAnswer:
    """Return the results of a request's chunks as one answer, in the order of its documents."""
    taken = [queued.taken_s - queued.queued_s for queued in waiting if queued.taken_s is not None]
    errors: Counter[str] = Counter()
    for result in results:
        errors.update(result.errors)
    return PoolAnswer(
        [result.body for result in results],
        tokens=sum(result.tokens for result in results),
        code_points=sum(result.code_points for result in results),
        errors=errors,
        queue_s=min(taken, default=0.0),
        analysis_s=sum(result.analysis_s for result in results),
        workers=[WorkerTime(result.pid, result.began_at_s, result.analysis_s) for result in results if result.pid],
    )
