"""The operations of the blocking client, on any number of documents."""

from collections.abc import Collection, Iterable
from typing import overload

from nlpbatch.client.answering import Answering
from nlpbatch.client.streams import OutcomeStream
from nlpbatch.client.texts import Texts
from nlpbatch.older_python import Unpack
from nlpbatch.wire.extras import AnalyzeOptions, GlueOptions, JoinOptions, Morphemes, SentencesOptions, Spans
from nlpbatch.wire.fields import DEFAULT_FIELDS
from nlpbatch.wire.options import DEFAULT_ANALYZER
from nlpbatch.wire.outcome import Analysis


class Operations(Answering):
    """Each operation takes any number of texts: one string, a list, a Series, an array, an iterator.

    Where the number of texts is known, the call returns an `Analysis` of all of them. For an iterator it returns an
    `OutcomeStream`, which reads, sends and yields as it goes, in bounded memory.
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
    ) -> Analysis: ...
    @overload
    def analyze(
        self,
        texts: Iterable[str | None],
        *,
        analyzer: str = ...,
        fields: Iterable[str] = ...,
        if_match: str | None = ...,
        pretokenized: Iterable[Spans | None] | None = ...,
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
        pretokenized: Iterable[Spans | None] | None = None,
        progress: bool = False,
        **options: Unpack[AnalyzeOptions],
    ) -> Analysis | OutcomeStream:
        """Return one outcome per text, in order, all from one version of the analyzer.

        Args:
            texts: One text, or any number of texts; None, NaN and other missing values give neither tokens nor an
                error. Many texts are sent in several requests, some of them at the same time.
            analyzer: One of `analyzers()`.
            fields: Token fields to answer with, in this order.
            if_match: Fingerprint that the analyzer must have.
            pretokenized: For each text the spans that are one token, as Kiwi takes them: (start, end), (start, end,
                tag), or (start, end, token or tokens), each token (form, tag, start, end) within the span.
            progress: Whether to show on stderr how far it is.
            options: Further options of `nlpbatch.wire.options`, such as tags=["NNG", "NNP"], top_n=3, sentences=True,
                normalize_coda=True; left out, they are as the analyzer is configured.

        Raises:
            RequestError: The request is wrong; sending it again would change nothing.
            ServiceError: No usable answer, or none within the patience of the retry policy.

        Where outcomes came before the error, `details["delivered"]` has their number, and `answered` those of them
        that the caller has not received.

        """
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
    ) -> Analysis: ...
    @overload
    def sentences(
        self,
        texts: Iterable[str | None],
        *,
        analyzer: str = ...,
        if_match: str | None = ...,
        progress: bool = ...,
        **options: Unpack[SentencesOptions],
    ) -> OutcomeStream: ...
    def sentences(
        self,
        texts: str | Texts | Iterable[str | None],
        *,
        analyzer: str = DEFAULT_ANALYZER,
        if_match: str | None = None,
        progress: bool = False,
        **options: Unpack[SentencesOptions],
    ) -> Analysis | OutcomeStream:
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
    ) -> Analysis: ...
    @overload
    def call(
        self,
        texts: Iterable[str | None],
        *,
        analyzer: str,
        operation: str | None = ...,
        if_match: str | None = ...,
        progress: bool = ...,
    ) -> OutcomeStream: ...
    def call(
        self,
        texts: str | Texts | Iterable[str | None],
        *,
        analyzer: str,
        operation: str | None = None,
        if_match: str | None = None,
        progress: bool = False,
    ) -> Analysis | OutcomeStream:
        """Return what an analyzer's own operation makes of each text, as `outcome.result`: a dictionary, or a list.

        Args:
            texts: As of `analyze`.
            analyzer: One of `analyzers()` that has operations of its own.
            operation: Which of them; may be left out where it has only one.
            if_match: Fingerprint that the analyzer must have.
            progress: Whether to show on stderr how far it is.

        Errors are those of `analyze`.
        """
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
    ) -> Analysis: ...
    @overload
    def join(
        self,
        morphemes: Iterable[Morphemes | None],
        *,
        analyzer: str = ...,
        if_match: str | None = ...,
        progress: bool = ...,
        **options: Unpack[JoinOptions],
    ) -> OutcomeStream: ...
    def join(
        self,
        morphemes: Iterable[Morphemes | None],
        *,
        analyzer: str = DEFAULT_ANALYZER,
        if_match: str | None = None,
        progress: bool = False,
        **options: Unpack[JoinOptions],
    ) -> Analysis | OutcomeStream:
        """Return the text that each document's morphemes make, as `outcome.text`.

        Args:
            morphemes: For each document a list of tokens, or of (form, tag), or (form, tag, whether a blank precedes).
            analyzer: One of `analyzers()`.
            if_match: Fingerprint that the analyzer must have.
            progress: Whether to show on stderr how far it is.
            options: `lm_search=False` doesn't choose among ambiguous forms; `return_positions=True` also answers
                `outcome.positions`.

        Errors are those of `analyze`.
        """
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
    ) -> Analysis: ...
    @overload
    def glue(
        self,
        chunks: Iterable[Iterable[str] | None],
        *,
        insert_new_lines: Iterable[Iterable[bool] | None] | None = ...,
        analyzer: str = ...,
        if_match: str | None = ...,
        progress: bool = ...,
        **options: Unpack[GlueOptions],
    ) -> OutcomeStream: ...
    def glue(
        self,
        chunks: Iterable[Iterable[str] | None],
        *,
        insert_new_lines: Iterable[Iterable[bool] | None] | None = None,
        analyzer: str = DEFAULT_ANALYZER,
        if_match: str | None = None,
        progress: bool = False,
        **options: Unpack[GlueOptions],
    ) -> Analysis | OutcomeStream:
        """Return the text that each document's chunks make, with blanks where they belong, as `outcome.text`.

        Args:
            chunks: For each document a list of strings.
            insert_new_lines: For each document a list, for each chunk whether a line end follows it, not a blank.
            analyzer: One of `analyzers()`.
            if_match: Fingerprint that the analyzer must have.
            progress: Whether to show on stderr how far it is.
            options: `return_space_insertions=True` also answers `outcome.space_insertions`.

        Errors are those of `analyze`.
        """
        return self._ask(
            "glue",
            chunks,
            if_match=if_match,
            progress=progress,
            given={"analyzer": analyzer, **options},
            extra=insert_new_lines,
        )
