"""The analysis job: Parquet in, Parquet with tokens and errors out, and a report of what was done."""

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Final

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as sf

from nlpbatch import errors
from nlpbatch.client.policy import RetryPolicy
from nlpbatch.errors import ConfigError, InternalError, NlpbatchError
from nlpbatch.spark.ledger import Ledger
from nlpbatch.spark.options import JobOptions
from nlpbatch.spark.prepare import Prepared, prepare
from nlpbatch.spark.progress import RowCounter, on_terminal, watching
from nlpbatch.spark.report import Report
from nlpbatch.spark.storage import Storage, first_line
from nlpbatch.wire.outcome import DOCUMENT_CODES

SUMMARY: Final = "_nlpbatch/summary.json"
"""Where the report stands under the output; readers of Parquet pass over names that begin with an underscore."""
_OTHER: Final = "other"


def run(spark: SparkSession, options: JobOptions) -> Report:
    """Run the job and return its report, which also stands in the output.

    Raises:
        ConfigError: Input or output can't be used.
        InvalidRequest, UnknownAnalyzer, UnknownField, Unauthenticated: What was asked for can't be had.
        PatienceExhausted: The service stayed away for longer than `patience_s`; nothing that looks complete is left.
        InternalError: Spark failed; its own error is the cause.

    """
    output = Storage(spark, options.output)
    _check_output(output, Storage(spark, options.input), options)
    df = _read(spark, options)
    retry = RetryPolicy(patience_s=options.patience_s)
    prepared = prepare(
        df,
        text=options.text,
        asked=options.asked(),
        names={name: name for name in ("tokens", "sentences", "candidates", "error")},
        service=options.service,
        api_key=options.api_key,
        request_bytes=options.request_bytes,
        in_flight=options.in_flight,
        retry=retry,
    )
    report = _execute(spark, options, prepared, output)
    try:
        output.write_text(SUMMARY, report.to_json())
    except ConfigError as error:
        raise InternalError(f"the output is complete, but it has no summary: {error.message}") from error
    return report


def _read(spark: SparkSession, options: JobOptions) -> DataFrame:
    try:
        return spark.read.parquet(options.input)
    except (PySparkException, Py4JJavaError) as error:
        raise ConfigError(
            f"input {options.input!r} can't be read as Parquet: {first_line(error)}: check the path given with --input"
        ) from error


def _check_output(output: Storage, source: Storage, options: JobOptions) -> None:
    """Refuse what would destroy: an output that exists, one around the input, or one that next time is input too."""
    if output.overlaps(source):
        raise ConfigError(f"output {output.url} and input {source.url} lie in one another: choose another output")
    if output.exists() and not options.overwrite:
        state = "a finished output" if output.is_complete() else "something, but no finished output (no _SUCCESS)"
        raise ConfigError(
            f"output {output.url} exists already and is {state}: choose another path, or replace it with --overwrite"
        )


def _execute(spark: SparkSession, options: JobOptions, prepared: Prepared, output: Storage) -> Report:
    ledger = Ledger(spark.sparkContext)
    counts = Observation("nlpbatch")
    result = prepared.apply(ledger).observe(counts, *_observed(options))
    total = _rows(prepared.df)
    started_s = time.monotonic()
    with watching(RowCounter(spark).rows, total, terminal=on_terminal(spark)):
        _write(result, options, output)
    seconds = time.monotonic() - started_s
    return _report(options, prepared, output, counts=counts.get, ledger=ledger, seconds=seconds)


def _rows(df: DataFrame) -> int:
    """Return the number of rows, which Parquet's footers know."""
    try:
        return df.count()
    except (PySparkException, Py4JJavaError) as error:
        raise _failure(error) from error


def _write(result: DataFrame, options: JobOptions, output: Storage) -> None:
    mode = "overwrite" if options.overwrite else "errorifexists"
    try:
        # Version 1 of the committer moves files into place only when the whole job has succeeded.
        result.write.option("mapreduce.fileoutputcommitter.algorithm.version", "1").mode(mode).parquet(options.output)
    except AnalysisException as error:
        # Nothing has been written. If there is an output by now, another job has begun to write it: leave it alone.
        raise ConfigError(f"output {output.url} can't be written: {first_line(error)}") from error
    except (PySparkException, Py4JJavaError) as error:
        with suppress(ConfigError):  # it has no _SUCCESS; what ended the job is worth more than what can't be tidied
            _delete_incomplete(output)
        raise _failure(error) from error


def _delete_incomplete(output: Storage) -> None:
    if output.exists() and not output.is_complete():
        output.delete()


_OWN_ERROR = re.compile(r"nlpbatch\.errors\.(\w+): (.*)")


def _failure(error: PySparkException | Py4JJavaError) -> NlpbatchError:
    """Return the error of ours that a task failed with, found in the traceback that Spark brings from the executor."""
    found = _OWN_ERROR.findall(str(error))
    if found:
        name, message = found[-1]
        cls: type[NlpbatchError] = getattr(errors, name, InternalError)
        return cls(message)
    return InternalError(f"Spark failed: {first_line(error)}")


def _observed(options: JobOptions) -> list[Column]:
    """Return the counts taken while rows are written, in the only evaluation there is."""
    code = sf.col("error.code")
    column = sf.col("`{}`".format(options.text.replace("`", "``")))
    known = code.isin(*DOCUMENT_CODES)
    return [
        sf.count(sf.lit(1)).alias("rows"),
        sf.count_if(column.isNull()).alias("nulls"),
        sf.sum(_token_count(options)).alias("tokens"),
        sf.sum(sf.octet_length(column)).alias("text_bytes"),
        *(sf.count_if(code == name).alias(name) for name in DOCUMENT_CODES),
        sf.count_if(~known).alias(_OTHER),
    ]


def _token_count(options: JobOptions) -> Column:
    """Return how many tokens a row has, of all its candidates; null has none."""
    if options.top_n == 1:
        return sf.when(sf.col("tokens").isNotNull(), sf.size("tokens"))
    return sf.aggregate("candidates", sf.lit(0), lambda count, one: count + sf.size(one["tokens"]))


def _report(
    options: JobOptions,
    prepared: Prepared,
    output: Storage,
    *,
    counts: Mapping[str, Any],
    ledger: Ledger,
    seconds: float,
) -> Report:
    codes = (*DOCUMENT_CODES, _OTHER)
    return Report(
        input=options.input,
        output=output.url,
        service=options.service,
        analyzer=prepared.info.name,
        fingerprint=prepared.info.fingerprint,
        rows=counts["rows"],
        nulls=counts["nulls"],
        tokens=counts["tokens"] or 0,
        errors={code: counts[code] for code in codes if counts[code]},
        text_bytes=counts["text_bytes"] or 0,
        seconds=round(seconds, 3),
        **asdict(ledger.total()),
    )
