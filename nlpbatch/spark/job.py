"""The analysis job: files in, Parquet with tokens out, resumable, and a report of what was done."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Final

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from nlpbatch.errors import ConfigError, InternalError, NlpbatchError, UnreadableInput
from nlpbatch.spark.failure import failure
from nlpbatch.spark.older_spark import check_job_session, write_as_newer
from nlpbatch.spark.options import JobOptions
from nlpbatch.spark.report import Report
from nlpbatch.spark.run_plan import RunPlan, plan_run
from nlpbatch.spark.runs import layout
from nlpbatch.spark.runs.assumed import assumed
from nlpbatch.spark.runs.attempts import AttemptLog
from nlpbatch.spark.runs.batch_writer import BatchWriter
from nlpbatch.spark.runs.batches import Batches
from nlpbatch.spark.runs.budget import InputBudget, parse_until
from nlpbatch.spark.runs.error_limit import ErrorLimit
from nlpbatch.spark.runs.finished import FinishedRun
from nlpbatch.spark.runs.identity import RunFile
from nlpbatch.spark.runs.lease import OutputLease
from nlpbatch.spark.runs.microbatches import MicroBatches, RunResult
from nlpbatch.spark.runs.progress_record import progress_recorder
from nlpbatch.spark.runs.pushing import pusher
from nlpbatch.spark.runs.sizes import Sizes
from nlpbatch.spark.storage import Storage
from nlpbatch.spark.tracing import RunTrace, trace_run
from nlpbatch.wire.limits import KIB

_CONFIGURED: Final = {
    # Rows of a task go to two directories, the output's and that of dead letters, without being sorted first.
    "spark.sql.maxConcurrentOutputFileWriters": "2",
    # The cost of opening a file, in bytes, when files are packed into tasks: what is analysed in that time. Spark's
    # 4 MB would make a task of every tiny file.
    "spark.sql.files.openCostInBytes": str(8 * KIB),
    # Spark looks at the files of a micro-batch in as many tasks as there are files, up to this number.
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "32",
    # Tasks are cut by their bytes. Spark would merge small ones, without knowing that the service does their work.
    "spark.sql.adaptive.enabled": "false",
}


def run(spark: SparkSession, options: JobOptions) -> Report:
    """Analyse what of the input isn't in the output yet; return the report, which is also written to the output.

    Raises:
        ConfigError: Input or output can't be used, or the output was created with different settings.
        InvalidRequest, UnknownAnalyzer, UnknownField, Unauthenticated: What was asked for can't be had.
        PatienceExhausted: The service stayed away for longer than `patience_s`.
        TooManyErrors: More rows failed than `max_error_ratio` allows.
        UnreadableInput: No file of the input could be read.
        InternalError: Spark failed; its own error is the cause.

    However it ends, the output holds whole micro-batches only, and the next start resumes after them.
    """
    check_job_session(spark)
    session = spark.newSession()
    write_as_newer(session)
    for name, value in _CONFIGURED.items():
        session.conf.set(name, value)
    application = session.sparkContext.applicationId
    with trace_run(os.environ) as trace:
        plan = FinishedRun.find(session, options) or plan_run(session, options)
        with OutputLease(plan.output, layout.LEASE, application) as lease:
            if options.overwrite:
                lease.delete_output()
            run_file = plan.begin()
            trace.named(run_file.run)
            plan.merges().redo()

            def work() -> RunResult:
                if not isinstance(plan, RunPlan):
                    return RunResult(0, None)
                return run_batches(session, options, plan, lease, trace)

            return _attempt(options, plan, run_file, application, work)


def _attempt(
    options: JobOptions, plan: RunPlan | FinishedRun, run_file: RunFile, application: str, work: Callable[[], RunResult]
) -> Report:
    """Do what is left, and record how this start ended."""
    attempts = AttemptLog(plan.output)
    attempt = attempts.begin(application)
    try:
        result = work()
        report = _report(options, plan, run_file, result, attempts)
        _finish(plan.output, report)
        _check_read(report)
    except BaseException as error:
        known = error if isinstance(error, NlpbatchError) else None
        with suppress(ConfigError):  # what failed may be the file system, or the JVM itself
            attempts.end(attempt, "failed", known.message if known else type(error).__name__)
        raise
    attempts.end(attempt, "complete" if report.complete else "stopped", result.stopped)
    return report


def run_batches(
    session: SparkSession, options: JobOptions, plan: RunPlan, lease: OutputLease, trace: RunTrace
) -> RunResult:
    """Do all micro-batches that are left, within the budget and the error limit.

    Raises:
        NlpbatchError: As `run`.

    """
    sys.stderr.write(f"nlpbatch: {assumed(plan.source)}\n")
    now = datetime.now().astimezone()
    budget = InputBudget(options.max_bytes, parse_until(options.until, now) if options.until else None)
    sizes = Sizes.choose(plan.source, session.sparkContext.defaultParallelism, options.batch_bytes)
    writer = BatchWriter(session, plan.analysis, plan.output, sizes, trace=trace, batches=plan.batches())
    error_limit = ErrorLimit(options.max_error_ratio, f"{plan.output.url}/{layout.DEAD}")
    batches = MicroBatches(plan.source, writer, lease=lease, budget=budget, error_limit=error_limit)
    shows = [progress_recorder(plan.output)]
    if options.pushgateway:
        shows.append(pusher(options.pushgateway, plan.name))
    try:
        return batches.run(shows)
    except (PySparkException, Py4JError) as error:
        raise failure(error) from error


def _report(
    options: JobOptions, plan: RunPlan | FinishedRun, run_file: RunFile, result: RunResult, attempts: AttemptLog
) -> Report:
    return Report.of(
        Batches(plan.output).records(),
        input=options.input,
        output=plan.output.url,
        service=options.service,
        analyzer=run_file.identity.asked["analyzer"],
        fingerprint=run_file.identity.fingerprint,
        run=run_file.run,
        table=run_file.identity.table,
        complete=result.stopped is None,
        stopped=result.stopped,
        attempts=attempts.count(),
        new_rows=result.rows,
        present=plan.files,
    )


def _finish(output: Storage, report: Report) -> None:
    try:
        output.write_text(layout.SUMMARY, report.to_json())
        if report.complete and not report.is_unread:
            output.write_text(layout.SUCCESS, "")
    except ConfigError as error:
        raise InternalError(f"the rows are written, but not their summary: {error.message}") from error


def _check_read(report: Report) -> None:
    """Refuse to call a run done that has read nothing.

    Raises:
        UnreadableInput: All files were set aside.

    """
    if report.is_unread:
        path, why = next(iter(sorted(report.unread.items())))
        raise UnreadableInput(
            f"all {len(report.unread):,} files of the input were set aside, nothing was read: {path}: {why}"
        )
