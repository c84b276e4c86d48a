"""Texts that are odd in one way or another, counted and with examples."""

from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

_EXAMPLES: Final = 5
_SHOWN: Final = 160
_LONG: Final = 5
"""How many times the 99th percentile of lengths makes a text a very long one."""
_PATTERNS: Final = {
    "addresses (URL, mail)": r"https?://|www\.|[\w.+-]+@[\w-]+\.[a-z]",
    "one character again and again": r"(.)\1{9,}",
    "emoji": r"[\x{1F300}-\x{1FAFF}]",
    "invisible characters": r"[\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}\x{FEFF}]",
    "control characters": r"[\x{00}-\x{08}\x{0B}\x{0C}\x{0E}-\x{1F}\x{7F}]",
    "replacement characters": r"\x{FFFD}",
    "decomposed Hangul": r"[\x{1100}-\x{11FF}]",
    "HTML": r"<[a-zA-Z/][^>]*>|&[a-z]+;",
}
_RUNS: Final = r"ㅋ{10,}|ㅎ{10,}|ㅠ{10,}|ㅜ{10,}|\.{10,}|!{10,}|\?{10,}|~{10,}|♥{10,}|;{10,}"
"""RE2 has no back references: the characters that people do repeat."""


def oddities(texts: pa.Array) -> list[dict[str, Any]]:
    """Return each kind that occurs: `kind`, `count` and up to five `examples`, of `texts: string[n]`."""
    known = texts.drop_null()
    lengths = pc.utf8_length(known)
    found = []
    if len(known):
        limit = max(1, _LONG * pc.quantile(lengths, q=0.99)[0].as_py())
        found.append(_kind("very long", known.filter(pc.greater(lengths, limit))))
        letters = pc.count_substring_regex(known, r"[\p{L}\p{N}]")
        found.append(_kind("no letter or digit", known.filter(pc.and_(pc.equal(letters, 0), pc.greater(lengths, 0)))))
        hangul = pc.count_substring_regex(known, r"\p{Hangul}")
        found.append(_kind("no Hangul", known.filter(pc.and_(pc.equal(hangul, 0), pc.greater(letters, 0)))))
        counts = pc.value_counts(known.filter(pc.greater(lengths, 0)))
        values, times = counts.field("values"), counts.field("counts")
        repeated = values.filter(pc.greater(times, 1))
        found.append(_kind("there more than once", repeated))
    for kind, pattern in _PATTERNS.items():
        found.append(_kind(kind, known.filter(pc.match_substring_regex(known, _RUNS if r"\1" in pattern else pattern))))
    return [one for one in found if one["count"]]


def _kind(kind: str, texts: pa.Array) -> dict[str, Any]:
    examples = [_shown(text) for text in texts.slice(0, _EXAMPLES).to_pylist()]
    return {"kind": kind, "count": len(texts), "examples": examples}


def _shown(text: str) -> str:
    visible = "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in text)
    return visible if len(visible) <= _SHOWN else f"{visible[:_SHOWN]}… ({len(text):,} characters)"
