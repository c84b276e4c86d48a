"""The text for the engine: composed and without invisible characters; and the map back to the text as it was sent.

Kiwi takes decomposed Hangul for one unknown word, and gives overlapping spans around a zero-width space. So the text is
composed and stripped before the analysis, and every offset is mapped back to the text exactly as it was sent. A text
that needs neither, which is nearly every text, goes through untouched and is not mapped.

Composed means NFC, except for single characters that NFC replaces by others, such as the Hanja of KS X 1001's second
readings: Kiwi knows them, and its tokens of such a text are to be those of `Kiwi().tokenize`.

The rule is part of the fingerprint: raise its number in `engine.fingerprint` when it changes.
"""

import re
import sys
import unicodedata
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final

RULE: Final = "compose-invisible-1"

# Soft hyphen, Mongolian vowel separator, zero-width space and non-joiner, direction marks and overrides, word joiner
# and invisible operators, isolates, byte order mark. Not the zero-width joiner, which holds emoji together.
_INVISIBLE: Final = "\u00ad\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
_JOINER: Final = "\u200d"
_JOINED: Final = "\u00a9\u00ae\u2190-\u2bff\u3030\u303d\u3297\u3299\ufe0f\U0001f000-\U0001faff"
"""Characters that may precede a joiner: emoji, signs that can be emoji, and their variation selector."""
_STRIPPED = re.compile(f"[{_INVISIBLE}]|(?<![{_JOINED}]){_JOINER}")


@dataclass(frozen=True, slots=True)
class Normalised:
    """A text for the engine.

    Args:
        text: The composed text.
        starts: For each of its code points and its end, where what it stands for begins in the text that was sent;
            None if the two texts are the same.
        ends: For each of its code points, where that ends.

    """

    text: str
    starts: list[int] | None = None
    ends: list[int] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span in the text that was sent of a run of its code points."""
        if self.starts is None or self.ends is None:
            return start, end
        if start == end:
            return self.starts[start], self.starts[start]
        return self.starts[start], self.ends[end - 1]

    def composed_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the run of its code points that a span of the text that was sent became; empty if all were removed."""
        if self.starts is None or self.ends is None:
            return start, end
        return bisect_right(self.ends, start), bisect_left(self.starts, end)


def is_plain(text: str) -> bool:
    """Return whether the engine can have the text as it is; some texts that it can have are not recognised.

    Several texts can be looked at in one go, joined by line ends: these compose with nothing, and are no emoji.
    """
    return text.isascii() or (_STRIPPED.search(text) is None and unicodedata.is_normalized("NFC", text))


def normalise(text: str) -> Normalised:
    """Return the text for the engine."""
    if is_plain(text):
        return Normalised(text)
    hidden = {match.start() for match in _STRIPPED.finditer(text)}
    kept = [position for position in range(len(text)) if position not in hidden]
    visible = "".join(text[position] for position in kept)
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for begin, finish in pairwise(_seams(visible)):
        run = visible[begin:finish]
        composed = run if len(run) == 1 else unicodedata.normalize("NFC", run)
        parts.append(composed)
        if composed == run:
            starts += kept[begin:finish]
            ends += [position + 1 for position in kept[begin:finish]]
        else:
            starts += [kept[begin]] * len(composed)
            ends += [kept[finish - 1] + 1] * len(composed)
    starts.append(len(text))
    whole = "".join(parts)
    return Normalised(text) if whole == text else Normalised(whole, starts, ends)


def _seams(text: str) -> list[int]:
    """Return the positions at which the text can be cut without changing how it composes, 0 and the end included."""
    inner = (match.start() for match in _starters().finditer(text, 1))
    return [0, *inner, len(text)]


@cache
def _starters() -> re.Pattern[str]:
    """Return the pattern of a character that never composes with the one before it."""
    follows = [point for point in range(sys.maxunicode + 1) if _may_follow(chr(point))]
    ranges: list[list[int]] = []
    for point in follows:
        if ranges and ranges[-1][1] == point - 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return re.compile("[^" + "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges) + "]")


def _may_follow(char: str) -> bool:
    if 0x1161 <= ord(char) <= 0x11FF or unicodedata.combining(char):  # noqa: PLR2004 (jamo)
        return True
    return ord(char) in _second_halves()


@cache
def _second_halves() -> frozenset[int]:
    """Return the code points that some composed character ends with."""
    found = set()
    for point in range(sys.maxunicode + 1):
        parts = unicodedata.decomposition(chr(point)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):  # noqa: PLR2004  (a pair)
            found.add(int(parts[1], 16))
    return frozenset(found)
