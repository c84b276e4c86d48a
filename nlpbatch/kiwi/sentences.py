"""Sentences and surface forms, which kiwipiepy derives from the tokens of a text."""

import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, Final

from nlpbatch.kiwi.tokens import Token

TokenFilter = Callable[[list[Token]], list[Token]]
_MEMBERS: Final = ("text", "start", "end", "tokens", "subs")


@dataclass(frozen=True, eq=False)
class Sentence:
    """A sentence of a text: where it is, its tokens if they were requested, and the sentences within it.

    As in kiwipiepy 0.24 it can still be used as a tuple of its members, with a FutureWarning.
    """

    text: str
    start: int
    end: int
    tokens: list[Token] | None
    subs: "list[Sentence] | None"

    @property
    def len(self) -> int:
        """Return its code points."""
        return self.end - self.start

    def _astuple(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in _MEMBERS)

    def __iter__(self) -> Iterator[Any]:
        _warn_of_tuple("unpacking or iteration")
        return iter(self._astuple())

    def __getitem__(self, index: Any) -> Any:
        _warn_of_tuple("indexing")
        return self._astuple()[index]

    def __len__(self) -> int:
        _warn_of_tuple("len()")
        return len(_MEMBERS)

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Sentence):
            return self._astuple() == other._astuple()
        if isinstance(other, tuple):
            _warn_of_tuple("comparison with a tuple")
            return self._astuple() == other
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._astuple())

    def _asdict(self) -> dict[str, Any]:
        _warn_of_tuple("_asdict()")
        return dict(zip(_MEMBERS, self._astuple(), strict=True))

    def _replace(self, **members: Any) -> "Sentence":
        _warn_of_tuple("_replace()")
        return replace(self, **members)


def _warn_of_tuple(usage: str) -> None:
    message = f"Using `Sentence` as a tuple ({usage}) is deprecated: access its fields by name"
    warnings.warn(message, FutureWarning, stacklevel=3)


@dataclass
class SplitForm:
    """A run of the text as it was written, and the tokens that make it."""

    form: str
    tag: str
    start: int
    end: int
    tokens: list[Token] = field(default_factory=list, repr=False, compare=False)

    @property
    def len(self) -> int:
        """Return its code points."""
        return self.end - self.start


def by_sentence(tokens: Sequence[Token]) -> list[list[Token]]:
    """Return the tokens of each sentence."""
    return [list(group) for _, group in groupby(tokens, key=lambda token: token.sent_position)]


def to_sentences(text: str, tokens: Sequence[Token], keep: TokenFilter | None, *, with_subs: bool) -> list[Sentence]:
    """Return the sentences of a text.

    Args:
        text: It.
        tokens: All of its tokens.
        keep: Returns those to put into the sentences; None puts in none.
        with_subs: Whether to return the sentences within sentences.

    """
    return [_sentence(text, own, keep, _subs(text, own, keep) if with_subs else None) for own in by_sentence(tokens)]


def _sentence(text: str, tokens: list[Token], keep: TokenFilter | None, subs: list[Sentence] | None) -> Sentence:
    start, end = tokens[0].start, tokens[-1].end
    return Sentence(text[start:end], start, end, None if keep is None else keep(tokens), subs)


def _subs(text: str, tokens: list[Token], keep: TokenFilter | None) -> list[Sentence]:
    """Return the sentences within one; as in kiwipiepy, one that nothing follows isn't among them."""
    runs = [(number, list(run)) for number, run in groupby(tokens, key=lambda token: token.sub_sent_position)]
    return [_sentence(text, run, keep, None) for number, run in runs[:-1] if number]


def to_forms(text: str, tokens: Sequence[Token]) -> list[SplitForm]:
    """Return the runs of the text that the tokens cover: overlapping ones as one, each with its tags.

    A token without length belongs to the run after it, or to the last one.
    """
    spans = _spans(tokens)
    groups: list[list[Token]] = [[] for _ in spans]
    for token, position in zip(tokens, _positions(tokens, spans), strict=True):
        if position is not None:
            groups[position].append(token)
    return [
        SplitForm(text[start:end], "+".join(token.tag for token in group), start, end, group)
        for (start, end), group in zip(spans, groups, strict=True)
    ]


def _spans(tokens: Sequence[Token]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for start, end in sorted(token.span for token in tokens if token.len):
        if spans and start < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], end))
        else:
            spans.append((start, end))
    return spans


def _positions(tokens: Sequence[Token], spans: Sequence[tuple[int, int]]) -> list[int | None]:
    """Return which span each token belongs to; None only where there is no span."""
    starts = [start for start, _ in spans]
    found = [bisect_right(starts, token.start) - 1 if token.len else None for token in tokens]
    following = None
    for position in reversed(range(len(tokens))):
        following = found[position] if found[position] is not None else following
        found[position] = following
    before = None
    for position, span in enumerate(found):
        before = span if span is not None else before
        found[position] = before
    return found
