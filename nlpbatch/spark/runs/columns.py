"""What a run adds to rows and counts of them: outcome columns of every text column, and which rows are dead."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as sf
from pyspark.sql.types import StringType, StructField, StructType

from nlpbatch import errors
from nlpbatch.client.columns.list_documents import LIST_OPERATIONS
from nlpbatch.client.columns.outcome_names import outcome_names
from nlpbatch.formats.malformed import CORRUPT, MALFORMED, MALFORMED_ERROR
from nlpbatch.spark.pinning import Pinned
from nlpbatch.spark.prepare import Prepared, holds_texts, prepare, prepare_task
from nlpbatch.spark.runs.batches import FAILED, OK, OUTCOME
from nlpbatch.spark.schema import ERROR_TYPE, named
from nlpbatch.spark.service_call import ServiceCall
from nlpbatch.spark.task import TaskOptions
from nlpbatch.wire.options import Options
from nlpbatch.wire.outcome import DOCUMENT_CODES

OTHER: Final = "other"


def _codes(root: type[errors.NlpbatchError]) -> Iterator[str]:
    yield root.code
    for cls in root.__subclasses__():
        yield from _codes(cls)


COUNTED_CODES: Final = (*dict.fromkeys((*DOCUMENT_CODES, MALFORMED, *_codes(errors.NlpbatchError))),)
"""Codes of errors that are counted by themselves; all others are counted together."""


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A column that is analysed, and what the columns are called that it gives.

    Args:
        name: The column.
        names: What the added columns are called, by `Options.columns` and "error".
        is_array: Whether it holds arrays of strings.

    """

    name: str
    names: Mapping[str, str]
    is_array: bool

    @property
    def column(self) -> Column:
        """Return it, whatever characters its name has."""
        return named(self.name)

    @property
    def error(self) -> Column:
        """Return its error."""
        return named(self.names["error"])


def text_columns(schema: StructType, names: tuple[str, ...], asked: Options) -> tuple[TextColumn, ...]:
    """Return the columns, with the names of their outcomes.

    Columns that aren't in the schema are also listed: `prepare` refuses them.
    """
    types = {field.name: field.dataType for field in schema}
    return tuple(
        TextColumn(name, added, holds_texts(types.get(name, StringType()), asked.operation))
        for name, added in zip(names, outcome_names(names, asked), strict=True)
    )


@dataclass(frozen=True, slots=True)
class RunAnalysis:
    """What is asked of every row.

    Args:
        columns: The text columns.
        call: What is asked of each text, and how.
        pinned: By which version.

    """

    columns: tuple[TextColumn, ...]
    call: ServiceCall
    pinned: Pinned

    def traced(self, traceparent: str | None) -> "RunAnalysis":
        """Return the same, with that header of Trace Context on all requests."""
        return replace(self, call=replace(self.call, traceparent=traceparent))

    def apply(self, df: DataFrame, report: Callable[..., None] | None) -> DataFrame:
        """Return the rows with all outcome columns, and with `OUTCOME` last.

        Raises:
            InvalidRequest: A column can't be used.

        """
        corrupt = CORRUPT in df.columns
        for column in self.columns:
            df = self._prepared(df, column).apply(report)
            first = self.answer_name(column)
            df = df.withColumn(first, named(first).alias(first, metadata=self._metadata()))
        if corrupt:
            first = self.columns[0].names["error"]
            df = df.withColumn(first, sf.when(named(CORRUPT).isNotNull(), _malformed()).otherwise(named(first)))
        failed = reduce(Column.__or__, (column.error.isNotNull() for column in self.columns))
        return df.withColumn(OUTCOME, sf.when(failed, FAILED).otherwise(OK))

    def tasks(self, schema: StructType) -> tuple[StructType, list[TaskOptions]]:
        """Return the columns that rows have at the end, without `OUTCOME`, and what a task does for each text column.

        It is what `apply` does, for those who do it in one task.
        """
        tasks = []
        for column in self.columns:
            schema, options = prepare_task(schema, self.call, text=column.name, names=column.names, pinned=self.pinned)
            tasks.append(options)
        own = {self.answer_name(column): self._metadata() for column in self.columns}
        fields = [StructField(one.name, one.dataType, one.nullable, own.get(one.name, one.metadata)) for one in schema]
        return StructType(fields), tasks

    def answer_name(self, column: TextColumn) -> str:
        """Return the name of what is answered first."""
        return column.names[self.call.asked.columns[0]]

    def counts(self) -> list[Column]:
        """Return what is counted of the rows while they are written, in the only evaluation there is."""
        code = self.error_code()
        no_text = reduce(Column.__and__, (column.column.isNull() for column in self.columns))
        return [
            sf.count(sf.lit(1)).alias("rows"),
            sf.count_if(named(OUTCOME) == FAILED).alias("dead"),
            sf.count_if(no_text).alias("nulls"),
            sf.sum(self.tokens()).alias("tokens"),
            sf.sum(reduce(Column.__add__, map(self._text_bytes, self.columns))).alias("text_bytes"),
            *(sf.count_if(code == name).alias(f"error_{name}") for name in COUNTED_CODES),
            sf.count_if(code.isNotNull() & ~code.isin(*COUNTED_CODES)).alias(f"error_{OTHER}"),
        ]

    def error_code(self) -> Column:
        """Return the code of a row's first error; null if it has none."""
        return sf.coalesce(*(column.error["code"] for column in self.columns))

    def tokens(self) -> Column:
        """Return how many tokens a row has in all its columns."""
        return reduce(Column.__add__, (self._tokens(column) for column in self.columns))

    def _prepared(self, df: DataFrame, column: TextColumn) -> Prepared:
        return prepare(df, self.call, text=column.name, names=column.names, pinned=self.pinned)

    def _metadata(self) -> dict[str, Any]:
        """Return the column's metadata in every file's footer: which analyzer made it."""
        info = self.pinned.info
        return {"nlpbatch.analyzer": info.name, "nlpbatch.fingerprint": info.fingerprint}

    def _tokens(self, column: TextColumn) -> Column:
        """Return how many tokens a row has, of all its candidates and elements; nothing counts as none."""
        what = self.call.asked.columns[0]
        if what not in _SIZES:
            return sf.lit(0)
        found, per_text = named(column.names[what]), _SIZES[what]
        count = (
            sf.aggregate(found, sf.lit(0), lambda sum_, one: sum_ + sf.coalesce(per_text(one), sf.lit(0)))
            if column.is_array
            else per_text(found)
        )
        return sf.when(found.isNotNull(), count).otherwise(0)

    def _text_bytes(self, text: TextColumn) -> Column:
        """Return the bytes of a row's texts; the texts of tokens are their forms."""
        none, operation = sf.lit(0).cast("long"), self.call.asked.operation
        if not text.is_array and operation not in LIST_OPERATIONS:
            return sf.coalesce(sf.octet_length(text.column).cast("long"), none)

        def added(sum_: Column, one: Column) -> Column:
            return sum_ + sf.coalesce(sf.octet_length(one["form"] if operation == "join" else one), sf.lit(0))

        return sf.coalesce(sf.aggregate(text.column, none, added), none)


def errors_by_code(counts: Mapping[str, Any]) -> dict[str, int]:
    """Return the rows with an error by code, of what `RunAnalysis.counts` counted."""
    return {code: counts[f"error_{code}"] for code in (*COUNTED_CODES, OTHER) if counts[f"error_{code}"]}


def _candidates_size(candidates: Column) -> Column:
    return sf.aggregate(candidates, sf.lit(0), lambda sum_, one: sum_ + sf.size(one["tokens"]))


_SIZES: Final = {"tokens": sf.size, "candidates": _candidates_size}
"""How the tokens of a text are counted; other answers have none."""


def _malformed() -> Column:
    values = [sf.lit(MALFORMED_ERROR.get(one.name)).cast(one.dataType).alias(one.name) for one in ERROR_TYPE]
    return sf.struct(*values)
