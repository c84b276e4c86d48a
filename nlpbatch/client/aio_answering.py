"""Sends any number of documents to the service and returns their outcomes, for the asyncio client."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Coroutine, Iterable, Mapping
from contextlib import aclosing
from typing import Any

from nlpbatch.client.bulk import Bulk, KnownLimits, RequestPart, bounds, interrupted, joined, parts_of_async
from nlpbatch.client.calls import Calls
from nlpbatch.client.documents import Item, as_async, check_documents, each_item, each_item_async, is_counted
from nlpbatch.client.endpoints import Endpoints
from nlpbatch.client.progress import progress_of
from nlpbatch.client.streams import AsyncOutcomeStream
from nlpbatch.wire.options import Operation
from nlpbatch.wire.outcome import Analysis


class AsyncAnswering(ABC):
    """Performs an operation on documents: at once where their number is known, else as the outcomes are read."""

    def __init__(self, calls: Calls, endpoints: Endpoints, pool_size: int) -> None:
        self._calls = calls
        self._endpoints = endpoints
        self._limits = KnownLimits(calls)
        self._pool_size = pool_size
        self._bounds = bounds(pool_size)

    @property
    def service(self) -> str:
        """Return the address of the service; several with commas between them."""
        return self._endpoints.service

    @abstractmethod
    def _answers(self, bulk: Bulk, parts: AsyncIterator[RequestPart]) -> AsyncGenerator[Analysis, None]:
        """Yield the answer to each part, in order."""

    def _ask(
        self,
        operation: Operation,
        documents: Any,
        *,
        if_match: str | None,
        progress: bool,
        given: Mapping[str, Any],
        extra: Iterable[Any] | None = None,
    ) -> Coroutine[Any, Any, Analysis] | AsyncOutcomeStream:
        check_documents(operation, documents, extra, (Iterable, AsyncIterable))
        bulk = Bulk(self._calls, self._limits, operation, if_match, given)
        if is_counted(documents):
            return self._answer_all(bulk, list(each_item(operation, documents, extra)), progress)
        return AsyncOutcomeStream(self._answer_as_asked(bulk, each_item_async(operation, documents, extra), progress))

    async def _answer_all(self, bulk: Bulk, items: list[Item], progress: bool) -> Analysis:  # noqa: FBT001
        answered: list[Analysis] = []
        with progress_of(bulk.operation, len(items), shown=progress) as advance:
            try:
                async with aclosing(self._answers(bulk, parts_of_async(as_async(items)))) as analyses:
                    async for analysis in analyses:
                        answered.append(analysis)
                        advance(len(analysis))
            except Exception as error:
                outcomes = joined(answered).outcomes if answered else ()
                interrupted(error, outcomes, len(outcomes))
                raise
        return joined(answered)

    async def _answer_as_asked(
        self,
        bulk: Bulk,
        items: AsyncIterator[Item],
        progress: bool,  # noqa: FBT001
    ) -> AsyncGenerator[Analysis, None]:
        with progress_of(bulk.operation, None, shown=progress) as advance:
            async with aclosing(self._answers(bulk, parts_of_async(items))) as analyses:
                async for analysis in analyses:
                    yield analysis
                    advance(len(analysis))
