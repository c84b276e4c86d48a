"""A call of `analyze_table` or `call_table`: checked before any request, then answered batch by batch."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import pyarrow as pa

from nlpbatch.client.columns.pinning import Pinned, choose
from nlpbatch.client.columns.table_analysis import IN_FLIGHT, Ask, TableAnalysis
from nlpbatch.client.columns.text_columns import text_columns
from nlpbatch.client.progress import progress_of
from nlpbatch.clock import Clock
from nlpbatch.errors import InvalidRequest
from nlpbatch.wire.analyzer import Catalogue
from nlpbatch.wire.options import Operation, Options
from nlpbatch.wire.options.offered import resolve


class TableCall:
    """What was called with.

    Args:
        table: A Table or a RecordBatchReader.
        text: The column to analyse, or several.
        given: The options.
        operation: What is asked of each text.

    Raises:
        InvalidRequest: Neither table nor reader, or a column or an option that can't be used.
        UnknownField: A field that isn't offered.

    """

    def __init__(
        self, table: Any, text: str | Sequence[str], given: Mapping[str, Any], operation: Operation = "analyze"
    ) -> None:
        if not isinstance(table, pa.Table | pa.RecordBatchReader):
            raise InvalidRequest(
                f"table is a {type(table).__name__}: give a pyarrow.Table or a pyarrow.RecordBatchReader, such as "
                "pa.table(...) or pyarrow.dataset.dataset(...).scanner().to_reader()"
            )
        self._table = table
        self._texts = (text,) if isinstance(text, str) else tuple(text)
        if not self._texts:
            raise InvalidRequest("text names no column: name one")
        self._asked = Options.checked(operation, given)
        if operation != "call":  # whose results have a type that only the service knows
            text_columns(table.schema, self._texts, self._asked)

    @property
    def rows(self) -> int | None:
        """Return how many rows there are; None for a reader."""
        return self._table.num_rows if isinstance(self._table, pa.Table) else None

    def begin(
        self, ask: Ask, catalogue: Catalogue, service: str, if_match: str | None, *, clock: Clock, pool_size: int
    ) -> "TableAnswer":
        """Return the answer, which sends nothing before it is read.

        Raises:
            UnknownAnalyzer, UnknownOperation, UnknownField, InvalidOption: The service doesn't offer it.
            InvalidRequest: A column of a call can't be used.

        """
        info = choose(catalogue, self._asked, service)
        asked = resolve(self._asked, info)
        info = replace(info, fingerprint=if_match or info.fingerprint)
        analysis = TableAnalysis(
            ask,
            self._table.schema,
            self._texts,
            asked,
            pinned=Pinned(info, catalogue.limits),
            clock=clock,
            in_flight=min(IN_FLIGHT, pool_size),
        )
        metadata = {"nlpbatch.analyzer": info.name, "nlpbatch.fingerprint": info.fingerprint}
        schema = analysis.schema.with_metadata({**(self._table.schema.metadata or {}), **metadata})
        batches = self._table.to_batches() if isinstance(self._table, pa.Table) else self._table
        return TableAnswer(schema, analysis.answer(batches), asked.operation)


class TableAnswer:
    """The rows of a table with their outcomes.

    Args:
        schema: Its columns, with the analyzer's name and version in the metadata.
        batches: The rows, in order.
        operation: What is asked, for those who watch.

    """

    def __init__(self, schema: pa.Schema, batches: Generator[pa.RecordBatch, None, None], operation: Operation) -> None:
        self.schema = schema
        self.operation = operation
        self.batches = batches

    def to_table(self, advance: Callable[[int], None]) -> pa.Table:
        """Return all rows; `advance` is told of rows that are done."""
        found = []
        for batch in self.batches:
            found.append(batch)
            advance(batch.num_rows)
        return pa.Table.from_batches(found, self.schema.remove_metadata()).replace_schema_metadata(self.schema.metadata)

    def to_reader(self, *, progress: bool) -> pa.RecordBatchReader:
        """Return a reader; dropping it ends the requests under way."""

        def rows() -> Generator[pa.RecordBatch, None, None]:
            with progress_of(self.operation, None, shown=progress) as advance, closing(self.batches) as batches:
                for batch in batches:
                    advance(batch.num_rows)
                    yield batch.replace_schema_metadata(self.schema.metadata)

        return pa.RecordBatchReader.from_batches(self.schema, rows())
