"""Tables through the asyncio client; a thread cuts and joins the rows, the requests are sent in the event loop."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any, Self, Unpack, overload

from nlpbatch.client.aio_operations import AsyncOperations
from nlpbatch.client.calls import Trace
from nlpbatch.client.progress import progress_of
from nlpbatch.clock import Clock
from nlpbatch.wire.analyzer import Catalogue
from nlpbatch.wire.extras import AnalyzeOptions
from nlpbatch.wire.fields import DEFAULT_FIELDS
from nlpbatch.wire.options import DEFAULT_ANALYZER, Operation

if TYPE_CHECKING:
    import pyarrow as pa

    from nlpbatch.client.columns.table_call import TableAnswer, TableCall


class AsyncTableOperations(AsyncOperations):
    """Analyses tables; needs pyarrow."""

    _clock: Clock

    @abstractmethod
    async def analyzers(self) -> Catalogue:
        """Return the catalogue of the service."""

    @abstractmethod
    async def ask_arrow(
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
    async def analyze_table(
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
    async def analyze_table(  # type: ignore[overload-cannot-match]
        self,
        table: "pa.RecordBatchReader",
        *,
        text: str | Sequence[str],
        analyzer: str = ...,
        fields: Iterable[str] = ...,
        if_match: str | None = ...,
        progress: bool = ...,
        **options: Unpack[AnalyzeOptions],
    ) -> "AsyncBatchReader": ...
    async def analyze_table(
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
        """Return the table with `tokens` and `error` added; arguments and errors are those of `Client.analyze_table`.

        For a RecordBatchReader, an `AsyncBatchReader` is returned.
        """
        from nlpbatch.client.columns.table_call import TableCall  # noqa: PLC0415  (pyarrow)

        call = TableCall(table, text, {"analyzer": analyzer, "fields": fields, **options})
        return await self._answered(call, if_match, progress=progress)

    @overload
    async def call_table(
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
    async def call_table(  # type: ignore[overload-cannot-match]
        self,
        table: "pa.RecordBatchReader",
        *,
        text: str | Sequence[str],
        analyzer: str,
        operation: str | None = ...,
        if_match: str | None = ...,
        progress: bool = ...,
    ) -> "AsyncBatchReader": ...
    async def call_table(
        self,
        table: Any,
        *,
        text: str | Sequence[str],
        analyzer: str,
        operation: str | None = None,
        if_match: str | None = None,
        progress: bool = False,
    ) -> Any:
        """Return the table with `result` and `error` added; arguments and errors are those of `Client.call_table`.

        For a RecordBatchReader, an `AsyncBatchReader` is returned.
        """
        from nlpbatch.client.columns.table_call import TableCall  # noqa: PLC0415  (pyarrow)

        call = TableCall(table, text, {"analyzer": analyzer, "operation": operation}, "call")
        return await self._answered(call, if_match, progress=progress)

    async def _answered(self, call: "TableCall", if_match: str | None, *, progress: bool) -> Any:
        requests = _Requests(self.ask_arrow)
        answer = call.begin(
            requests.ask,
            await self.analyzers(),
            self.service,
            if_match,
            clock=self._clock,
            pool_size=self._pool_size,
        )
        reader = AsyncBatchReader(answer, requests, call.rows, shown=progress)
        if call.rows is None:
            return reader
        async with reader:
            return await reader.read_all()


class _Requests:
    """Sends requests in the event loop for threads that wait for the answers."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask
        self._loop = asyncio.get_running_loop()
        self._under_way: set[Future[Any]] = set()
        self._is_cancelled = False

    def ask(self, operation: Operation, documents: "pa.Array", /, **options: Any) -> "pa.Table":
        """Return the answer of one request; called in a thread."""
        if self._is_cancelled:
            raise CancelledError
        future = asyncio.run_coroutine_threadsafe(self._ask(operation, documents, **options), self._loop)
        self._under_way.add(future)
        try:
            return future.result()
        finally:
            self._under_way.discard(future)

    def cancel(self) -> None:
        """End all requests under way."""
        self._is_cancelled = True
        for future in tuple(self._under_way):
            future.cancel()


class AsyncBatchReader(AsyncIterator["pa.RecordBatch"]):
    """Batches of rows with their outcomes, in order; rows are read and sent as the batches are read.

    Closing it ends the requests under way.

    Attributes:
        schema: The columns, with the analyzer's name and version in the metadata.

    """

    def __init__(self, answer: "TableAnswer", requests: _Requests, rows: int | None, *, shown: bool) -> None:
        self.schema: pa.Schema = answer.schema
        self._answer = answer
        self._requests = requests
        self._progress = progress_of(answer.operation, rows, shown=shown)
        self._advance = self._progress.__enter__()
        self._is_open = True
        self._taking: asyncio.Future[Any] | None = None

    async def __anext__(self) -> "pa.RecordBatch":
        if not self._is_open:
            raise StopAsyncIteration
        self._taking = asyncio.ensure_future(asyncio.to_thread(next, self._answer.batches, None))
        try:
            batch = await asyncio.shield(self._taking)
        except BaseException:
            await self.aclose()
            raise
        if batch is None:
            await self.aclose()
            raise StopAsyncIteration
        self._advance(batch.num_rows)
        return batch.replace_schema_metadata(self.schema.metadata)

    async def read_all(self) -> "pa.Table":
        """Return all rows that are left."""
        import pyarrow as pa  # noqa: PLC0415

        return pa.Table.from_batches([batch async for batch in self], self.schema)

    async def aclose(self) -> None:
        """End the requests under way; there are no more batches."""
        if not self._is_open:
            return
        self._is_open = False
        self._requests.cancel()
        if self._taking is not None:
            await asyncio.wait([self._taking])  # it ends because its requests do
            self._taking.exception()
        await asyncio.to_thread(self._answer.batches.close)
        self._progress.__exit__(None, None, None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
