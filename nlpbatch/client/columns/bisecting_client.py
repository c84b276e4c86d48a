"""Sends the texts of one request until each has an outcome of its own, whatever happens to the request as a whole.

- A request that is refused as too large is cut in two, down to single texts.
- A request that fails, perhaps because of its content, is halved until the text at fault is alone. That text gets the
  error if the service still answers anything else. If it doesn't, the service is at fault and the task fails.
- A text whose error may not happen again, such as that of a killed worker, is sent again by itself.

Any other error, such as that of a revoked key, is the same for every text: the task fails at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

from nlpbatch.client.calls import Trace
from nlpbatch.client.columns.list_documents import empty_document
from nlpbatch.client.columns.outcome_schema import OUTCOME_ERROR_TYPE, outcome_schema
from nlpbatch.client.columns.task_stats import TaskStats
from nlpbatch.errors import (
    InternalError,
    InvalidRequest,
    NlpbatchError,
    PatienceExhausted,
    RequestTooLarge,
)
from nlpbatch.wire.options import Options
from nlpbatch.wire.outcome import DEADLINE_EXCEEDED, MEMORY_EXCEEDED, TEXT_TOO_LARGE, WORKER_DIED

_REPEATS: Final = {WORKER_DIED: 2, DEADLINE_EXCEEDED: 1, MEMORY_EXCEEDED: 1}
"""How often a text is sent again, by the error that it got: a worker is seldom killed because of a text."""

Send = Callable[[pa.Array, Callable[[Trace], None]], pa.Table]
"""Sends texts and returns the answer; raises an NlpbatchError. Calls its second argument when there is an answer."""


@dataclass(slots=True)
class BisectedAnswer:
    """What was answered to the texts of one request.

    Args:
        table: A row for each text: what its operation answers, and the error with what its request took.
        stats: What it took.

    """

    table: pa.Table
    stats: TaskStats = field(default_factory=TaskStats)


class BisectingClient:
    """Gets an outcome for each text.

    Args:
        send: Sends one request, with the run's patience.
        asked: What is asked of each text.

    """

    def __init__(self, send: Send, asked: Options) -> None:
        self._send = send
        self._asked = asked
        self._schema = outcome_schema(asked)

    def answer(self, texts: pa.Array) -> BisectedAnswer:
        """Return a row for each of `texts: string[n]`, in order.

        Raises:
            NlpbatchError: The service can't answer at all, or refuses this caller.

        """
        answer = self._bisect(texts)
        for attempt in range(1, max(_REPEATS.values()) + 1):
            again = _positions(answer.table, {code for code, times in _REPEATS.items() if times >= attempt})
            if not again:
                break
            answer = self._repeat(answer, texts, again)
        return answer

    def _bisect(self, texts: pa.Array) -> BisectedAnswer:
        try:
            return self._send_once(texts)
        except NlpbatchError as error:
            if not _may_be_caused_by_texts(error):
                raise
            if len(texts) > 1:
                return self._halve(texts)
            if not isinstance(error, RequestTooLarge):
                self._check_service(error)
            return BisectedAnswer(self._error_row(error), TaskStats(split=1))

    def _send_once(self, texts: pa.Array) -> BisectedAnswer:
        traces: list[Trace] = []
        table = self._send(texts, traces.append)
        trace = traces[-1]
        stats = TaskStats(answered=1, answered_bytes=trace.body_bytes, replayed=int(trace.replayed))
        return BisectedAnswer(self._with_trace(table, trace), stats)

    def _halve(self, texts: pa.Array) -> BisectedAnswer:
        middle = len(texts) // 2
        first, second = self._bisect(texts.slice(0, middle)), self._bisect(texts.slice(middle))
        table = pa.concat_tables([first.table, second.table])
        return BisectedAnswer(table, first.stats + second.stats + TaskStats(split=1))

    def _repeat(self, answer: BisectedAnswer, texts: pa.Array, again: list[int]) -> BisectedAnswer:
        """Return the answer after sending the texts of some of its rows again."""
        other = self._bisect(texts.take(pa.array(again)))
        both = pa.concat_tables([answer.table, other.table])
        positions = list(range(len(texts)))
        for row, position in enumerate(again):
            positions[position] = len(texts) + row
        return BisectedAnswer(both.take(pa.array(positions)).combine_chunks(), answer.stats + other.stats)

    def _check_service(self, error: NlpbatchError) -> None:
        """Raise the error unless the service answers an empty text, in which case the text itself caused the error."""
        try:
            self._send(empty_document(self._asked.operation), lambda _: None)
        except NlpbatchError:
            raise error from None

    def _error_row(self, error: NlpbatchError) -> pa.Table:
        """Return the row of a single text that can't be answered."""
        code = TEXT_TOO_LARGE if isinstance(error, RequestTooLarge) else str(error.details.get("last_code", error.code))
        row: dict[str, Any] = dict.fromkeys(self._schema.names)
        row["error"] = {
            "code": code,
            "message": error.message,
            "attempts": error.details.get("attempts", 1),
            "request_id": error.request_id,
        }
        return pa.Table.from_pylist([row], schema=self._schema)

    def _with_trace(self, table: pa.Table, trace: Trace) -> pa.Table:
        """Return the answer with what its request took in every error."""
        *columns, errors = table.combine_chunks().columns
        found: list[dict[str, Any] | None] = [None] * len(errors)
        if errors.null_count < len(errors):
            took = {"attempts": trace.attempts, "request_id": trace.request_id}
            found = [error and {**error, **took} for error in errors.to_pylist()]
        return pa.Table.from_arrays([*columns, pa.array(found, OUTCOME_ERROR_TYPE)], schema=self._schema)


def _positions(table: pa.Table, codes: set[str]) -> list[int]:
    errors = table.column("error")
    if errors.null_count == len(errors):
        return []
    return [row for row, error in enumerate(errors.to_pylist()) if error is not None and error["code"] in codes]


def _may_be_caused_by_texts(error: NlpbatchError) -> bool:
    """Return whether the texts may be the cause; all other errors are caused by the service or the caller."""
    if isinstance(error, PatienceExhausted):
        return error.details.get("last_code") == InternalError.code
    return type(error) in (RequestTooLarge, InvalidRequest, InternalError)
