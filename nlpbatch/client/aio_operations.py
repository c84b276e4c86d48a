"""The operations of the asyncio client, on any number of documents."""

from collections.abc import AsyncIterable, Collection, Coroutine, Iterable
from typing import Any, Unpack, overload

from nlpbatch.client.aio_answering import AsyncAnswering
from nlpbatch.client.streams import AsyncOutcomeStream
from nlpbatch.client.texts import Texts
from nlpbatch.wire.extras import AnalyzeOptions, GlueOptions, JoinOptions, Morphemes, SentencesOptions, Spans
from nlpbatch.wire.fields import DEFAULT_FIELDS
from nlpbatch.wire.options import DEFAULT_ANALYZER
from nlpbatch.wire.outcome import Analysis


class AsyncOperations(AsyncAnswering):
    """Each operation takes any number of texts: one string, a list, a Series, an array, an iterator, also an async one.

    Where the number of texts is known, `await` the call for an `Analysis` of all of them. For an iterator it returns
    an `AsyncOutcomeStream`, which reads, sends and yields as it goes, in bounded memory.
    """

    @overload
    def analyze(  # type: ignore[overload-overlap]
        self,
        texts: str | Texts,
        *,
        analyzer: str = ...,
        fields: Iterable[str] = ...,
        if_match: str | None = ...,
        pretokenized: Iterable[Spans | None] | None = ...,
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
        pretokenized: Iterable[Spans | None] | None = ...,
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
        pretokenized: Iterable[Spans | None] | None = None,
        progress: bool = False,
        **options: Unpack[AnalyzeOptions],
    ) -> Coroutine[Any, Any, Analysis] | AsyncOutcomeStream:
        """Return one outcome per text, in order; arguments and errors are those of `Client.analyze`."""
        given = {"analyzer": analyzer, "fields": fields, **options}
        return self._ask("analyze", texts, if_match=if_match, progress=progress, given=given, extra=pretokenized)

    @overload
    def sentences(  # type: ignore[overload-overlap]
        self,
        texts: str | Texts,
        *,
        analyzer: str = ...,
        if_match: str | None = ...,
        progress: bool = ...,
        **options: Unpack[SentencesOptions],
    ) -> Coroutine[Any, Any, Analysis]: ...
    @overload
    def sentences(
        self,
        texts: Iterable[str | None] | AsyncIterable[str | None],
        *,
        analyzer: str = ...,
        if_match: str | None = ...,
        progress: bool = ...,
        **options: Unpack[SentencesOptions],
    ) -> AsyncOutcomeStream: ...
    def sentences(
        self,
        texts: str | Texts | Iterable[str | None] | AsyncIterable[str | None],
        *,
        analyzer: str = DEFAULT_ANALYZER,
        if_match: str | None = None,
        progress: bool = False,
        **options: Unpack[SentencesOptions],
    ) -> Coroutine[Any, Any, Analysis] | AsyncOutcomeStream:
        """Return the sentences of each text; arguments and errors are those of `analyze`."""
        return self._ask(
            "sentences", texts, if_match=if_match, progress=progress, given={"analyzer": analyzer, **options}
        )

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
        return self._ask("space", texts, if_match=if_match, progress=progress, given=given)

    @overload
    def call(  # type: ignore[overload-overlap]
        self,
        texts: str | Texts,
        *,
        analyzer: str,
        operation: str | None = ...,
        if_match: str | None = ...,
        progress: bool = ...,
    ) -> Coroutine[Any, Any, Analysis]: ...
    @overload
    def call(
        self,
        texts: Iterable[str | None] | AsyncIterable[str | None],
        *,
        analyzer: str,
        operation: str | None = ...,
        if_match: str | None = ...,
        progress: bool = ...,
    ) -> AsyncOutcomeStream: ...
    def call(
        self,
        texts: str | Texts | Iterable[str | None] | AsyncIterable[str | None],
        *,
        analyzer: str,
        operation: str | None = None,
        if_match: str | None = None,
        progress: bool = False,
    ) -> Coroutine[Any, Any, Analysis] | AsyncOutcomeStream:
        """Return what an analyzer's own operation makes of each text, as `outcome.result`; see `Client.call`."""
        given = {"analyzer": analyzer, "operation": operation}
        return self._ask("call", texts, if_match=if_match, progress=progress, given=given)

    @overload
    def join(  # type: ignore[overload-overlap]
        self,
        morphemes: Collection[Morphemes | None],
        *,
        analyzer: str = ...,
        if_match: str | None = ...,
        progress: bool = ...,
        **options: Unpack[JoinOptions],
    ) -> Coroutine[Any, Any, Analysis]: ...
    @overload
    def join(
        self,
        morphemes: Iterable[Morphemes | None] | AsyncIterable[Morphemes | None],
        *,
        analyzer: str = ...,
        if_match: str | None = ...,
        progress: bool = ...,
        **options: Unpack[JoinOptions],
    ) -> AsyncOutcomeStream: ...
    def join(
        self,
        morphemes: Iterable[Morphemes | None] | AsyncIterable[Morphemes | None],
        *,
        analyzer: str = DEFAULT_ANALYZER,
        if_match: str | None = None,
        progress: bool = False,
        **options: Unpack[JoinOptions],
    ) -> Coroutine[Any, Any, Analysis] | AsyncOutcomeStream:
        """Return the text that each document's morphemes make, as `outcome.text`; see `Client.join`."""
        return self._ask(
            "join", morphemes, if_match=if_match, progress=progress, given={"analyzer": analyzer, **options}
        )

    @overload
    def glue(  # type: ignore[overload-overlap]
        self,
        chunks: Collection[Iterable[str] | None],
        *,
        insert_new_lines: Iterable[Iterable[bool] | None] | None = ...,
        analyzer: str = ...,
        if_match: str | None = ...,
        progress: bool = ...,
        **options: Unpack[GlueOptions],
    ) -> Coroutine[Any, Any, Analysis]: ...
    @overload
    def glue(
        self,
        chunks: Iterable[Iterable[str] | None] | AsyncIterable[Iterable[str] | None],
        *,
        insert_new_lines: Iterable[Iterable[bool] | None] | None = ...,
        analyzer: str = ...,
        if_match: str | None = ...,
        progress: bool = ...,
        **options: Unpack[GlueOptions],
    ) -> AsyncOutcomeStream: ...
    def glue(
        self,
        chunks: Iterable[Iterable[str] | None] | AsyncIterable[Iterable[str] | None],
        *,
        insert_new_lines: Iterable[Iterable[bool] | None] | None = None,
        analyzer: str = DEFAULT_ANALYZER,
        if_match: str | None = None,
        progress: bool = False,
        **options: Unpack[GlueOptions],
    ) -> Coroutine[Any, Any, Analysis] | AsyncOutcomeStream:
        """Return the text that each document's chunks make, as `outcome.text`; see `Client.glue`."""
        return self._ask(
            "glue",
            chunks,
            if_match=if_match,
            progress=progress,
            given={"analyzer": analyzer, **options},
            extra=insert_new_lines,
        )
