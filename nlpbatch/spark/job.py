"""The analysis job: files in, Parquet with tokens out, resumable, and a report of what was done."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from nlpbatch.errors import ConfigError, FingerprintMismatch, InternalError, NlpbatchError, UnreadableInput
from nlpbatch.formats.encodings import known_encoding
from nlpbatch.spark.failure import failure
from nlpbatch.spark.options import JobOptions
from nlpbatch.spark.pinning import Pinned, pin
from nlpbatch.spark.report import Report
from nlpbatch.spark.runs import layout
from nlpbatch.spark.runs.attempts import Attempts, now_text
from nlpbatch.spark.runs.batch_writer import BatchWriter
from nlpbatch.spark.runs.batches import Batches
from nlpbatch.spark.runs.budget import Budget, parse_until
from nlpbatch.spark.runs.columns import Analysis, text_columns
from nlpbatch.spark.runs.error_limit import ErrorLimit
from nlpbatch.spark.runs.finished import FinishedRun
from nlpbatch.spark.runs.identity import Identity, RunFile, identified, new_name
from nlpbatch.spark.runs.inputs import Input
from nlpbatch.spark.runs.lease import Lease
from nlpbatch.spark.runs.merging import Merges
from nlpbatch.spark.runs.microbatches import MicroBatches, RunResult
from nlpbatch.spark.runs.pushing import pusher
from nlpbatch.spark.runs.sizes import Sizes
from nlpbatch.spark.runs.versions import newest, next_version
from nlpbatch.spark.service_call import ServiceCall
from nlpbatch.spark.storage import Storage
from nlpbatch.wire.limits import KIB

_CONFIGURED: Final = {
    # Rows of a task go to two directories, the output's and that of dead letters, without being sorted first.
    "spark.sql.maxConcurrentOutputFileWriters": "2",
    # What opening a file counts for when files are packed into tasks: what is analysed in that time. Spark's 4 MB
    # would make a task of every tiny file.
    "spark.sql.files.openCostInBytes": str(8 * KIB),
    # Spark looks at the files of a micro-batch in as many tasks as there are files, up to this number.
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "32",
    # Tasks are cut by their bytes; Spark would put small ones together again, whose work is done elsewhere.
    "spark.sql.adaptive.enabled": "false",
}


def run(spark: SparkSession, options: JobOptions) -> Report:
    """Do what of the input isn't in the output yet, and return the report, which also stands in the output.

    Raises:
        ConfigError: Input or output can't be used, or the output was begun otherwise.
        InvalidRequest, UnknownAnalyzer, UnknownField, Unauthenticated: What was asked for can't be had.
        PatienceExhausted: The service stayed away for longer than `patience_s`.
        TooManyErrors: More rows failed than `max_error_ratio` allows.
        UnreadableInput: No file of the input could be read.
        InternalError: Spark failed; its own error is the cause.

    Whatever ends it, what stands in the output is whole, and the next start goes on after it.
    """
    session = spark.newSession()
    for name, value in _CONFIGURED.items():
        session.conf.set(name, value)
    application = session.sparkContext.applicationId
    plan = FinishedRun.find(session, options) or _plan(session, options)
    with Lease(plan.output, layout.LEASE, application) as lease:
        if options.overwrite:
            lease.delete_output()
        run_file = plan.begin()
        Merges(plan.output).redo()

        def work() -> RunResult:
            return run_batches(session, options, plan, lease) if isinstance(plan, _Plan) else RunResult(0, None)

        return _attempt(options, plan, run_file, application, work)


def _attempt(
    options: JobOptions, plan: "_Plan | FinishedRun", run_file: RunFile, application: str, work: Callable[[], RunResult]
) -> Report:
    """Do what is left, and write down how this start ended."""
    attempts = Attempts(plan.output)
    attempt = attempts.begin(application)
    try:
        course = work()
        report = _report(options, plan, run_file, course, attempts)
        _finish(plan.output, report)
        _check_read(report)
    except BaseException as error:
        known = error if isinstance(error, NlpbatchError) else None
        with suppress(ConfigError):  # what failed may be the file system, or the JVM itself
            attempts.end(attempt, "failed", known.message if known else type(error).__name__)
        raise
    attempts.end(attempt, "complete" if report.complete else "stopped", course.stopped)
    return report


@dataclass(frozen=True, slots=True)
class _Plan:
    """A run that has been checked, and nothing written yet."""

    output: Storage
    source: Input
    analysis: Analysis
    identity: Identity
    existing: RunFile | None
    given: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.analysis.call.job

    @property
    def files(self) -> Mapping[str, int]:
        return self.source.files

    def begin(self) -> RunFile:
        """Return what the output's file says, written if there is none.

        Raises:
            ConfigError: There was none when the plan was made, and there is one now.

        """
        if self.existing is not None:
            return self.existing
        if self.output.exists(layout.RUN):
            raise ConfigError(f"output {self.output.url} was made by another driver meanwhile: start again to go on")
        run_file = RunFile(self.name, self.identity, nlpbatch_version(), now_text(), self.given)
        run_file.write(self.output)
        return run_file


def _plan(session: SparkSession, options: JobOptions) -> _Plan:
    """Return everything that this start will do, once everything a caller can have got wrong has been looked at."""
    base = Storage(session, options.output)
    _check_place(base, Storage(session, options.input), options)
    source = Input.look(
        session,
        options.input,
        format_name=options.format,
        reader=options.reader,
        ddl=options.schema,
        where=options.where,
        encoding=known_encoding(options.encoding),
        max_record_lines=options.max_record_lines,
    )
    output = newest(session, base) if options.reprocess else base
    existing = None if options.overwrite else _existing(output)
    call = options.call(existing.run if existing else new_name(output))
    pinned = _pin(call, None if options.reprocess or existing is None else existing.identity.fingerprint, output)
    identity = _identity(options, source, pinned, Storage(session, options.input).url)
    if existing is not None and options.reprocess and not existing.identity.is_same(identity):
        output, existing = next_version(session, base), None
        call = replace(call, job=new_name(output))
    if existing is not None:
        existing.check(identity, output)
    analysis = Analysis(text_columns(source.schema, options.text, call.asked), call, pinned)
    _check_added(analysis, source)
    # An empty frame finds everything that is wrong with the columns, without reading a row.
    analysis.apply(session.createDataFrame([], source.schema), None)
    return _Plan(output, source, analysis, identity, existing, options.deciding())


def _check_place(output: Storage, source: Storage, options: JobOptions) -> None:
    """Refuse what would destroy: an output around the input, one that next time is input too, somebody else's files."""
    if output.overlaps(source):
        raise ConfigError(f"output {output.url} and input {source.url} lie in one another: choose another output")
    if output.exists() and not output.exists(layout.RUN) and output.names() and not options.overwrite:
        raise ConfigError(
            f"output {output.url} exists already and was not made by this job: "
            "choose another path, or replace it with --overwrite"
        )


def _existing(output: Storage) -> RunFile | None:
    return RunFile.read(output) if output.exists(layout.RUN) else None


def _pin(call: ServiceCall, fingerprint: str | None, output: Storage) -> Pinned:
    try:
        return pin(call, fingerprint)
    except FingerprintMismatch as error:
        raise ConfigError(
            f"output {output.url} can't be gone on with: {error.message}: let a server have that version again, "
            "or begin a new version of the output beside it with --reprocess"
        ) from error


def _identity(options: JobOptions, source: Input, pinned: Pinned, url: str) -> Identity:
    return Identity(
        input=url,
        format=source.format,
        reader=dict(source.reader),
        text=options.text,
        asked=identified(options.asked(), pinned.info.name),
        schema=source.schema.simpleString(),
        fingerprint=pinned.info.fingerprint,
        where=options.where,
    )


def _check_added(analysis: Analysis, source: Input) -> None:
    """Refuse an input that has a column of a name which the output adds; Spark knows no upper and lower case."""
    taken = {name.lower(): name for name in source.schema.names}
    added = (name.lower() for column in analysis.columns for name in column.names.values())
    twice = next((taken[name] for name in added if name in taken), None)
    if twice is not None:
        raise ConfigError(f"the input has a column {twice!r}, which the output adds: rename it in the input")


def run_batches(session: SparkSession, options: JobOptions, plan: _Plan, lease: Lease) -> RunResult:
    """Do all micro-batches that are left, within the budget and the error limit.

    Raises:
        NlpbatchError: As `run`.

    """
    now = datetime.now().astimezone()
    budget = Budget(options.max_bytes, parse_until(options.until, now) if options.until else None)
    sizes = Sizes.choose(plan.source, session.sparkContext.defaultParallelism, options.batch_bytes)
    writer = BatchWriter(session, plan.analysis, plan.output, sizes)
    error_limit = ErrorLimit(options.max_error_ratio, f"{plan.output.url}/{layout.DEAD}")
    batches = MicroBatches(plan.source, writer, lease=lease, budget=budget, error_limit=error_limit)
    shows = [pusher(options.pushgateway, plan.name)] if options.pushgateway else []
    try:
        return batches.run(shows)
    except (PySparkException, Py4JError) as error:
        raise failure(error) from error


def _report(
    options: JobOptions, plan: _Plan | FinishedRun, run_file: RunFile, course: RunResult, attempts: Attempts
) -> Report:
    return Report.of(
        Batches(plan.output).records(),
        input=options.input,
        output=plan.output.url,
        service=options.service,
        analyzer=run_file.identity.asked["analyzer"],
        fingerprint=run_file.identity.fingerprint,
        run=run_file.run,
        complete=course.stopped is None,
        stopped=course.stopped,
        attempts=attempts.count(),
        new_rows=course.rows,
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


def nlpbatch_version() -> str:
    """Return the installed version; a driver that has only the bundle doesn't know it."""
    try:
        return version("nlpbatch")
    except PackageNotFoundError:
        return "unknown"
