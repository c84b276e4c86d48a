"""Cuts a long text, so that its analysis takes time in proportion to its length.

Kiwi's time grows faster than a text's length, with some texts as its square. So a text over the limit is cut: after the
last line end in the second half of the limit, else after the last sentence, else at the last blank, else at the limit,
but not before a character that belongs to the previous one. The rule is part of the fingerprint: raise
its number when it changes.
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

RULE: Final = "line-sentence-blank-3072-1"
LIMIT: Final = 3072
"""Code points of the longest text that is analysed in one go."""
LINE_END = re.compile(r"\r\n|[\n\v\f\r\x85\u2028\u2029]")
"""Line ends as Kiwi counts them."""
_SENTENCE = re.compile(r"[.!?\u3002\uff01\uff1f\u2026]['\")\]\u2019\u201d\u300d\u300f]*\s")
_BLANK = re.compile(r"\s")
_JOINER: Final = "\u200d"
_JAMO: Final = frozenset(map(chr, range(0x1160, 0x1200)))
"""Vowels and finals, which old Hangul is written with."""
_CLINGS: Final = frozenset({"Mn", "Mc", "Me", "Cf", "Sk"})
"""Categories of characters that belong to the previous one: marks, joiners, skin tones."""


def split(text: str, spans: Sequence[tuple[int, int]] = ()) -> Iterator[tuple[int, int]]:
    """Yield [start, end) of the parts in order; together they are the text.

    None of `spans`, sorted and none over half of the limit, is cut: a part ends before it.
    """
    start = 0
    while len(text) - start > LIMIT:
        end = _before_span(_cut(text, start), spans)
        yield start, end
        start = end
    yield start, len(text)


def _cut(text: str, start: int) -> int:
    middle, end = start + LIMIT // 2, start + LIMIT
    for pattern in (LINE_END, _SENTENCE, _BLANK):
        last = None
        for last in pattern.finditer(text, middle, end):  # noqa: B007  (the last one is wanted)
            pass
        if last is not None:
            return last.end()
    cut = end
    while cut > middle and _belongs_together(text[cut - 1], text[cut]):
        cut -= 1
    return cut if cut > middle else end


def _before_span(cut: int, spans: Sequence[tuple[int, int]]) -> int:
    position = bisect_left(spans, (cut,)) - 1
    if position >= 0 and spans[position][1] > cut:
        return spans[position][0]
    return cut


def _belongs_together(before: str, after: str) -> bool:
    return before == _JOINER or after in _JAMO or unicodedata.category(after) in _CLINGS
