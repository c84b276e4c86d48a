"""Everything a caller can have got wrong, checked on the driver before the first row is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import pyspark
from pyspark.errors import PySparkNotImplementedError, PySparkValueError
from pyspark.sql import DataFrame
from pyspark.sql.types import ArrayType, DataType, StringType, StructField, StructType

from nlpbatch.client.columns.blocks import Cut, column_names
from nlpbatch.client.columns.list_documents import LIST_OPERATIONS
from nlpbatch.client.columns.task_stats import TaskStats
from nlpbatch.errors import ConfigError, InvalidRequest
from nlpbatch.formats.malformed import CORRUPT
from nlpbatch.spark.document_types import holds_documents, wanted_type
from nlpbatch.spark.pinning import Pinned, pin
from nlpbatch.spark.schema import with_outcome
from nlpbatch.spark.service_call import ServiceCall
from nlpbatch.spark.storage import first_line
from nlpbatch.spark.task import AnalyzeTask, TaskOptions
from nlpbatch.suggestions import nearest
from nlpbatch.wire.options import Operation
from nlpbatch.wire.options.offered import resolve


@dataclass(frozen=True, slots=True)
class Prepared:
    """A checked analysis of one DataFrame, its analyzer's version pinned; nothing has been read yet."""

    df: DataFrame
    schema: StructType
    options: TaskOptions

    def apply(self, report: Callable[[TaskStats], None] | None = None) -> DataFrame:
        """Return the DataFrame with the added columns; `report` gets each task's stats in its executor."""
        plain = self.df.toDF(*column_names(len(self.df.columns)))
        task = AnalyzeTask(self.options, report)
        try:
            return plain.mapInArrow(task, self.schema)
        except PySparkNotImplementedError as error:
            raise _not_in_arrow(plain, self.df.schema) from error
        except ImportError as error:  # Spark 3.5 has no class of its own for it
            raise ConfigError(
                f"PySpark lacks a package on the driver ({first_line(error)}): pip install 'nlpbatch[spark]' there; "
                "executors need pyspark and pyarrow only"
            ) from error


def prepare(
    df: DataFrame, call: ServiceCall, *, text: str, names: Mapping[str, str], pinned: Pinned | None = None
) -> Prepared:
    """Return what is applied to a DataFrame; see `analyze` for errors.

    Args:
        df: The DataFrame.
        call: What is asked of each text, and how.
        text: Its column of strings, or of arrays of strings; of join and glue one with a list for each document.
        names: What the added columns are called, by `call.asked.columns` and "error".
        pinned: The analyzer's version if it is known already; the service is asked if None.

    """
    asked = call.asked
    schema = _schema_of(df)
    _check_columns(schema, text, asked.operation, {name: names[name] for name in (*asked.columns, "error")})
    return Prepared(df, *prepare_task(schema, call, text=text, names=names, pinned=pinned or pin(call)))


def prepare_task(
    schema: StructType, call: ServiceCall, *, text: str, names: Mapping[str, str], pinned: Pinned
) -> tuple[StructType, TaskOptions]:
    """Return the columns that rows of a schema have afterwards, and what a task is given; arguments as of `prepare`."""
    if call.asked.operation == "call":  # all else was checked when the version was pinned
        call = replace(call, asked=resolve(call.asked, pinned.info))
    options = TaskOptions(
        call=call,
        text=schema.names.index(text),
        fingerprint=pinned.info.fingerprint,
        cut=Cut.within(pinned.limits, call.request_bytes),
    )
    arrays = holds_texts(schema[text].dataType, call.asked.operation)
    return with_outcome(schema, names, call.asked, arrays=arrays), options


def _schema_of(df: DataFrame) -> StructType:
    try:
        return df.schema
    except Exception as error:
        # PySpark 3.5 has no class for calendar intervals, and says so by this error; its Connect by a bare Exception.
        if isinstance(error, PySparkValueError) or type(error) is Exception:
            raise InvalidRequest(
                f"PySpark {pyspark.__version__} has no type for one of the columns ({first_line(error)}): cast it to "
                "string, or leave it out"
            ) from error
        raise


def _check_columns(schema: StructType, text: str, operation: Operation, added: Mapping[str, str]) -> None:
    if text not in schema.names:
        names = [name for name in schema.names if name != CORRUPT]
        raise InvalidRequest(f"there is no column {text!r}: {nearest(text, names)}", column=text)
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
