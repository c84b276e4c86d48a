"""Everything a caller can have got wrong, checked on the driver before the first row is read."""

import difflib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pyspark.errors import PySparkException, PySparkImportError, PySparkNotImplementedError
from pyspark.sql import DataFrame
from pyspark.sql.types import ArrayType, DataType, StringType, StructField, StructType

from nlpbatch.client.policy import RetryPolicy
from nlpbatch.errors import ConfigError, InvalidRequest
from nlpbatch.spark.blocks import Cut, column_names
from nlpbatch.spark.figures import TaskFigures
from nlpbatch.spark.list_documents import LIST_OPERATIONS, holds_documents, wanted_type
from nlpbatch.spark.pinning import Pinned, pin
from nlpbatch.spark.runs.formats import CORRUPT
from nlpbatch.spark.schema import with_outcome
from nlpbatch.spark.storage import first_line
from nlpbatch.spark.task import AnalyzeTask, TaskOptions
from nlpbatch.wire.analyzer import AnalyzerInfo
from nlpbatch.wire.limits import KIB, MIB, REQUEST_FRAMING_BYTES, SizeLimits
from nlpbatch.wire.options import Operation, Options

REQUEST_BYTES: Final = 64 * KIB
IN_FLIGHT: Final = 4
_MOST_IN_FLIGHT: Final = 256
_MOST_DOCUMENTS: Final = 10_000
_REQUESTS_PER_BLOCK: Final = 8
"""Rows leave a task block by block: small ones show progress sooner, in large ones more texts are alike."""
_BLOCK_BYTES: Final = 4 * MIB  # tokens with all fields take twenty times their text


@dataclass(frozen=True, slots=True)
class Prepared:
    """A checked analysis of one DataFrame, its analyzer's version pinned; nothing has been read yet."""

    df: DataFrame
    schema: StructType
    options: TaskOptions
    info: AnalyzerInfo

    def apply(self, report: Callable[[TaskFigures], None] | None = None) -> DataFrame:
        """Return the DataFrame with the added columns; `report` gets each task's figures in its executor."""
        plain = self.df.toDF(*column_names(len(self.df.columns)))
        task = AnalyzeTask(self.options, report)
        try:
            return plain.mapInArrow(task, self.schema)
        except PySparkNotImplementedError as error:
            raise _not_in_arrow(plain, self.df.schema) from error
        except PySparkImportError as error:
            raise ConfigError(
                f"PySpark lacks a package on the driver ({first_line(error)}): pip install 'nlpbatch[spark]' there; "
                "executors need pyspark and pyarrow only"
            ) from error


def prepare(
    df: DataFrame,
    *,
    text: str,
    asked: Options,
    names: Mapping[str, str],
    service: str,
    api_key: str | None = None,
    job: str | None = None,
    request_bytes: int = REQUEST_BYTES,
    in_flight: int = IN_FLIGHT,
    retry: RetryPolicy | None = None,
    pinned: Pinned | None = None,
) -> Prepared:
    """Return what is applied to a DataFrame; see `analyze` for arguments and errors.

    Args:
        df: The DataFrame.
        text: Its column of strings, or of arrays of strings; of join and glue one with a list for each document.
        asked: What is asked of each text.
        names: What the added columns are called, by `asked.columns` and "error".
        service: Address of the proxy.
        api_key: Its key.
        job: Name of the job.
        request_bytes: Text per request.
        in_flight: Requests under way per task.
        retry: How long to retry.
        pinned: The analyzer's version if it is known already; the service is asked if None.

    """
    _check_columns(df.schema, text, asked.operation, {name: names[name] for name in (*asked.columns, "error")})
    faults = [fault for fault in (check_request_bytes(request_bytes), check_in_flight(in_flight)) if fault]
    if faults:
        raise InvalidRequest("; ".join(faults))
    policy = retry or RetryPolicy()
    pinned = pinned or pin(service, asked, api_key=api_key, retry=policy)
    options = TaskOptions(
        service=service,
        api_key=api_key,
        job=job or _application_id(df),
        text=df.columns.index(text),
        fingerprint=pinned.info.fingerprint,
        asked=asked,
        cut=_cut(request_bytes, pinned.limits),
        in_flight=in_flight,
        retry=policy,
    )
    arrays = holds_texts(df.schema[text].dataType, asked.operation)
    return Prepared(df, with_outcome(df.schema, names, asked, arrays=arrays), options, pinned.info)


def _check_columns(schema: StructType, text: str, operation: Operation, added: Mapping[str, str]) -> None:
    if text not in schema.names:
        names = [name for name in schema.names if name != CORRUPT]
        near = difflib.get_close_matches(text, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"the columns are {', '.join(names)}"
        raise InvalidRequest(f"there is no column {text!r}: {hint}", column=text)
    if schema.names.count(text) > 1:
        raise InvalidRequest(f"there are several columns {text!r}: rename them, or drop all but one", column=text)
    if operation in LIST_OPERATIONS:
        if not holds_documents(operation, schema[text].dataType):
            kind = schema[text].dataType.simpleString()
            raise InvalidRequest(
                f"column {text!r} is {kind}, but {operation} takes {wanted_type(operation)}: choose such a column",
                column=text,
            )
    elif not _holds_text(schema[text].dataType):
        kind = schema[text].dataType.simpleString()
        raise InvalidRequest(
            f"column {text!r} is {kind}, not string: choose a column of strings or of arrays of strings, or cast it: "
            f"df.withColumn({text!r}, df[{text!r}].cast('string'))",
            column=text,
        )
    twice = next((name for name in added.values() if list(added.values()).count(name) > 1), None)
    if twice is not None:
        options = " and ".join(option for option, name in added.items() if name == twice)
        raise InvalidRequest(f"{options} would both be {twice!r}: give them different names")
    taken = {name.lower() for name in schema.names}
    for option, name in added.items():
        if name.lower() in taken:
            raise InvalidRequest(
                f"there is a column {name!r} already: rename it, or choose another name with {option}='…'",
                column=name,
            )


def holds_texts(kind: DataType, operation: Operation) -> bool:
    """Return whether each row of a column has several texts, whose answers are lists, too."""
    return isinstance(kind, ArrayType) and operation not in LIST_OPERATIONS


def _holds_text(kind: DataType) -> bool:
    return isinstance(kind.elementType if isinstance(kind, ArrayType) else kind, StringType)


def _not_in_arrow(plain: DataFrame, schema: StructType) -> InvalidRequest:
    """Return the error that names the columns which Spark can't hand to Python, such as calendar intervals."""

    def refused(name: str, field: StructField) -> bool:
        try:
            plain.select(name).mapInArrow(lambda batches: batches, StructType([field]))
        except PySparkNotImplementedError:
            return True
        return False

    columns = [field for name, field in zip(plain.columns, schema, strict=True) if refused(name, field)]
    named = ", ".join(f"{field.name!r} is {field.dataType.simpleString()}" for field in columns)
    return InvalidRequest(f"Spark can't hand these columns to Python: {named}: cast them to string, or leave them out")


def check_request_bytes(value: int) -> str | None:
    """Return what is wrong with a `request_bytes`, None if nothing is."""
    return _range_fault("request_bytes", value, KIB, 8 * MIB)


def check_in_flight(value: int) -> str | None:
    """Return what is wrong with an `in_flight`, None if nothing is."""
    return _range_fault("in_flight", value, 1, _MOST_IN_FLIGHT)


def _range_fault(name: str, value: int, least: int, most: int) -> str | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return f"{name} is {value!r}: give a whole number from {least:,} to {most:,}"
    if least <= value <= most:
        return None
    return f"{name} is {value:,}, must be {least:,} to {most:,}: choose a value in that range"


def _cut(request_bytes: int, limits: SizeLimits) -> Cut:
    """Return bounds that keep text and framing within what the service takes."""
    request_bytes = min(request_bytes, max(KIB, limits.body_bytes - REQUEST_FRAMING_BYTES))
    return Cut(
        block_bytes=max(request_bytes, min(request_bytes * _REQUESTS_PER_BLOCK, _BLOCK_BYTES)),
        request_bytes=request_bytes,
        request_documents=min(limits.documents, _MOST_DOCUMENTS),
        text_bytes=limits.text_bytes,
    )


def _application_id(df: DataFrame) -> str:
    try:
        return str(df.sparkSession.sparkContext.applicationId)
    except PySparkException:
        # Spark Connect has no SparkContext; what matters is that all tasks of this call share one name.
        return f"connect-{uuid.uuid4().hex[:12]}"
