"""Adds the outcomes of text columns to batches of one schema, with one version of the analyzer."""

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from functools import reduce
from typing import Any, Protocol

import pyarrow as pa

from nlpbatch.client.calls import Trace
from nlpbatch.client.cancellation import Cancellation
from nlpbatch.client.columns.batch_answers import BatchAnswers
from nlpbatch.client.columns.blocks import Cut
from nlpbatch.client.columns.pinning import Pinned
from nlpbatch.client.columns.task_stats import TaskStats
from nlpbatch.client.columns.text_columns import text_columns, with_outcomes
from nlpbatch.clock import Clock
from nlpbatch.errors import NlpbatchError
from nlpbatch.wire.advice import Advice
from nlpbatch.wire.limits import KIB
from nlpbatch.wire.options import Operation, Options

REQUEST_BYTES = 64 * KIB
IN_FLIGHT = 8
"""Requests under way: they keep a few workers busy from the start; the proxy may advise fewer."""


class Ask(Protocol):
    """Sends the texts of one request, as `Client.ask_arrow` does."""

    def __call__(
        self,
        operation: Operation,
        documents: pa.Array,
        /,
        *,
        if_match: str | None,
        on_answer: Callable[[Trace], None] | None,
        **options: Any,
    ) -> pa.Table:
        """Return the answer, a row for each document; see `Client.ask_arrow`."""
        ...


class TableAnalysis:
    """What is asked of every row of a table.

    Args:
        ask: Sends a request; called in several threads.
        schema: The table's columns.
        texts: Names of those that are analysed.
        asked: What is asked of each text.
        pinned: By which version of the analyzer, and how large requests may be.
        clock: Source of time.
        request_bytes: UTF-8 bytes of text per request.
        in_flight: Most requests under way for each text column.

    Attributes:
        columns: The text columns.
        schema: What `answer` yields: the table's columns, then those of the outcomes.

    Raises:
        InvalidRequest: A column that can't be used.

    """

    def __init__(
        self,
        ask: Ask,
        schema: pa.Schema,
        texts: Sequence[str],
        asked: Options,
        *,
        pinned: Pinned,
        clock: Clock,
        request_bytes: int = REQUEST_BYTES,
        in_flight: int = IN_FLIGHT,
    ) -> None:
        self.columns = text_columns(schema, texts, asked)
        self.schema = with_outcomes(schema, self.columns)
        members, fingerprint = asked.to_members(), pinned.info.fingerprint

        def send(documents: pa.Array, on_answer: Callable[[Trace], None]) -> pa.Table:
            return ask(asked.operation, documents, if_match=fingerprint, on_answer=on_answer, **members)

        cut = Cut.within(pinned.limits, request_bytes)
        self._answers = [
            BatchAnswers(
                send, asked, text=column.position, cut=cut, in_flight=in_flight, cancellation=Cancellation(clock)
            )
            for column in self.columns
        ]

    @property
    def stats(self) -> TaskStats:
        """Return what was done so far, without what the client did."""
        return reduce(TaskStats.__add__, (answers.stats for answers in self._answers))

    def answer(self, batches: Iterable[pa.RecordBatch]) -> Generator[pa.RecordBatch, None, None]:
        """Yield the rows with their outcomes, in order.

        Raises:
            NlpbatchError: The service can't answer at all, or refuses this caller.

        """
        rows: Iterable[pa.RecordBatch] = batches
        for answers in self._answers:
            rows = answers.answer(rows)
        for batch in rows:
            yield pa.RecordBatch.from_arrays(batch.columns, schema=self.schema)

    def advised(self, advice: Advice) -> None:
        """Follow the proxy's advice to the job."""
        for answers in self._answers:
            answers.pacing.advised(advice, time.monotonic())

    def refused(self, error: NlpbatchError) -> None:
        """Send less after an error that says that the service is busy or away."""
        for answers in self._answers:
            answers.pacing.refused(error, time.monotonic())
