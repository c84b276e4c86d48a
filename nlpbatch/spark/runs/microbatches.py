"""The run itself: Spark's file source hands out new files in micro-batches, and each is analysed, written and recorded.

    Trigger.AvailableNow ── files not taken yet ──> micro-batch N ──> staging ──rename──> run_batch=N, dead/run_batch=N

Spark notes in its checkpoint which files belong to N before it begins, and that N is done after it has ended. A start
that is killed in between leaves N to the next one, with the same files.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from py4j.protocol import Py4JJavaError, Py4JNetworkError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame

from nlpbatch.errors import NlpbatchError
from nlpbatch.spark.progress import Progress, Show, on_terminal, watching
from nlpbatch.spark.runs.batch_files import BatchFiles
from nlpbatch.spark.runs.batch_writer import BatchWriter
from nlpbatch.spark.runs.batches import BatchRecord
from nlpbatch.spark.runs.budget import InputBudget
from nlpbatch.spark.runs.error_limit import ErrorLimit
from nlpbatch.spark.runs.inputs import Input
from nlpbatch.spark.runs.layout import CHECKPOINT, SUCCESS
from nlpbatch.spark.runs.lease import OutputLease
from nlpbatch.spark.runs.source_log import files_of
from nlpbatch.spark.runs.tracker import Tracker


@dataclass(frozen=True, slots=True)
class RunResult:
    """What one start did: rows, and why it stopped before the input's end, if it did."""

    rows: int
    stopped: str | None


class _Stopped(Exception):
    """Ends the stream between two micro-batches."""


class MicroBatches:
    """One start of a run.

    Args:
        source: What is read.
        writer: Writes a micro-batch aside.
        lease: That the output may be written; checked before a micro-batch becomes part of it.
        budget: When to end before the input does.
        error_limit: When to stop because of failed rows.

    """

    def __init__(
        self, source: Input, writer: BatchWriter, *, lease: OutputLease, budget: InputBudget, error_limit: ErrorLimit
    ) -> None:
        self._source = source
        self._writer = writer
        self._lease = lease
        self._budget = budget
        self._error_limit = error_limit
        self._spark = writer.spark
        self._output = writer.output
        self._batches = writer.batches
        self._failure: Exception | None = None
        self._new_rows = 0

    def run(self, shows: Sequence[Show] = ()) -> RunResult:
        """Do all micro-batches that are left, and return what was done.

        Args:
            shows: Who else gets the progress.

        Raises:
            TooManyErrors: More rows failed than may.
            NlpbatchError, PySparkException, Py4JJavaError: What a micro-batch failed with.

        """
        self._batches.sweep()
        done_bytes = 0
        for record in self._batches.records():
            self._error_limit.add(rows=record.rows, dead=record.dead)
            done_bytes += sum(record.files.values())
        self._error_limit.check()
        left_bytes = max(0, sum(self._source.files.values()) - done_bytes)
        lanes = self._writer.sizes.cores * self._writer.analysis.call.in_flight
        self._tracker = Tracker(left_bytes, self._writer.totals.total, lanes)
        others = (self._watch_errors, *shows)
        with watching(self._tracker.look, terminal=on_terminal(self._spark), others=others):
            stopped = self._stream()
        return RunResult(self._new_rows, stopped)

    def process_batch(self, number: int) -> None:
        """Analyse and write a micro-batch, and make it part of the output.

        Raises:
            TooManyErrors: More rows have failed than may, this micro-batch's included; it is part of the output.
            ConfigError: Another driver has taken the output over.
            NlpbatchError, PySparkException, Py4JJavaError: What it failed with.

        """
        reason = self._budget.spent(self._tracker.done_bytes, datetime.now().astimezone())
        if reason is not None:
            raise _Stopped(reason)
        files = BatchFiles.of(self._spark, self._source, files_of(self._output, number))
        self._output.delete(SUCCESS)
        record, staged = self._write(files, number)
        self._lease.check()
        self._batches.commit(record, staged)
        self._tracker.end(record.rows)
        self._count(record)

    def _stream(self) -> str | None:
        """Run the stream to its end; return why it stopped before that, if it did."""
        stream = self._source.stream(self._spark, batch_bytes=self._writer.sizes.batch_bytes)
        writer = stream.writeStream.foreachBatch(self._on_batch).option(
            "checkpointLocation", self._output.within(CHECKPOINT)
        )
        self._query = writer.trigger(availableNow=True).start()
        try:
            self._query.awaitTermination()
        except (PySparkException, Py4JJavaError):
            if isinstance(self._failure, _Stopped):
                return str(self._failure)
            if self._failure is not None:
                raise self._failure from None
            raise
        finally:
            with suppress(Py4JNetworkError, ConnectionError):  # the JVM may be gone
                self._query.stop()
        return None

    def _on_batch(self, _: DataFrame, number: int) -> None:
        """Process what Spark hands out, unless it is done: a start may end after the rename, before Spark notes it."""
        try:
            if not self._batches.is_whole(number):
                self.process_batch(number)
        except Exception as error:
            exceeded = None if isinstance(error, NlpbatchError) else self._error_limit.exceeded
            self._failure = exceeded or error
            raise

    def _write(self, files: BatchFiles, number: int) -> tuple[BatchRecord, str]:
        """Write the micro-batch aside, without the files that cannot be read; return its record and where it is."""
        while True:
            try:
                return self._writer.write(files, number, self._tracker, self._group)
            except (PySparkException, Py4JJavaError) as error:
                if not files.sets_aside(error):
                    raise

    def _count(self, record: BatchRecord) -> None:
        self._writer.totals.end()
        self._error_limit.add(rows=record.rows, dead=record.dead)
        self._new_rows += record.rows
        self._error_limit.check()

    @property
    def _group(self) -> str:
        """Return Spark's name for the jobs of the stream."""
        return str(self._query.runId)

    def _watch_errors(self, _: Progress) -> None:
        """Stop the micro-batch under way if so many of its rows failed already that the run will stop after it."""
        if self._error_limit.is_exceeded_with(self._writer.totals.under_way()):
            self._spark.sparkContext.cancelJobGroup(self._group)
