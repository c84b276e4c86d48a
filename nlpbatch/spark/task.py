"""What runs in an executor: one Spark task's batches, sent to the service and put together again."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from nlpbatch.client.calls import Trace
from nlpbatch.client.columns.batch_answers import BatchAnswers
from nlpbatch.client.columns.blocks import Cut
from nlpbatch.client.columns.empty_lists import with_offsets
from nlpbatch.client.columns.task_stats import TaskStats
from nlpbatch.client.sync import Client
from nlpbatch.spark.service_call import ServiceCall
from nlpbatch.spark.tracing import task_span
from nlpbatch.wire.priority import BATCH


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
        options, call = self._options, self._options.call
        asked = call.asked

        def send(texts: pa.Array, on_answer: Callable[[Trace], None]) -> pa.Table:
            members = asked.to_members()
            return client.ask_arrow(
                asked.operation, texts, if_match=options.fingerprint, on_answer=on_answer, **members
            )

        answers = BatchAnswers(send, asked, text=options.text, cut=options.cut, in_flight=call.in_flight)
        with (
            task_span(call.traceparent) as traceparent,
            Client(
                call.endpoints(),
                api_key=call.api_key,
                retry=call.retry,
                job=call.job,
                priority=BATCH,
                pool_size=call.in_flight,
                on_advice=lambda advice: answers.pacing.advised(advice, time.monotonic()),
                on_retry=lambda error: answers.pacing.refused(error, time.monotonic()),
                traceparent=lambda: traceparent,
            ) as client,
        ):
            yield from answers.answer(map(with_offsets, batches))
            if self._report is not None:
                self._report(answers.stats + TaskStats.of_client(client.stats.snapshot()))
