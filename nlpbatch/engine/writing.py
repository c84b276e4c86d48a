"""Chunks of text glued together as `Kiwi.glue` does it, which needs threads that a forked worker can't have.

A blank goes between two chunks if the engine finds both together likelier with it than without, or if the first ends
with a Latin letter or a digit. Of long chunks only the ends at the seam are looked at.
"""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

from nlpbatch.engine.split import LIMIT

_ENDS_IN_LATIN: Final = re.compile(r"[0-9A-Za-z]$")
_SEAM: Final = (LIMIT - 1) // 2
"""Code points on each side of a seam."""


def glue(chunks: Sequence[str], new_lines: Sequence[bool], score: Callable[[str], float]) -> tuple[str, list[bool]]:
    """Return the text, and for each chunk but the last whether something was put after it.

    Args:
        chunks: In their order; blanks around each are left out.
        new_lines: For each chunk whether that is a line end instead of a blank.
        score: Returns how likely a text is.

    """
    stripped = [chunk.strip() for chunk in chunks]
    apart = [_is_apart(before, after, score) for before, after in pairwise(stripped)]
    parts = stripped[:1]
    for insert, new_line, chunk in zip(apart, new_lines, stripped[1:], strict=False):
        parts.append("\n" if insert and new_line else " " if insert else "")
        parts.append(chunk)
    return "".join(parts), apart


def _is_apart(before: str, after: str, score: Callable[[str], float]) -> bool:
    left, right = before[-_SEAM:], after[:_SEAM]
    return score(f"{left} {right}") >= score(left + right) or _ENDS_IN_LATIN.search(before) is not None
