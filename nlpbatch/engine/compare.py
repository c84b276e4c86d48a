"""Compares two versions of an analyzer on a sample of texts."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from nlpbatch.engine.operations import TextPerform
from nlpbatch.engine.protocol import EngineToken


@dataclass(slots=True)
class Difference:
    """How two versions differ.

    Args:
        documents: Texts compared.
        changed: Texts whose tokens are others.
        tokens: Tokens of the first version and of the second.
        changes: How often which run of tokens became which, as `form/TAG + …`.
        examples: Where each was seen first: the text around it.

    """

    documents: int = 0
    changed: int = 0
    tokens: tuple[int, int] = (0, 0)
    changes: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], str] = field(default_factory=dict)


def compare(texts: Iterable[str], before: TextPerform, after: TextPerform, seen: Callable[[], None]) -> Difference:
    """Return how two versions analyse the texts differently; `seen` is called after each."""
    found = Difference()
    for text in texts:
        old, new = before(text).tokens or (), after(text).tokens or ()
        changes = list(_changes(old, new))
        found.documents += 1
        found.changed += bool(changes)
        found.tokens = (found.tokens[0] + len(old), found.tokens[1] + len(new))
        for was, is_, start, end in changes:
            found.changes[was, is_] += 1
            found.examples.setdefault((was, is_), text[max(0, start - 10) : end + 10].replace("\n", " "))
        seen()
    return found


def _changes(old: Sequence[EngineToken], new: Sequence[EngineToken]) -> Iterable[tuple[str, str, int, int]]:
    """Yield the shortest runs of tokens that differ and cover the same characters."""
    left = right = 0
    while left < len(old) or right < len(new):
        if left < len(old) and right < len(new) and _same(old[left], new[right]):
            left, right = left + 1, right + 1
            continue
        first, second = left, right
        while left < len(old) or right < len(new):
            if _end(old, first, left) <= _end(new, second, right) and left < len(old):
                left += 1
            elif right < len(new):
                right += 1
            else:
                left += 1
            meet = left < len(old) and right < len(new) and _same(old[left], new[right])
            if meet:
                break
        ours, theirs = old[first:left], new[second:right]
        spans = [*ours, *theirs]
        yield _shown(ours), _shown(theirs), min(one.start for one in spans), max(one.end for one in spans)


def _end(tokens: Sequence[EngineToken], first: int, last: int) -> int:
    """Return the end of a run of tokens, which may be empty."""
    return max((token.end for token in tokens[first:last]), default=-1)


def _same(one: EngineToken, other: EngineToken) -> bool:
    return (one.form, one.tag, one.start, one.end) == (other.form, other.tag, other.start, other.end)


def _shown(tokens: Sequence[EngineToken]) -> str:
    return " + ".join(f"{token.form}/{token.tag}" for token in tokens) or "nothing"
