"""Sends any number of documents to the service and returns their outcomes, for the blocking client."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any

from nlpbatch.client.bulk import Bulk, KnownLimits, RequestPart, bounds, interrupted, joined, parts_of
from nlpbatch.client.calls import Calls
from nlpbatch.client.documents import Item, check_documents, each_item, is_counted
from nlpbatch.client.endpoints import Endpoints
from nlpbatch.client.progress import progress_of
from nlpbatch.client.streams import OutcomeStream
from nlpbatch.wire.options import Operation
from nlpbatch.wire.outcome import Analysis


class Answering(ABC):
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
    def _answers(self, bulk: Bulk, parts: Iterator[RequestPart]) -> Iterator[Analysis]:
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
    ) -> Analysis | OutcomeStream:
        check_documents(operation, documents, extra)
        bulk = Bulk(self._calls, self._limits, operation, if_match, given)
        items = each_item(operation, documents, extra)
        if is_counted(documents):
            return self._answer_all(bulk, list(items), progress)
        return OutcomeStream(self._answer_as_asked(bulk, items, progress))

    def _answer_all(self, bulk: Bulk, items: list[Item], progress: bool) -> Analysis:  # noqa: FBT001
        answered: list[Analysis] = []
        with progress_of(bulk.operation, len(items), shown=progress) as advance:
            try:
                for analysis in self._answers(bulk, parts_of(items)):
                    answered.append(analysis)
                    advance(len(analysis))
            except Exception as error:
                outcomes = joined(answered).outcomes if answered else ()
                interrupted(error, outcomes, len(outcomes))
                raise
        return joined(answered)

    def _answer_as_asked(
        self,
        bulk: Bulk,
        items: Iterator[Item],
        progress: bool,  # noqa: FBT001
    ) -> Generator[Analysis, None, None]:
        with progress_of(bulk.operation, None, shown=progress) as advance:
            for analysis in self._answers(bulk, parts_of(items)):
                yield analysis
                advance(len(analysis))
