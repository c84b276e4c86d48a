"""Writes one micro-batch aside: its rows are analysed, written once, and counted while they are written."""

import time
from dataclasses import asdict
from typing import Any

from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql.types import StructType

from nlpbatch.spark.progress import RowCounter, bytes_text
from nlpbatch.spark.runs.attempts import now_text
from nlpbatch.spark.runs.batch_files import BatchFiles
from nlpbatch.spark.runs.batches import OK, OUTCOME, Batches, BatchRecord
from nlpbatch.spark.runs.columns import RunAnalysis, errors_by_code
from nlpbatch.spark.runs.packed import SETTINGS, name_files, write_packed
from nlpbatch.spark.runs.parquet_layout import parquet_layout
from nlpbatch.spark.runs.sizes import Sizes
from nlpbatch.spark.runs.stages import StageWatch
from nlpbatch.spark.runs.tracker import Tracker
from nlpbatch.spark.runs.usage import UsagePoller
from nlpbatch.spark.storage import Storage
from nlpbatch.spark.task_totals import TaskTotals
from nlpbatch.spark.tracing import NO_TRACE, RunTrace


class BatchWriter:
    """Writes the micro-batches of one output aside.

    Args:
        spark: Session of its own, for settings are changed.
        analysis: What is asked.
        output: What is written.
        sizes: How the input is cut.
        trace: That of the run.
        batches: What makes them part of the output; the output's own directories if None.

    """

    def __init__(
        self,
        spark: SparkSession,
        analysis: RunAnalysis,
        output: Storage,
        sizes: Sizes,
        *,
        trace: RunTrace = NO_TRACE,
        batches: Batches | None = None,
    ) -> None:
        self.spark = spark
        self._trace = trace
        self.output = output
        self.analysis = analysis
        self.sizes = sizes
        self.batches = Batches(output) if batches is None else batches
        self.totals = TaskTotals(spark.sparkContext)
        self._usage = UsagePoller(analysis.call)
        sizes.configure(spark)
        for name, value in {**SETTINGS, **self.batches.settings}.items():
            spark.conf.set(name, value)

    def write(self, files: BatchFiles, number: int, tracker: Tracker, group: str) -> tuple[BatchRecord, str]:
        """Write a micro-batch aside; return its record and where it is.

        Args:
            files: What is read.
            number: The micro-batch's.
            tracker: Notes that it begins.
            group: Spark's name for the jobs of this run.

        Raises:
            PySparkException, Py4JJavaError: A file can't be read, or Spark failed.
            InternalError: Spark read other rows than the files have.

        """
        started_at, started_s = now_text(), time.monotonic()
        rows = self._begin(files, number, tracker, group)
        staged = self.batches.stage(number)
        with self._trace.batch(number, len(files.files)) as traceparent:
            found, spark_writer = self._write_rows(files, number, staged, self.analysis.traced(traceparent))
        files.check(found["rows"], rows)
        record = BatchRecord(
            number=number,
            fingerprint=self.analysis.pinned.info.fingerprint,
            files=files.files,
            rows=found["rows"],
            dead=found["dead"],
            nulls=found["nulls"],
            tokens=found["tokens"] or 0,
            errors=errors_by_code(found),
            text_bytes=found["text_bytes"] or 0,
            started_at=started_at,
            seconds=round(time.monotonic() - started_s, 3),
            client=asdict(self.totals.under_way()),
            proxy=self._usage.now(),
            set_aside=dict(files.set_aside),
            spark_writer=spark_writer,
        )
        return record, staged

    def _begin(self, files: BatchFiles, number: int, tracker: Tracker, group: str) -> int | None:
        """Start counting; return the rows that the files have, if they know."""
        context, size_bytes = self.spark.sparkContext, files.size_bytes
        context.setJobDescription(
            f"nlpbatch: micro-batch {number}, {len(files.files):,} files, {bytes_text(size_bytes)}"
        )
        rows = files.count()
        tracker.begin(size_bytes, rows, RowCounter(self.spark).rows, StageWatch(context, group).share)
        self.totals.begin()
        return rows

    def _write_rows(
        self, files: BatchFiles, number: int, staged: str, analysis: RunAnalysis
    ) -> tuple[dict[str, Any], str]:
        """Write the rows with their outcome; return what `RunAnalysis.counts` counts, and why Spark's writer wrote."""
        rows = self.sizes.spread(files.rows(), files.size_bytes)
        schema, _ = analysis.tasks(rows.schema)
        layout = parquet_layout(self.spark, schema)
        if isinstance(layout, str):
            found, reason = self._write_by_spark(rows, number, staged, analysis), layout
        else:
            layout = self.batches.layout(layout)
            found, reason = write_packed(analysis, rows, layout, self.totals, self.output.within(staged)), ""
            name_files(self.output, staged, layout.compression)
        if found["rows"] == found["dead"]:
            self._write_no_rows(schema, staged)
        return found, reason

    def _write_by_spark(self, rows: DataFrame, number: int, staged: str, analysis: RunAnalysis) -> dict[str, Any]:
        counts = Observation(f"nlpbatch-{number}")
        result = analysis.apply(rows, self.totals).observe(counts, *analysis.counts())
        result.write.partitionBy(OUTCOME).parquet(self.output.within(staged))
        found: dict[str, Any] = counts.get
        return found

    def _write_no_rows(self, schema: StructType, staged: str) -> None:
        """Write the columns, which readers want to know even of no rows."""
        nothing = self.spark.createDataFrame([], schema)
        nothing.write.parquet(self.output.within(f"{staged}/{OUTCOME}={OK}"))
