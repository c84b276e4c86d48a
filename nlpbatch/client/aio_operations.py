"""The operations on texts, for the asyncio client: what each takes and returns, however many texts there are."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Coroutine, Iterable, Mapping
from contextlib import aclosing
from typing import Any, Unpack, overload

from nlpbatch.client.bulk import Bulk, Item, KnownLimits, Part, bounds, interrupted, joined, parts_of_async
from nlpbatch.client.calls import Calls
from nlpbatch.client.progress import progress_of
from nlpbatch.client.streams import AsyncOutcomeStream
from nlpbatch.client.texts import (
    Texts,
    as_async,
    check_iterable,
    each_item,
    each_item_async,
    each_text,
    each_text_async,
    is_counted,
)
from nlpbatch.wire.extras import AnalyzeOptions, MorphemeOptions
from nlpbatch.wire.fields import DEFAULT_FIELDS
from nlpbatch.wire.options import DEFAULT_ANALYZER, Operation
from nlpbatch.wire.outcome import Analysis


class AsyncOperations(ABC):
    """Each operation takes any number of texts: one string, a list, a Series, an array, an iterator, also an async one.

    Where the number of texts is known, `await` the call for an `Analysis` of all of them. For an iterator it returns
    an `AsyncOutcomeStream`, which reads, sends and yields as it goes, in bounded memory.
    """

    def __init__(self, calls: Calls, pool_size: int) -> None:
        self._calls = calls
        self._limits = KnownLimits(calls)
        self._bounds = bounds(pool_size)

    @property
    def service(self) -> str:
        """Return the address of the service."""
        return self._calls.address.url

    @overload
    def analyze(  # type: ignore[overload-overlap]
        self,
        texts: str | Texts,
        *,
        analyzer: str = ...,
        fields: Iterable[str] = ...,
        if_match: str | None = ...,
        progress: bool = ...,
        **options: Unpack[AnalyzeOptions],
    ) -> Coroutine[Any, Any, Analysis]: ...
    @overload
    def analyze(
        self,
        texts: Iterable[str | None] | AsyncIterable[str | None],
        *,
        analyzer: str = ...,
        fields: Iterable[str] = ...,
        if_match: str | None = ...,
        progress: bool = ...,
        **options: Unpack[AnalyzeOptions],
    ) -> AsyncOutcomeStream: ...
    def analyze(
        self,
        texts: str | Texts | Iterable[str | None] | AsyncIterable[str | None],
        *,
        analyzer: str = DEFAULT_ANALYZER,
        fields: Iterable[str] = DEFAULT_FIELDS,
        if_match: str | None = None,
        progress: bool = False,
        **options: Unpack[AnalyzeOptions],
    ) -> Coroutine[Any, Any, Analysis] | AsyncOutcomeStream:
        """Return one outcome per text, in order; arguments and errors are those of `Client.analyze`."""
        given = {"analyzer": analyzer, "fields": fields, **options}
        return self._ask("analyze", texts, if_match, progress, given)

    @overload
    def sentences(  # type: ignore[overload-overlap]
        self,
        texts: str | Texts,
        *,
        analyzer: str = ...,
        if_match: str | None = ...,
        progress: bool = ...,
        **options: Unpack[MorphemeOptions],
    ) -> Coroutine[Any, Any, Analysis]: ...
    @overload
    def sentences(
        self,
        texts: Iterable[str | None] | AsyncIterable[str | None],
        *,
        analyzer: str = ...,
        if_match: str | None = ...,
        progress: bool = ...,
        **options: Unpack[MorphemeOptions],
    ) -> AsyncOutcomeStream: ...
    def sentences(
        self,
        texts: str | Texts | Iterable[str | None] | AsyncIterable[str | None],
        *,
        analyzer: str = DEFAULT_ANALYZER,
        if_match: str | None = None,
        progress: bool = False,
        **options: Unpack[MorphemeOptions],
    ) -> Coroutine[Any, Any, Analysis] | AsyncOutcomeStream:
        """Return the sentences of each text; arguments and errors are those of `analyze`."""
        return self._ask("sentences", texts, if_match, progress, {"analyzer": analyzer, **options})

    @overload
    def space(  # type: ignore[overload-overlap]
        self,
        texts: str | Texts,
        *,
        analyzer: str = ...,
        if_match: str | None = ...,
        progress: bool = ...,
        reset_whitespace: bool = ...,
    ) -> Coroutine[Any, Any, Analysis]: ...
    @overload
    def space(
        self,
        texts: Iterable[str | None] | AsyncIterable[str | None],
        *,
        analyzer: str = ...,
        if_match: str | None = ...,
        progress: bool = ...,
        reset_whitespace: bool = ...,
    ) -> AsyncOutcomeStream: ...
    def space(
        self,
        texts: str | Texts | Iterable[str | None] | AsyncIterable[str | None],
        *,
        analyzer: str = DEFAULT_ANALYZER,
        if_match: str | None = None,
        progress: bool = False,
        reset_whitespace: bool = False,
    ) -> Coroutine[Any, Any, Analysis] | AsyncOutcomeStream:
        """Return each text with its blanks corrected; with `reset_whitespace` as if it had none.

        The other arguments and the errors are those of `analyze`.
        """
        given = {"analyzer": analyzer, "reset_whitespace": reset_whitespace}
        return self._ask("space", texts, if_match, progress, given)

    @abstractmethod
    def _answers(self, bulk: Bulk, parts: AsyncIterator[Part]) -> AsyncGenerator[Analysis, None]:
        """Yield the answer to each part, in order."""

    def _ask(
        self,
        operation: Operation,
        texts: str | Texts | Iterable[str | None] | AsyncIterable[str | None],
        if_match: str | None,
        progress: bool,  # noqa: FBT001  (passed on)
        given: Mapping[str, Any],
    ) -> Coroutine[Any, Any, Analysis] | AsyncOutcomeStream:
        check_iterable(texts)
        bulk = Bulk(self._calls, self._limits, operation, if_match, given)
        if is_counted(texts):
            return self._answer_all(bulk, list(each_item(each_text(texts))), progress)
        return AsyncOutcomeStream(self._answer_as_asked(bulk, each_item_async(each_text_async(texts)), progress))

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
