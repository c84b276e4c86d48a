"""The operations on texts, for the blocking client: what each takes and returns, however many texts there are."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any, Unpack, overload

from nlpbatch.client.bulk import Bulk, Item, KnownLimits, Part, bounds, interrupted, joined, parts_of
from nlpbatch.client.calls import Calls
from nlpbatch.client.progress import progress_of
from nlpbatch.client.streams import OutcomeStream
from nlpbatch.client.texts import Texts, check_iterable, each_item, each_text, is_counted
from nlpbatch.wire.extras import AnalyzeOptions, MorphemeOptions
from nlpbatch.wire.fields import DEFAULT_FIELDS
from nlpbatch.wire.options import DEFAULT_ANALYZER, Operation
from nlpbatch.wire.outcome import Analysis


class Operations(ABC):
    """Each operation takes any number of texts: one string, a list, a Series, an array, an iterator.

    Where the number of texts is known, the call returns an `Analysis` of all of them. For an iterator it returns an
    `OutcomeStream`, which reads, sends and yields as it goes, in bounded memory.
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
    ) -> Analysis: ...
    @overload
    def analyze(
        self,
        texts: Iterable[str | None],
        *,
        analyzer: str = ...,
        fields: Iterable[str] = ...,
        if_match: str | None = ...,
        progress: bool = ...,
        **options: Unpack[AnalyzeOptions],
    ) -> OutcomeStream: ...
    def analyze(
        self,
        texts: str | Texts | Iterable[str | None],
        *,
        analyzer: str = DEFAULT_ANALYZER,
        fields: Iterable[str] = DEFAULT_FIELDS,
        if_match: str | None = None,
        progress: bool = False,
        **options: Unpack[AnalyzeOptions],
    ) -> Analysis | OutcomeStream:
        """Return one outcome per text, in order, all from one version of the analyzer.

        Args:
            texts: One text, or any number of them; None, NaN and other missing values give neither tokens nor an
                error. Several requests are made of many, several at a time.
            analyzer: One of `analyzers()`.
            fields: Token fields to answer with, in this order.
            if_match: Fingerprint that the analyzer must have.
            progress: Whether to show on stderr how far it is.
            options: Further options of `nlpbatch.wire.options`, such as tags=["NNG", "NNP"], top_n=3, sentences=True,
                normalize_coda=True; left out, they are as the analyzer is configured.

        Raises:
            RequestError: The request is wrong; sending it again would change nothing.
            ServiceError: No usable answer, or none within the patience of the retry policy.

        Where outcomes came before the error, `details["delivered"]` has their number, and `answered` those of them
        that nobody has been given.

        """
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
    ) -> Analysis: ...
    @overload
    def sentences(
        self,
        texts: Iterable[str | None],
        *,
        analyzer: str = ...,
        if_match: str | None = ...,
        progress: bool = ...,
        **options: Unpack[MorphemeOptions],
    ) -> OutcomeStream: ...
    def sentences(
        self,
        texts: str | Texts | Iterable[str | None],
        *,
        analyzer: str = DEFAULT_ANALYZER,
        if_match: str | None = None,
        progress: bool = False,
        **options: Unpack[MorphemeOptions],
    ) -> Analysis | OutcomeStream:
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
    ) -> Analysis: ...
    @overload
    def space(
        self,
        texts: Iterable[str | None],
        *,
        analyzer: str = ...,
        if_match: str | None = ...,
        progress: bool = ...,
        reset_whitespace: bool = ...,
    ) -> OutcomeStream: ...
    def space(
        self,
        texts: str | Texts | Iterable[str | None],
        *,
        analyzer: str = DEFAULT_ANALYZER,
        if_match: str | None = None,
        progress: bool = False,
        reset_whitespace: bool = False,
    ) -> Analysis | OutcomeStream:
        """Return each text with its blanks corrected; with `reset_whitespace` as if it had none.

        The other arguments and the errors are those of `analyze`.
        """
        given = {"analyzer": analyzer, "reset_whitespace": reset_whitespace}
        return self._ask("space", texts, if_match, progress, given)

    @abstractmethod
    def _answers(self, bulk: Bulk, parts: Iterator[Part]) -> Iterator[Analysis]:
        """Yield the answer to each part, in order."""

    def _ask(
        self,
        operation: Operation,
        texts: str | Texts | Iterable[str | None],
        if_match: str | None,
        progress: bool,  # noqa: FBT001  (passed on)
        given: Mapping[str, Any],
    ) -> Analysis | OutcomeStream:
        check_iterable(texts)
        bulk = Bulk(self._calls, self._limits, operation, if_match, given)
        if is_counted(texts):
            return self._answer_all(bulk, list(each_item(each_text(texts))), progress)
        return OutcomeStream(self._answer_as_asked(bulk, each_item(each_text(texts)), progress))

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
