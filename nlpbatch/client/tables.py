"""Tables through the blocking client: columns of text in, the same rows with tokens and errors out."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, overload

from nlpbatch.client.calls import Trace
from nlpbatch.client.operations import Operations
from nlpbatch.client.progress import progress_of
from nlpbatch.clock import Clock
from nlpbatch.older_python import Unpack
from nlpbatch.wire.analyzer import Catalogue
from nlpbatch.wire.extras import AnalyzeOptions
from nlpbatch.wire.fields import DEFAULT_FIELDS
from nlpbatch.wire.options import DEFAULT_ANALYZER, Operation

if TYPE_CHECKING:
    import pyarrow as pa

    from nlpbatch.client.columns.table_call import TableCall


class TableOperations(Operations):
    """Analyses tables; needs pyarrow."""

    _clock: Clock

    @abstractmethod
    def analyzers(self) -> Catalogue:
        """Return the catalogue of the service."""

    @abstractmethod
    def ask_arrow(
        self,
        operation: Operation,
        documents: "pa.Array",
        /,
        *,
        if_match: str | None = None,
        extra: "pa.Array | None" = None,
        on_answer: Callable[[Trace], None] | None = None,
        **options: Any,
    ) -> "pa.Table":
        """Return the answer of an operation on n documents."""

    # Without stubs of pyarrow, a type checker can't tell its types apart.
    @overload
    def analyze_table(
        self,
        table: "pa.Table",
        *,
        text: str | Sequence[str],
        analyzer: str = ...,
        fields: Iterable[str] = ...,
        if_match: str | None = ...,
        progress: bool = ...,
        **options: Unpack[AnalyzeOptions],
    ) -> "pa.Table": ...
    @overload
    def analyze_table(  # type: ignore[overload-cannot-match]
        self,
        table: "pa.RecordBatchReader",
        *,
        text: str | Sequence[str],
        analyzer: str = ...,
        fields: Iterable[str] = ...,
        if_match: str | None = ...,
        progress: bool = ...,
        **options: Unpack[AnalyzeOptions],
    ) -> "pa.RecordBatchReader": ...
    def analyze_table(
        self,
        table: Any,
        *,
        text: str | Sequence[str],
        analyzer: str = DEFAULT_ANALYZER,
        fields: Iterable[str] = DEFAULT_FIELDS,
        if_match: str | None = None,
        progress: bool = False,
        **options: Unpack[AnalyzeOptions],
    ) -> Any:
        """Return the table with `tokens` and `error` added, all from one version of the analyzer.

        The columns, errors and codes are those of a Spark job; with several text columns they are called
        `title_tokens`, `title_error`, …. `error: struct<code, message, attempts, request_id>` is null where tokens
        are not; a null text has null in both. Equal texts that are near each other are sent once. A request that fails
        because of one text is cut until that text has the error alone.

        Args:
            table: A Table, for which a Table is returned; or a RecordBatchReader, for which a reader is returned that
                reads, sends and yields as it is read, in bounded memory. Dropping it ends the requests under way.
            text: The column to analyse, of strings or lists of strings, or several.
            analyzer: One of `analyzers()`.
            fields: Token fields to answer with, in this order.
            if_match: Fingerprint that the analyzer must have; without, the one it has now is pinned. The schema's
                metadata has it as `nlpbatch.fingerprint`.
            progress: Whether to show on stderr how far it is.
            options: Further options of `nlpbatch.wire.options`, as of `analyze`.

        Raises:
            RequestError: A column or an option is wrong, or the service refuses this caller.
            ServiceError: The service can't answer at all; a reader raises it at its place.

        """
        from nlpbatch.client.columns.table_call import TableCall  # noqa: PLC0415  (pyarrow)

        call = TableCall(table, text, {"analyzer": analyzer, "fields": fields, **options})
        return self._answered(call, if_match, progress=progress)

    @overload
    def call_table(
        self,
        table: "pa.Table",
        *,
        text: str | Sequence[str],
        analyzer: str,
        operation: str | None = ...,
        if_match: str | None = ...,
        progress: bool = ...,
    ) -> "pa.Table": ...
    @overload
    def call_table(  # type: ignore[overload-cannot-match]
        self,
        table: "pa.RecordBatchReader",
        *,
        text: str | Sequence[str],
        analyzer: str,
        operation: str | None = ...,
        if_match: str | None = ...,
        progress: bool = ...,
    ) -> "pa.RecordBatchReader": ...
    def call_table(
        self,
        table: Any,
        *,
        text: str | Sequence[str],
        analyzer: str,
        operation: str | None = None,
        if_match: str | None = None,
        progress: bool = False,
    ) -> Any:
        """Return the table with `result` and `error` added: what an analyzer's own operation makes of each text.

        The type of `result` is the one that the operation declares. Everything else is as of `analyze_table`.

        Args:
            table: As of `analyze_table`.
            text: The column, of strings or lists of strings, or several.
            analyzer: One of `analyzers()` that has operations of its own.
            operation: Which of them; may be left out where it has only one.
            if_match: As of `analyze_table`.
            progress: As of `analyze_table`.

        Raises what `analyze_table` does.
        """
        from nlpbatch.client.columns.table_call import TableCall  # noqa: PLC0415  (pyarrow)

        call = TableCall(table, text, {"analyzer": analyzer, "operation": operation}, "call")
        return self._answered(call, if_match, progress=progress)

    def _answered(self, call: "TableCall", if_match: str | None, *, progress: bool) -> Any:
        answer = call.begin(
            self.ask_arrow, self.analyzers(), self.service, if_match, clock=self._clock, pool_size=self._pool_size
        )
        if call.rows is None:
            return answer.to_reader(progress=progress)
        with progress_of(answer.operation, call.rows, shown=progress) as advance:
            return answer.to_table(advance)
