"""Sends the dead letters of an output again, and moves the rows that are answered now into the output."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as sf

from nlpbatch.client.policy import RetryPolicy
from nlpbatch.errors import ConfigError, FingerprintMismatch
from nlpbatch.spark.failure import failure
from nlpbatch.spark.older_spark import check_job_session, write_as_newer
from nlpbatch.spark.options import DEFAULT_PATIENCE_S
from nlpbatch.spark.pinning import Pinned, pin
from nlpbatch.spark.report import Report
from nlpbatch.spark.runs import layout
from nlpbatch.spark.runs.batches import FAILED, OUTCOME, Batches, BatchRecord
from nlpbatch.spark.runs.columns import RunAnalysis, text_columns
from nlpbatch.spark.runs.identity import RunFile
from nlpbatch.spark.runs.lease import OutputLease
from nlpbatch.spark.runs.merging import Merges
from nlpbatch.spark.runs.usage import UsagePoller
from nlpbatch.spark.service_call import IN_FLIGHT, REQUEST_BYTES, ServiceCall
from nlpbatch.spark.storage import Storage
from nlpbatch.spark.tables.batches import batches_of
from nlpbatch.spark.tables.merging import merges_of
from nlpbatch.spark.tables.sink import TableSink
from nlpbatch.spark.task_totals import TaskTotals


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """One replay.

    Args:
        output: Output of the analysis job.
        service: Address of the proxy, or several with commas between them.
        api_key: The key for it.
        accept_new_version: Whether the analyzer may be in another version than the output's, such as one with a new
            dictionary; then the output has rows of both, and says so.
        request_bytes: Text per request.
        in_flight: Requests under way per task.
        patience_s: Seconds to keep retrying a request while the service is away.

    """

    output: str
    service: str
    api_key: str | None = field(default=None, repr=False)
    accept_new_version: bool = False
    request_bytes: int = REQUEST_BYTES
    in_flight: int = IN_FLIGHT
    patience_s: float = DEFAULT_PATIENCE_S


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did.

    Args:
        sent: Dead rows there were.
        recovered: Those of them that are in the output now.
        report: The report of the whole run.

    """

    sent: int
    recovered: int
    report: Report

    @property
    def left(self) -> int:
        """Return the dead rows that there still are."""
        return self.sent - self.recovered


def replay(spark: SparkSession, options: ReplayOptions) -> Replayed:
    """Send all dead rows again, and merge the answers.

    Raises:
        ConfigError: There is no output of the job, or its analyzer's version is gone.
        UnknownAnalyzer, Unauthenticated, PatienceExhausted: The service can't be used.
        InternalError: Spark failed; its own error is the cause.

    """
    check_job_session(spark)
    write_as_newer(spark)
    output = Storage(spark, options.output)
    if not output.exists(layout.RUN):
        raise ConfigError(f"{output.url} is not an output of the analysis job: check the path given with --output")
    with OutputLease(output, layout.LEASE, spark.sparkContext.applicationId) as lease:
        return _replay_output(spark, options, output, lease)


def _replay_output(spark: SparkSession, options: ReplayOptions, output: Storage, lease: OutputLease) -> Replayed:
    run_file = RunFile.read(output)
    table = run_file.identity.table
    tables = None if table is None else TableSink.existing(spark, table)
    merges = merges_of(output, tables, run_file.run)
    merges.redo()
    batches = batches_of(output, tables, run_file.run)
    batches.sweep()
    records = {record.number: record for record in batches.records()}
    sent = sum(record.dead for record in records.values())
    if sent:
        try:
            if tables is None:
                dead = spark.read.option("mergeSchema", "true").parquet(output.within(layout.DEAD))
            else:
                dead = tables.dead_letters(run_file.run)
            _replay_rows(spark, dead, _analysis(options, run_file, dead), merges, records, output=output, lease=lease)
        except (PySparkException, Py4JJavaError) as error:
            raise failure(error) from error
    report = _report(options, run_file, output)
    output.write_text(layout.SUMMARY, report.to_json())
    return Replayed(sent, sent - report.dead, report)


def _pin(call: ServiceCall, fingerprint: str | None) -> Pinned:
    try:
        return pin(call, fingerprint)
    except FingerprintMismatch as error:
        raise ConfigError(
            f"{error.message}: to mix rows of both versions in one output, give --accept-new-version"
        ) from error


def _analysis(options: ReplayOptions, run_file: RunFile, dead: DataFrame) -> RunAnalysis:
    """Return what is asked of the dead rows: the same as of all others."""
    identity = run_file.identity
    asked = identity.options()
    call = ServiceCall(
        options.service,
        asked,
        run_file.run,
        api_key=options.api_key,
        request_bytes=options.request_bytes,
        in_flight=options.in_flight,
        retry=RetryPolicy(patience_s=options.patience_s),
    )
    pinned = _pin(call, None if options.accept_new_version else identity.fingerprint)
    analysis = RunAnalysis(text_columns(dead.schema, identity.text, asked), call, pinned)
    _check_types(analysis, dead)
    return analysis


def _check_types(analysis: RunAnalysis, dead: DataFrame) -> None:
    """Refuse a version that answers with another type than the output has: one of functions may declare it anew."""
    schema, _ = analysis.tasks(_rows_sent(dead, analysis).schema)
    for name in (analysis.answer_name(column) for column in analysis.columns):
        before, now = dead.schema[name].dataType.simpleString(), schema[name].dataType.simpleString()
        if before != now:
            raise ConfigError(
                f"column {name!r} of the output is {before}, and analyzer {analysis.pinned.info.name!r} now answers "
                f"with {now}: let a server have the output's version again, or write a new one with --reprocess"
            )


def _rows_sent(dead: DataFrame, analysis: RunAnalysis) -> DataFrame:
    """Return dead rows as they were read, without the columns that the analysis adds."""
    return dead.drop(*(name for column in analysis.columns for name in column.names.values()))


def _replay_rows(
    spark: SparkSession,
    dead: DataFrame,
    analysis: RunAnalysis,
    merges: Merges,
    records: Mapping[int, BatchRecord],
    *,
    output: Storage,
    lease: OutputLease,
) -> None:
    """Analyse all dead rows at once, then merge the results into their micro-batches."""
    dead = _rows_sent(dead, analysis)
    totals = TaskTotals(spark.sparkContext)
    staged = merges.stage()
    analysis.apply(dead, totals).write.partitionBy(layout.PARTITION, OUTCOME).parquet(output.within(staged))
    written = spark.read.parquet(output.within(staged))
    lease.check()
    client: dict[str, float] = asdict(totals.total())
    proxy = UsagePoller(analysis.call).now()
    updated = []
    for row in _count_written(written, analysis):
        record = _updated_record(records[row[layout.PARTITION]], row, analysis.pinned.info.fingerprint)
        updated.append(replace(record, client=_add_counts(record.client, client), proxy=[*record.proxy, *proxy]))
        client = {}  # the replay's work is counted once
    merges.commit_all(updated, staged)


def _count_written(written: DataFrame, analysis: RunAnalysis) -> list[Row]:
    """Return for each micro-batch what was written: recovered rows, their tokens, and dead rows by code."""
    code = analysis.error_code()
    tokens = sf.sum(sf.when(sf.col(OUTCOME) != FAILED, analysis.tokens()).otherwise(0)).alias("tokens")
    per_code = written.where(sf.col(OUTCOME) == FAILED).groupBy(layout.PARTITION, code.alias("code")).count()
    errors = per_code.groupBy(layout.PARTITION).agg(
        sf.map_from_entries(sf.collect_list(sf.struct("code", "count"))).alias("errors")
    )
    counted = written.groupBy(layout.PARTITION).agg(
        tokens, sf.count_if(sf.col(OUTCOME) == FAILED).alias("dead"), sf.count(sf.lit(1)).alias("rows")
    )
    return counted.join(errors, layout.PARTITION, "left").orderBy(layout.PARTITION).collect()


def _updated_record(record: BatchRecord, row: Row, fingerprint: str) -> BatchRecord:
    others = [one for one in (*record.replayed_by, fingerprint) if one != record.fingerprint]
    return replace(
        record,
        dead=row["dead"],
        tokens=record.tokens + row["tokens"],
        errors=dict(row["errors"] or {}),
        replayed_by=tuple(dict.fromkeys(others)) if row["rows"] > row["dead"] else record.replayed_by,
    )


def _add_counts(left: Mapping[str, float], right: Mapping[str, float]) -> dict[str, float]:
    return {name: left.get(name, 0) + right.get(name, 0) for name in (*left, *right)}


def _report(options: ReplayOptions, run_file: RunFile, output: Storage) -> Report:
    return Report.of(
        Batches(output).records(),
        input=run_file.identity.input,
        output=output.url,
        service=options.service,
        analyzer=run_file.identity.asked["analyzer"],
        fingerprint=run_file.identity.fingerprint,
        run=run_file.run,
        table=run_file.identity.table,
        complete=output.exists(layout.SUCCESS),
        stopped=None,
        attempts=len(output.names(layout.ATTEMPTS)),
    )
