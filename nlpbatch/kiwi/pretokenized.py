"""Spans of a text whose analysis is given, as kiwipiepy takes them."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from nlpbatch.kiwi.refusals import Refused
from nlpbatch.wire.extras import Spans


class PretokenizedToken(NamedTuple):
    """A token that is given; `start` and `end` are code points within its span."""

    form: str
    tag: str
    start: int
    end: int


Pretokenized = Spans | Callable[[str], Spans | None] | None


def spans_of(pretokenized: Any, text: str) -> list[tuple[Any, ...]] | None:
    """Return the spans of a text, None without any.

    Raises:
        Refused: One is outside of the text, or no span.

    """
    given = pretokenized(text) if callable(pretokenized) else pretokenized
    if not given:
        return None
    if not isinstance(given, Iterable):
        raise Refused(f"pretokenized is a {type(given).__name__}: give a list of spans")
    spans = list(given)
    for span in spans:
        _check(span, text)
    return spans


def _check(span: Any, text: str) -> None:
    if not isinstance(span, tuple | list) or len(span) not in {2, 3} or not all(isinstance(at, int) for at in span[:2]):
        raise Refused("a span of pretokenized has the wrong shape: give (start, end), or (start, end, tag or tokens)")
    start, end, *_ = span
    if not 0 <= start < end <= len(text):
        raise Refused(
            f"a span of pretokenized is {start} to {end}, the text has {len(text):,} code points: "
            "all spans must be valid ranges of the text"
        )
