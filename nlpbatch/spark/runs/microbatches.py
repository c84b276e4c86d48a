"""The run itself: Spark's file source hands out new files in micro-batches, and each is analysed, written and recorded.

    Trigger.AvailableNow ── files not taken yet ──> micro-batch N ──> staging ──rename──> run_batch=N, dead/run_batch=N

Spark notes in its checkpoint which files belong to N before it begins, and that N is done after it has ended. A start
that is killed in between leaves N to the next one, with the same files.
"""

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from py4j.protocol import Py4JJavaError, Py4JNetworkError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Observation, SparkSession

from nlpbatch.errors import NlpbatchError, TooManyErrors
from nlpbatch.spark.progress import Progress, RowCounter, Show, bytes_text, on_terminal, watching
from nlpbatch.spark.runs.attempts import now_text
from nlpbatch.spark.runs.batch_files import BatchFiles
from nlpbatch.spark.runs.batches import OK, OUTCOME, Batches, BatchRecord
from nlpbatch.spark.runs.budget import Budget, too_many_errors
from nlpbatch.spark.runs.columns import Analysis, errors_by_code
from nlpbatch.spark.runs.inputs import Input
from nlpbatch.spark.runs.layout import CHECKPOINT, SUCCESS
from nlpbatch.spark.runs.lease import Lease
from nlpbatch.spark.runs.pushing import pusher
from nlpbatch.spark.runs.source_log import files_of
from nlpbatch.spark.runs.stages import StageWatch
from nlpbatch.spark.runs.tracker import Tracker
from nlpbatch.spark.runs.usage import UsageCounter
from nlpbatch.spark.storage import Storage
from nlpbatch.spark.task_totals import TaskTotals
from nlpbatch.wire.limits import KIB, MIB

_BATCH_BYTES_PER_CORE: Final = 8 * MIB
_TASKS_PER_CORE: Final = 16
_WIDE_COLUMNS: Final = 1_000
"""From here on, Spark takes longer to compile the code that copies a row than it takes to copy rows without it."""
_TASK_BYTES_PER_COLUMN: Final = 4 * KIB
"""Every task opens every column, which takes about a millisecond: less data than this of each isn't worth a task."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How the input is cut.

    Args:
        batch_bytes: Bytes of input files in a micro-batch; a larger file is one by itself.
        task_bytes: Bytes of them in a task.
        cores: Tasks that run at a time.

    """

    batch_bytes: int
    task_bytes: int
    cores: int

    @classmethod
    def choose(cls, source: Input, cores: int, batch_bytes: int | None) -> Self:
        """Return sizes for an input.

        A micro-batch ends with a barrier of about a second, so it is to last for minutes. A task is what is lost with
        an executor, and what the others wait for in the end: there are many of them, and none is large.
        """
        total_bytes = sum(source.files.values())
        batch_bytes = batch_bytes or max(2, cores) * _BATCH_BYTES_PER_CORE
        task_bytes = min(total_bytes, batch_bytes) // (cores * _TASKS_PER_CORE)
        least_bytes = max(128 * KIB, len(source.schema) * _TASK_BYTES_PER_COLUMN)
        return cls(batch_bytes, max(min(task_bytes, 4 * MIB), least_bytes), cores)


@dataclass(frozen=True, slots=True)
class Course:
    """What one start did: rows, and why it stopped before the input's end, if it did."""

    rows: int
    stopped: str | None


class _Stopped(Exception):
    """Ends the stream between two micro-batches."""


class MicroBatches:
    """One start of a run.

    Args:
        spark: Session of its own, for settings are changed.
        source: What is read.
        analysis: What is asked.
        output: What is written.
        lease: That it may be written; looked at before a micro-batch becomes part of it.
        sizes: How the input is cut.
        budget: When to end before the input does.
        max_error_ratio: Share of failed rows at which to stop.
        max_record_lines: Lines that a record of CSV may have.
        pushgateway: Whom to tell the progress.

    """

    def __init__(
        self,
        spark: SparkSession,
        source: Input,
        analysis: Analysis,
        output: Storage,
        *,
        lease: Lease,
        sizes: Sizes,
        budget: Budget,
        max_error_ratio: float | None,
        max_record_lines: int,
        pushgateway: str | None,
    ) -> None:
        self._spark = spark
        self._source = source
        self._analysis = analysis
        self._output = output
        self._lease = lease
        self._sizes = sizes
        self._budget = budget
        self._max_error_ratio = max_error_ratio
        self._max_record_lines = max_record_lines
        self._pushgateway = pushgateway
        self._batches = Batches(output)
        self._totals = TaskTotals(spark.sparkContext)
        self._usage = UsageCounter(analysis.call)
        self._failure: Exception | None = None
        self._hopeless: str | None = None
        self._rows = self._dead = self._new_rows = 0

    def run(self) -> Course:
        """Do all micro-batches that are left, and return what was done.

        Raises:
            TooManyErrors: More rows failed than may.
            NlpbatchError, PySparkException, Py4JJavaError: What a micro-batch failed with.

        """
        self._batches.sweep()
        done_bytes = 0
        for record in self._batches.records():
            self._rows += record.rows
            self._dead += record.dead
            done_bytes += sum(record.files.values())
        self._check_errors(self._dead, self._rows)
        self._spark.conf.set("spark.sql.files.maxPartitionBytes", str(self._sizes.task_bytes))
        if len(self._source.schema) > _WIDE_COLUMNS:
            self._spark.conf.set("spark.sql.codegen.factoryMode", "NO_CODEGEN")
        left_bytes = max(0, sum(self._source.files.values()) - done_bytes)
        lanes = self._sizes.cores * self._analysis.call.in_flight
        self._tracker = Tracker(left_bytes, self._totals.total, lanes)
        with watching(self._tracker.look, terminal=on_terminal(self._spark), others=self._others()):
            stopped = self._stream()
        return Course(self._new_rows, stopped)

    def _others(self) -> list[Show]:
        others: list[Show] = [self._watch_errors]
        if self._pushgateway:
            others.append(pusher(self._pushgateway, self._analysis.call.job))
        return others

    def _stream(self) -> str | None:
        """Run the stream to its end; return why it stopped before that, if it did."""
        stream = self._source.stream(self._spark, batch_bytes=self._sizes.batch_bytes)
        writer = stream.writeStream.foreachBatch(self._each).option(
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

    def _each(self, _: DataFrame, number: int) -> None:
        try:
            if not self._batches.is_whole(number):  # a start may end after the rename, and before Spark has noted it
                self._do(number)
        except Exception as error:
            self._failure = self._translated(error)
            raise

    def _translated(self, error: Exception) -> Exception:
        if self._hopeless is not None and not isinstance(error, NlpbatchError):
            return TooManyErrors(self._hopeless_message(self._hopeless))
        return error

    def _do(self, number: int) -> None:
        reason = self._budget.spent(self._tracker.done_bytes, datetime.now().astimezone())
        if reason is not None:
            raise _Stopped(reason)
        files = BatchFiles.of(self._spark, self._source, files_of(self._output, number), self._max_record_lines)
        self._output.delete(SUCCESS)
        while True:
            try:
                record, staged = self._write(files, number)
                break
            except (PySparkException, Py4JJavaError) as error:
                if not files.sets_aside(error):
                    raise
        self._lease.check()
        self._batches.commit(record, staged)
        self._tracker.end(record.rows)
        self._rows += record.rows
        self._dead += record.dead
        self._new_rows += record.rows
        self._check_errors(self._dead, self._rows)

    def _write(self, files: BatchFiles, number: int) -> tuple[BatchRecord, str]:
        """Write the micro-batch aside; return its record and where it is."""
        started_at, started_s = now_text(), time.monotonic()
        size_bytes = files.size_bytes
        context = self._spark.sparkContext
        context.setJobDescription(
            f"nlpbatch: micro-batch {number}, {len(files.files):,} files, {bytes_text(size_bytes)}"
        )
        rows = files.count()
        watch = StageWatch(context, self._query.runId)
        self._tracker.begin(size_bytes, rows, RowCounter(self._spark).rows, watch.share)
        before = self._totals.total()
        counts = Observation(f"nlpbatch-{number}")
        result = self._analysis.apply(self._spread(files.rows(), size_bytes), self._totals)
        staged = self._batches.stage(number)
        result = result.observe(counts, *self._analysis.counts())
        result.write.partitionBy(OUTCOME).parquet(self._output.within(staged))
        found: dict[str, Any] = counts.get
        files.check(found["rows"], rows)
        if found["rows"] == found["dead"]:
            # Readers want to know the columns, even of no rows.
            nothing = self._spark.createDataFrame([], result.drop(OUTCOME).schema)
            nothing.write.parquet(self._output.within(f"{staged}/{OUTCOME}={OK}"))
        record = BatchRecord(
            number=number,
            fingerprint=self._analysis.pinned.info.fingerprint,
            files=files.files,
            rows=found["rows"],
            dead=found["dead"],
            nulls=found["nulls"],
            tokens=found["tokens"] or 0,
            errors=errors_by_code(found),
            text_bytes=found["text_bytes"] or 0,
            started_at=started_at,
            seconds=round(time.monotonic() - started_s, 3),
            client=self._totals.since(before),
            proxy=self._usage.now(),
            set_aside=dict(files.set_aside),
        )
        return record, staged

    def _spread(self, df: DataFrame, size_bytes: int) -> DataFrame:
        """Return the rows in enough tasks: files with few row groups, or one that is compressed whole, make too few."""
        wanted = max(self._sizes.cores, -(-size_bytes // self._sizes.task_bytes))
        return df.repartition(wanted) if 2 * df.rdd.getNumPartitions() < wanted else df

    def _watch_errors(self, _: Progress) -> None:
        """Stop the micro-batch under way if it is hopeless already."""
        now = self._totals.total()
        self._hopeless = too_many_errors(self._dead + now.failed, self._rows + now.documents, self._max_error_ratio)
        if self._hopeless is not None:
            self._spark.sparkContext.cancelJobGroup(str(self._query.runId))

    def _check_errors(self, dead: int, rows: int) -> None:
        fault = too_many_errors(dead, rows, self._max_error_ratio)
        if fault is not None:
            raise TooManyErrors(self._hopeless_message(fault))

    def _hopeless_message(self, fault: str) -> str:
        return (
            f"{fault}: see the dead letters in {self._output.url}/_nlpbatch/dead; "
            "start again with a higher --max-error-ratio to go on"
        )
