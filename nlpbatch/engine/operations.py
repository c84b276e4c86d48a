"""The operations on one document, over an engine that takes only short composed texts."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from nlpbatch.engine.contents import Chunks, Morphemes, Text
from nlpbatch.engine.parts import Whole, join, take_apart
from nlpbatch.engine.protocol import EngineToken, MorphemeEngine, Tokenize, Tokenizer
from nlpbatch.engine.writing import glue
from nlpbatch.wire import media
from nlpbatch.wire.analyzer import OfferedOperation
from nlpbatch.wire.options import Operation, Options
from nlpbatch.wire.outcome import DocumentError
from nlpbatch.wire.tags import matcher, single_tags, split_stop_word


@dataclass(frozen=True, slots=True)
class ScoredTokens:
    """One of the n best analyses: its tokens, and the logarithm of their probability."""

    tokens: Sequence[EngineToken]
    score: float


@dataclass(frozen=True, slots=True)
class FoundSentence:
    """A sentence: its position in the text that was sent, and its text and tokens if they were requested."""

    start: int
    end: int
    text: str | None = None
    tokens: Sequence[EngineToken] | None = None


@dataclass(frozen=True, slots=True)
class Analysed:
    """The outcome of one document: the members of its operation, or an error; nothing for a null document."""

    tokens: Sequence[EngineToken] | None = None
    error: DocumentError | None = None
    sentences: Sequence[FoundSentence] | None = None
    candidates: Sequence[ScoredTokens] | None = None
    text: str | None = None
    positions: Sequence[tuple[int, int]] | None = None
    space_insertions: Sequence[bool] | None = None
    result: Any = None

    @property
    def token_count(self) -> int:
        """Return the number of tokens in the answer."""
        if self.candidates is not None:
            return sum(len(found.tokens) for found in self.candidates)
        if self.tokens is None and self.sentences is not None:
            return sum(len(sentence.tokens or ()) for sentence in self.sentences)
        return len(self.tokens or ())


Perform = Callable[[Any], Analysed]
"""Performs an operation on the content of a document, see `engine.contents`."""
TextPerform = Callable[[str], Analysed]
TokenFilter = Callable[[Sequence[EngineToken]], Sequence[EngineToken]]


def performer(engine: MorphemeEngine, options: Options) -> Perform:
    """Return the function that performs the operation of the options on a document's content."""
    return _MAKERS[options.operation](engine, options)


def text_performer(engine: MorphemeEngine, options: Options) -> TextPerform:
    """Return the function that performs the operation of the options on a text."""
    perform = performer(engine, options)
    return lambda text: perform(Text(text))


def token_performer(engine: Tokenizer, options: Options) -> Perform:
    """Return the function that analyses a text by an engine that only makes tokens."""
    keep = _filter(engine, options)
    tokenize = engine.tokenizer(options.kiwi)

    def perform(content: Text) -> Analysed:
        tokens = tokenize(content.text) if content.is_plain else _tokens(tokenize, content)
        if not options.sentences:
            return Analysed(keep(tokens))
        return Analysed(keep(tokens), sentences=list(_sentences(tokens)))

    return perform


def _analyze(engine: MorphemeEngine, options: Options) -> Perform:
    if not options.is_ranked:
        return token_performer(engine, options)
    keep = _filter(engine, options)

    def choose(content: Text) -> Analysed:
        whole = take_apart(content.text, content.spans)
        return Analysed(candidates=list(_candidates(engine, options, keep, whole)))

    return choose


def _split_sentences(engine: MorphemeEngine, options: Options) -> Perform:
    keep = _filter(engine, options)
    tokenize = engine.tokenizer(options.kiwi)

    def perform(content: Text) -> Analysed:
        text, tokens = content.text, _tokens(tokenize, content)
        if not options.return_tokens:
            spans = _sentences(tokens)
            return Analysed(sentences=[FoundSentence(one.start, one.end, text[one.start : one.end]) for one in spans])
        by_sentence = groupby(tokens, attrgetter("sent_position"))
        return Analysed(sentences=[_sentence(text, list(group), keep) for _, group in by_sentence])

    return perform


def _space(engine: MorphemeEngine, options: Options) -> Perform:
    def perform(content: Text) -> Analysed:
        parts = take_apart(content.text).parts
        return Analysed(text="".join(engine.space(part.text, reset=options.reset_whitespace) for part in parts))

    return perform


def _join(engine: MorphemeEngine, options: Options) -> Perform:
    def perform(content: Morphemes) -> Analysed:
        text, positions = engine.join(content.entries, lm_search=options.lm_search)
        return Analysed(text=text, positions=positions)

    return perform


def _glue(engine: MorphemeEngine, _: Options) -> Perform:
    def perform(content: Chunks) -> Analysed:
        text, insertions = glue(content.chunks, content.new_lines, engine.score)
        return Analysed(text=text, space_insertions=insertions)

    return perform


_MAKERS: Final[dict[Operation, Callable[[MorphemeEngine, Options], Perform]]] = {
    "analyze": _analyze,
    "sentences": _split_sentences,
    "space": _space,
    "join": _join,
    "glue": _glue,
}
_MEANINGS: Final[dict[Operation, str]] = {
    "analyze": "the morphemes of texts, with part of speech and place",
    "sentences": "the sentences of texts",
    "space": "texts with their spacing corrected",
    "join": "texts of morphemes",
    "glue": "texts of chunks, with blanks where they belong",
}
OPERATIONS_OF_TEXT_ENGINES: Final = tuple(
    OfferedOperation(name, media.OPERATION_PATHS[name], meaning) for name, meaning in _MEANINGS.items()
)
"""What an engine offers that is a `MorphemeEngine`; the first is all of a `Tokenizer`."""


def _filter(engine: Tokenizer, options: Options) -> TokenFilter:
    if options.tags is None and not options.stopwords:
        return lambda tokens: tokens
    is_requested = None if options.tags is None else matcher(options.tags)
    is_stopword = _stop_words(engine, options.stopwords)

    def keep(tokens: Sequence[EngineToken]) -> Sequence[EngineToken]:
        return [
            token for token in tokens if (is_requested is None or is_requested(token.tag)) and not is_stopword(token)
        ]

    return keep


def _stop_words(engine: Tokenizer, stopwords: bool | tuple[str, ...]) -> Callable[[EngineToken], bool]:  # noqa: FBT001
    """Return the function that recognises stop words: the engine's own, or those of the caller."""
    if isinstance(stopwords, bool):
        return engine.is_stopword if stopwords else lambda _: False
    entries = frozenset(map(split_stop_word, stopwords))

    def is_stop_word(token: EngineToken) -> bool:
        form, tag = token.form, token.tag
        if not entries.isdisjoint(((form, tag), (form, None), (None, tag))):
            return True
        # A token of several tags is left out if all of them are: with /EF, 입니다/VCP+EF is not.
        return "+" in tag and all((None, part) in entries for part in single_tags(tag))

    return is_stop_word


def _tokens(tokenize: Tokenize, content: Text) -> Sequence[EngineToken]:
    if content.is_plain:
        return tokenize(content.text)
    whole = take_apart(content.text, content.spans)
    if not whole.spans:
        return join(whole, (tokenize(part.text) for part in whole.parts))
    return join(whole, (tokenize(part.text, pretokenized=whole.spans_of(part)) for part in whole.parts))


def _sentence(text: str, tokens: Sequence[EngineToken], keep: TokenFilter) -> FoundSentence:
    start, end = tokens[0].start, max(token.end for token in tokens)
    return FoundSentence(start, end, text[start:end], keep(tokens))


def _sentences(tokens: Iterable[Any]) -> Iterable[FoundSentence]:
    """Yield the sentences, each from its first to its last token, as Kiwi's own splitting does."""
    number = start = end = -1
    for token in tokens:
        if token.sent_position != number:
            if number >= 0:
                yield FoundSentence(start, end)
            number, start, end = token.sent_position, token.start, token.end
        end = max(end, token.end)
    if number >= 0:
        yield FoundSentence(start, end)


def _candidates(engine: MorphemeEngine, options: Options, keep: TokenFilter, whole: Whole) -> Iterable[ScoredTokens]:
    """Yield the n-th best analysis of the text: the n-th best of each part, or the last of a part that has fewer."""
    by_part = [engine.candidates(part.text, options.top_n, options.kiwi, whole.spans_of(part)) for part in whole.parts]
    for rank in range(max(map(len, by_part), default=0)):
        chosen = [found[min(rank, len(found) - 1)] for found in by_part]
        tokens = join(whole, [tokens for tokens, _ in chosen])
        yield ScoredTokens(keep(tokens), sum(score for _, score in chosen))
