"""Cuts a text of any length and form into parts for the engine, and joins their tokens to those of the whole text."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nlpbatch.engine.normalise import Normalised, normalise
from nlpbatch.engine.protocol import EngineToken
from nlpbatch.engine.spans import Span, place_spans
from nlpbatch.engine.split import LIMIT, LINE_END, split


@dataclass(frozen=True, slots=True)
class TextPart:
    """A run of the composed text; `start` is its first code point there."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Whole:
    """A text as it was sent, its parts for the engine, and the caller's spans of it."""

    normalised: Normalised
    parts: Sequence[TextPart]
    spans: Sequence[Span] = ()

    def spans_of(self, part: TextPart) -> list[tuple[Any, ...]] | None:
        """Return the spans within a part, as Kiwi takes them; None if there are none."""
        end = part.start + len(part.text)
        return [span.to_kiwi(part.start) for span in self.spans if part.start <= span.start < end] or None

    @property
    def is_plain(self) -> bool:
        """Return whether the engine gets the text exactly as it was sent."""
        return len(self.parts) == 1 and self.normalised.starts is None


def take_apart(text: str, spans: Sequence[Any] = ()) -> Whole:
    """Return the text as parts of at most `LIMIT` code points each.

    Raises:
        InvalidDocument: A span can't be used.

    """
    normalised = normalise(text)
    composed = normalised.text
    placed = place_spans(normalised, len(text), spans) if spans else ()
    if len(composed) <= LIMIT:
        return Whole(normalised, (TextPart(composed, 0),), placed)
    uncut = [(span.start, span.end) for span in placed]
    return Whole(normalised, [TextPart(composed[start:end], start) for start, end in split(composed, uncut)], placed)


class PlacedToken:
    """A token of the engine's at its place in the whole text; everything else is the token's own."""

    __slots__ = ("_token", "end", "len", "start")

    def __init__(self, token: Any, span: tuple[int, int]) -> None:
        self._token = token
        self.start, self.end = span
        self.len = self.end - self.start

    def __getattr__(self, name: str) -> Any:
        return getattr(self._token, name)


class MovedToken(PlacedToken):
    """A token of Kiwi's, whose counts go on from part to part, too."""

    __slots__ = ("line_number", "paired_token", "sent_position")

    def __init__(self, token: Any, span: tuple[int, int], *, lines: int, sentences: int, tokens: int) -> None:
        super().__init__(token, span)
        self.line_number = token.line_number + lines
        self.sent_position = token.sent_position + sentences
        self.paired_token = token.paired_token + tokens if token.paired_token >= 0 else token.paired_token


def join(whole: Whole, found: Iterable[Sequence[EngineToken]]) -> Sequence[EngineToken]:
    """Return the tokens of all parts as those of the text that was sent; a part begins a sentence."""
    if whole.is_plain:
        (tokens,) = found
        return tokens
    moved: list[Any] = []
    lines = sentences = 0
    for part, tokens in zip(whole.parts, found, strict=True):
        before = len(moved)
        for token in tokens:
            span = whole.normalised.span(token.start + part.start, token.end + part.start)
            if hasattr(token, "sent_position"):
                moved.append(MovedToken(token, span, lines=lines, sentences=sentences, tokens=before))
            else:
                moved.append(PlacedToken(token, span))
        lines += len(LINE_END.findall(part.text))
        sentences = getattr(moved[-1], "sent_position", -1) + 1 if moved else 0
    return moved
