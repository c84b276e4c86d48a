"""What runs in an executor: one Spark task's batches, sent to the service and put together again."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from nlpbatch.client.calls import Trace
from nlpbatch.client.ordered_calls import Bounds, in_order
from nlpbatch.client.sync import Client
from nlpbatch.spark.bisecting_client import BisectedAnswer, BisectingClient
from nlpbatch.spark.blocks import Block, Cut, cut_batch, join_block
from nlpbatch.spark.pacing import Pacing
from nlpbatch.spark.service_call import ServiceCall
from nlpbatch.spark.task_stats import TaskStats
from nlpbatch.wire.limits import MIB
from nlpbatch.wire.priority import BATCH

_AHEAD_PER_CALL: Final = 8
"""Requests that may be taken per one in flight: answers that wait for a slow one before them."""
_HELD_BYTES: Final = 64 * MIB
"""Rows and texts that a task may hold before it takes more: one batch of wide rows as Spark cuts them."""


@dataclass(frozen=True, slots=True)
class _BlockRequest:
    """One request of a block; the last one has no texts and closes the block."""

    block: Block
    texts: pa.Array | None

    def size_bytes(self) -> int:
        """Return what is held until it is answered: its texts, or all columns of the block's rows."""
        return int(self.block.rows.nbytes if self.texts is None else self.texts.nbytes)


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """Everything a task needs to know; travels to the executors in pickled form.

    Args:
        call: What is asked of each text, and how.
        text: Position of the column to analyse.
        fingerprint: The analyzer's version, pinned for the whole run.
        cut: How large requests may be.

    """

    call: ServiceCall
    text: int
    fingerprint: str
    cut: Cut


class AnalyzeTask:
    """The function that mapInArrow calls: batches in, the same rows with two more columns out.

    Args:
        options: The run's.
        report: Called once at a task's end with what it did, if it isn't None.

    """

    def __init__(self, options: TaskOptions, report: Callable[[TaskStats], None] | None) -> None:
        self._options = options
        self._report = report

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the blocks of all batches in row order."""
        call = self._options.call
        pacing = Pacing(call.in_flight, self._options.cut.request_bytes)
        with Client(
            call.endpoints(),
            api_key=call.api_key,
            retry=call.retry,
            job=call.job,
            priority=BATCH,
            pool_size=call.in_flight,
            on_advice=lambda advice: pacing.advised(advice, time.monotonic()),
            on_retry=lambda error: pacing.refused(error, time.monotonic()),
        ) as client:
            self._stats = TaskStats()
            yield from self._answer(client, batches, pacing)
            if self._report is not None:
                self._report(self._stats + TaskStats.of_client(client.stats.snapshot()))

    def _answer(self, client: Client, batches: Iterator[pa.RecordBatch], pacing: Pacing) -> Iterator[pa.RecordBatch]:
        options, asked = self._options, self._options.call.asked

        def send(texts: pa.Array, on_answer: Callable[[Trace], None]) -> pa.Table:
            members = asked.to_members()
            return client.ask_arrow(
                asked.operation, texts, if_match=options.fingerprint, on_answer=on_answer, **members
            )

        bisecting = BisectingClient(send, asked)

        def call(request: _BlockRequest) -> BisectedAnswer | None:
            return None if request.texts is None else bisecting.answer(request.texts)

        answers: list[pa.Table] = []
        bounds = Bounds(options.call.in_flight, options.call.in_flight * _AHEAD_PER_CALL, _HELD_BYTES)
        requests = self._requests(batches)
        size_bytes, has_room = _BlockRequest.size_bytes, pacing.has_room
        for request, answer in in_order(requests, call, bounds=bounds, size_bytes=size_bytes, has_room=has_room):
            if answer is not None:
                answers.append(answer.table)
                self._stats += answer.stats
                pacing.answered(answer.stats.answered_bytes)
                continue
            joined = join_block(request.block, answers, options.cut, asked)
            errors = joined.column(joined.num_columns - 1)
            documents = joined.num_rows - joined.column(options.text).null_count
            self._stats += TaskStats(documents=documents, failed=len(errors) - errors.null_count)
            yield joined
            answers = []

    def _requests(self, batches: Iterator[pa.RecordBatch]) -> Iterator[_BlockRequest]:
        options = self._options
        for batch in batches:
            for block in cut_batch(batch, options.text, options.cut, options.call.asked.operation):
                for request in block.requests:
                    yield _BlockRequest(block, block.texts(request))
                yield _BlockRequest(block, None)
