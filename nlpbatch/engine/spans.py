"""Checks the pretokenized spans of a text, and maps them to the text that the engine gets."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from nlpbatch.engine.normalise import Normalised
from nlpbatch.engine.packing import InvalidDocument, encode_text
from nlpbatch.engine.split import LIMIT
from nlpbatch.wire.tags import KIWI_TAGS

LONGEST: Final = LIMIT // 2
"""Largest number of code points of a span: a text is cut into parts, and no span is cut."""


@dataclass(frozen=True, slots=True)
class Span:
    """A run of the composed text, with nothing else, a tag, or tokens (form, tag, start, end within the span)."""

    start: int
    end: int
    inner: str | list[tuple[str, str, int, int]] | None = None

    def to_kiwi(self, offset: int) -> tuple[Any, ...]:
        """Return the span as Kiwi takes it, in a part of the text that begins at the offset."""
        place = (self.start - offset, self.end - offset)
        return place if self.inner is None else (*place, self.inner)


def place_spans(text: Normalised, length: int, spans: Sequence[Sequence[Any]]) -> list[Span]:
    """Return the spans of the text that was sent as those of the composed text, sorted.

    Args:
        text: The composed text.
        length: Code points that were sent.
        spans: As `wire.documents` has them.

    Raises:
        InvalidDocument: One is outside of the text, too long, or overlaps another; or has an unknown tag.

    """
    placed = sorted(
        (_place(text, length, number, span) for number, span in enumerate(spans)), key=lambda one: one.start
    )
    for before, after in pairwise(placed):
        if after.start < before.end:
            raise InvalidDocument("two spans of pretokenized overlap: leave one out")
    return placed


def _place(text: Normalised, length: int, number: int, span: Sequence[Any]) -> Span:
    start, end = span[0], span[1]
    if not 0 <= start < end <= length:
        raise InvalidDocument(
            f"span {number} of pretokenized is {start} to {end}, the text has {length:,} code points: send a start "
            "from 0 and a greater end within the text"
        )
    composed = text.composed_span(start, end)
    if composed[1] <= composed[0]:
        raise InvalidDocument(f"span {number} of pretokenized has only characters that are left out: leave it out, too")
    if composed[1] - composed[0] > LONGEST:
        raise InvalidDocument(
            f"span {number} of pretokenized has {end - start:,} code points, the limit is {LONGEST:,}: "
            "send shorter spans"
        )
    return Span(*composed, _inner(text, number, span, composed))


def _inner(
    text: Normalised, number: int, span: Sequence[Any], composed: tuple[int, int]
) -> str | list[tuple[str, str, int, int]] | None:
    inner = span[2] if len(span) > 2 else None  # noqa: PLR2004  (start and end)
    if inner is None or inner == []:
        return None
    if isinstance(inner, str):
        check_tag(inner, f"span {number} of pretokenized")
        return inner
    tokens = []
    for form, tag, start, end in inner:
        check_tag(tag, f"span {number} of pretokenized")
        if not _is_unicode(form):
            raise InvalidDocument(f"span {number} of pretokenized has a form with a lone surrogate: remove it")
        if not 0 <= start <= end <= span[1] - span[0]:
            raise InvalidDocument(
                f"span {number} of pretokenized has a token outside of it: positions count from its start"
            )
        first, last = text.composed_span(span[0] + start, span[0] + end)
        tokens.append((form, tag, first - composed[0], max(first, last) - composed[0]))
    return tokens


def check_tag(tag: str, where: str) -> None:
    """Refuse a tag that Kiwi doesn't have.

    Raises:
        InvalidDocument: It is none; the message doesn't repeat it, because it may be text.

    """
    if tag not in KIWI_TAGS:
        raise InvalidDocument(f"{where} has an unknown tag: choose from {', '.join(KIWI_TAGS)}")


def _is_unicode(text: str) -> bool:
    try:
        encode_text(text).decode()
    except UnicodeDecodeError:
        return False
    return True
