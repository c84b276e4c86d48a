"""What is done with one text: the operations, over an engine that takes short composed texts only."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nlpbatch.engine.parts import Whole, join, take_apart
from nlpbatch.engine.protocol import Engine, Token
from nlpbatch.wire.options import Operation, Options
from nlpbatch.wire.outcome import DocumentError, Sentence
from nlpbatch.wire.tags import matching


@dataclass(frozen=True, slots=True)
class Found:
    """A candidate: tokens, and the logarithm of how likely they are."""

    tokens: Sequence[Token]
    score: float


@dataclass(frozen=True, slots=True)
class Analysed:
    """What one document got: the members that its operation has, or an error; nothing for a null document."""

    tokens: Sequence[Token] | None = None
    error: DocumentError | None = None
    sentences: Sequence[Sentence] | None = None
    candidates: Sequence[Found] | None = None
    text: str | None = None

    @property
    def token_count(self) -> int:
        """Return the tokens that it answers with."""
        if self.candidates is not None:
            return sum(len(found.tokens) for found in self.candidates)
        return len(self.tokens or ())


Perform = Callable[[str], Analysed]
Keep = Callable[[Sequence[Token]], Sequence[Token]]


def performer(engine: Engine, options: Options) -> Perform:
    """Return what does to a text what the options ask for."""
    return _MAKERS[options.operation](engine, options)


def _analyze(engine: Engine, options: Options) -> Perform:
    keep = _filter(engine, options)
    tokenize = engine.tokenizer(options.kiwi)

    def perform(text: str) -> Analysed:
        whole = take_apart(text)
        tokens = join(whole, (tokenize(part.text) for part in whole.parts))
        if not options.sentences:
            return Analysed(keep(tokens))
        return Analysed(keep(tokens), sentences=list(_sentences(tokens)))

    def choose(text: str) -> Analysed:
        return Analysed(candidates=list(_candidates(engine, options, keep, take_apart(text))))

    return choose if options.is_ranked else perform


def _split_sentences(engine: Engine, options: Options) -> Perform:
    tokenize = engine.tokenizer(options.kiwi)

    def perform(text: str) -> Analysed:
        whole = take_apart(text)
        spans = _sentences(join(whole, (tokenize(part.text) for part in whole.parts)))
        return Analysed(sentences=[Sentence(one.start, one.end, text[one.start : one.end]) for one in spans])

    return perform


def _space(engine: Engine, options: Options) -> Perform:
    def perform(text: str) -> Analysed:
        parts = take_apart(text).parts
        return Analysed(text="".join(engine.space(part.text, reset=options.reset_whitespace) for part in parts))

    return perform


_MAKERS: Final[dict[Operation, Callable[[Engine, Options], Perform]]] = {
    "analyze": _analyze,
    "sentences": _split_sentences,
    "space": _space,
}


def _filter(engine: Engine, options: Options) -> Keep:
    if options.tags is None and not options.stopwords:
        return lambda tokens: tokens
    wanted = None if options.tags is None else matching(options.tags)
    is_stopword = engine.is_stopword if options.stopwords else _never

    def keep(tokens: Sequence[Token]) -> Sequence[Token]:
        return [token for token in tokens if (wanted is None or token.tag in wanted) and not is_stopword(token)]

    return keep


def _never(_: Token) -> bool:
    return False


def _sentences(tokens: Iterable[Any]) -> Iterable[Sentence]:
    """Yield where the sentences are: from the first to the last of their tokens, as Kiwi's own splitting does."""
    number = start = end = -1
    for token in tokens:
        if token.sent_position != number:
            if number >= 0:
                yield Sentence(start, end)
            number, start, end = token.sent_position, token.start, token.end
        end = max(end, token.end)
    if number >= 0:
        yield Sentence(start, end)


def _candidates(engine: Engine, options: Options, keep: Keep, whole: Whole) -> Iterable[Found]:
    """Yield the n-th best of the text: the n-th best of each of its parts, or the worst of one that has fewer."""
    by_part = [engine.candidates(part.text, options.top_n, options.kiwi) for part in whole.parts]
    for rank in range(max(map(len, by_part), default=0)):
        chosen = [found[min(rank, len(found) - 1)] for found in by_part]
        tokens = join(whole, [tokens for tokens, _ in chosen])
        yield Found(keep(tokens), sum(score for _, score in chosen))
