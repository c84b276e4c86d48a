"""Asks for the texts of one request until each has an outcome of its own, however the service takes the whole.

- Refused as too large: it is cut in two, down to single texts.
- Fails in a way that its content may be the cause of: it is halved until the text at fault stands alone. That text
  gets the error if the service still answers anything else; if it doesn't, the service is at fault: the task fails.
- Texts whose errors may not come again, such as that of a worker killed under them, are asked again by themselves.

Anything else, such as a key that isn't valid any more, is the same for every text: the task fails at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

from nlpbatch.client.calls import Trace
from nlpbatch.errors import (
    InternalError,
    InvalidRequest,
    NlpbatchError,
    PatienceExhausted,
    RequestTooLarge,
)
from nlpbatch.spark.list_documents import empty_document
from nlpbatch.spark.schema import OUTCOME_ERROR_TYPE, outcome_schema
from nlpbatch.spark.task_stats import TaskStats
from nlpbatch.wire.options import Options
from nlpbatch.wire.outcome import DEADLINE_EXCEEDED, MEMORY_EXCEEDED, TEXT_TOO_LARGE, WORKER_DIED

_ASKED_AGAIN: Final = {WORKER_DIED: 2, DEADLINE_EXCEEDED: 1, MEMORY_EXCEEDED: 1}
"""How often a text is asked again, by the error that it got: a killed worker is hardly ever its fault."""

Ask = Callable[[pa.Array, Callable[[Trace], None]], pa.Table]
"""Asks for texts; raises an NlpbatchError. The second is called when there is an answer."""


@dataclass(slots=True)
class Answer:
    """What was answered to the texts of one request.

    Args:
        table: A row for each text: what its operation answers, and the error with what its request took.
        stats: What it took.

    """

    table: pa.Table
    stats: TaskStats = field(default_factory=TaskStats)


class Asker:
    """Gets an outcome for each text.

    Args:
        ask: Asks once, with the run's patience.
        asked: What is asked of each text.

    """

    def __init__(self, ask: Ask, asked: Options) -> None:
        self._ask = ask
        self._asked = asked
        self._schema = outcome_schema(asked)

    def __call__(self, texts: pa.Array) -> Answer:
        """Return a row for each of `texts: string[n]`, in order.

        Raises:
            NlpbatchError: The service as a whole can't answer, or not this caller.

        """
        answer = self._whole(texts)
        for round_ in range(1, max(_ASKED_AGAIN.values()) + 1):
            again = _positions(answer.table, {code for code, times in _ASKED_AGAIN.items() if times >= round_})
            if not again:
                break
            answer = self._mended(answer, texts, again)
        return answer

    def _whole(self, texts: pa.Array) -> Answer:
        try:
            return self._once(texts)
        except NlpbatchError as error:
            if not _may_be_to_blame(error):
                raise
            if len(texts) > 1:
                return self._halved(texts)
            if not isinstance(error, RequestTooLarge):
                self._check_service(error)
            return Answer(self._refused(error), TaskStats(split=1))

    def _once(self, texts: pa.Array) -> Answer:
        traces: list[Trace] = []
        table = self._ask(texts, traces.append)
        trace = traces[-1]
        stats = TaskStats(answered=1, answered_bytes=trace.body_bytes, replayed=int(trace.replayed))
        return Answer(self._with_trace(table, trace), stats)

    def _halved(self, texts: pa.Array) -> Answer:
        middle = len(texts) // 2
        first, second = self._whole(texts.slice(0, middle)), self._whole(texts.slice(middle))
        table = pa.concat_tables([first.table, second.table])
        return Answer(table, first.stats + second.stats + TaskStats(split=1))

    def _mended(self, answer: Answer, texts: pa.Array, again: list[int]) -> Answer:
        """Return the answer with some of its rows asked for anew."""
        other = self._whole(texts.take(pa.array(again)))
        both = pa.concat_tables([answer.table, other.table])
        positions = list(range(len(texts)))
        for row, position in enumerate(again):
            positions[position] = len(texts) + row
        return Answer(both.take(pa.array(positions)).combine_chunks(), answer.stats + other.stats)

    def _check_service(self, error: NlpbatchError) -> None:
        """Raise the error unless the service answers an empty text: then the text that got it is to blame."""
        try:
            self._ask(empty_document(self._asked.operation), lambda _: None)
        except NlpbatchError:
            raise error from None

    def _refused(self, error: NlpbatchError) -> pa.Table:
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


def _may_be_to_blame(error: NlpbatchError) -> bool:
    """Return whether the texts may be the cause; what is not known to be is the service's, or the caller's."""
    if isinstance(error, PatienceExhausted):
        return error.details.get("last_code") == InternalError.code
    return type(error) in (RequestTooLarge, InvalidRequest, InternalError)
