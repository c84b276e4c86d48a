"""Finds personal numbers and addresses in texts, and replaces each by a word that says what it was.

    email       ASCII local part, `@`, domain
    resident    resident registration number: a date of birth that exists, then a digit from 1 to 8 and six more
    card        13 to 19 digits whose check digit (Luhn, ISO/IEC 7812) is right, together or in the groups of a card
    phone       mobile, fixed, internet and safe numbers of Korea, with or without +82

Digits and signs may be of full width, and groups may be parted by blanks, hyphens, dots or brackets. A number that is
part of a longer run of digits is none. What a kind has found, a later one leaves alone. Everything else stays as it is.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from datetime import date
from typing import Final

KINDS: Final = ("email", "resident", "card", "phone")
"""In the order in which they are looked for."""
MASKS: Final = {kind: f"[{kind.upper()}]" for kind in KINDS}

_PLAIN: Final = {
    **{wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)},  # full width to ASCII
    **dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2212), 0x2D),  # dashes
    **dict.fromkeys((0x00A0, 0x3000, 0x2009), 0x20),  # blanks
    **dict.fromkeys((0x00B7, 0x30FB), 0x2E),  # middle dots
}
"""One character for one, so that positions stay."""
_INVISIBLE: Final = "\u200b-\u200d\u2060\ufeff\u00ad"
_BLANKS: Final = rf"[ \t{_INVISIBLE}]{{0,2}}"
_GAP: Final = rf"{_BLANKS}[-.)/]?{_BLANKS}"
_DASH: Final = rf"{_BLANKS}-?{_BLANKS}"
_LOCAL: Final = r"A-Za-z0-9._%+\-"
_MOBILE: Final = "1[016-9]"
_AREA: Final = rf"(?:{_MOBILE}|2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|70|80|50[2-8])"


def _any(_: re.Match[str]) -> bool:
    return True


def _is_born(found: re.Match[str]) -> bool:
    year, month, day, kind = (int(found[name]) for name in ("year", "month", "day", "kind"))
    try:
        date((1900 if kind in {1, 2, 5, 6} else 2000) + year, month, day)
    except ValueError:
        return False
    return True


def has_luhn_digit(digits: str) -> bool:
    """Return whether the last digit is the check digit of the others."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + position % 2)
        total += value - 9 * (value > 9)  # noqa: PLR2004  (the digits of a product of two digits)
    return total % 10 == 0


def _is_card(found: re.Match[str]) -> bool:
    return has_luhn_digit("".join(character for character in found[0] if character.isdigit()))


_PATTERNS: Final[tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], bool]], ...]] = (
    (
        "email",
        # possessive: a long run of such characters without @ is read once
        re.compile(
            rf"(?<![{_LOCAL}])[._%+\-]*+(?P<all>[A-Za-z0-9][{_LOCAL}]*+@(?:[A-Za-z0-9\-]+\.)+[A-Za-z]{{2,}})", re.ASCII
        ),
        _any,
    ),
    (
        "resident",
        re.compile(
            rf"(?<!\d)(?P<all>(?P<year>\d\d)(?P<month>\d\d)(?P<day>\d\d){_DASH}(?P<kind>[1-8])\d{{6}})(?!\d)", re.ASCII
        ),
        _is_born,
    ),
    (
        "card",
        re.compile(
            rf"(?<!\d)(?P<all>[2-69]\d{{3}}(?:{_DASH}\d{{4}}){{3}}|3[0-9]\d\d{_DASH}\d{{6}}{_DASH}\d{{4,5}})(?!\d)",
            re.ASCII,
        ),
        _is_card,
    ),
    ("card", re.compile(r"(?<!\d)(?P<all>[2-69]\d{12,18})(?!\d)", re.ASCII), _is_card),
    (
        "phone",
        re.compile(
            rf"(?<!\d)(?P<all>(?:(?:\+|00)82{_GAP}(?:\(0\)|0)?{_BLANKS}{_AREA}|82{_GAP}0?10|\(0{_AREA}\)|0{_AREA})"
            rf"{_GAP}\d{{3,4}}{_GAP}\d{{4}})(?!\d)",
            re.ASCII,
        ),
        _any,
    ),
)
_MAYBE: Final = re.compile(r"@|\d{2}.{0,8}\d{4}", re.ASCII | re.DOTALL)
"""What a text has that holds any of them; most texts don't."""


def mask(text: str, kinds: Collection[str]) -> tuple[str, Counter[str]]:
    """Return the text with masks, and how many there are of each kind.

    Args:
        text: Any text.
        kinds: What to look for, of `KINDS`.

    """
    plain = text if text.isascii() else text.translate(_PLAIN)
    if not _MAYBE.search(plain):
        return text, Counter()
    found = sorted(_spans(plain, kinds))
    parts, end = [], 0
    for start, until, kind in found:
        parts += [text[end:start], MASKS[kind]]
        end = until
    return "".join([*parts, text[end:]]) if found else text, Counter(kind for _, _, kind in found)


def _spans(plain: str, kinds: Collection[str]) -> Iterator[tuple[int, int, str]]:
    """Yield where they are, without overlaps, in no order."""
    taken = bytearray(len(plain))
    for kind, pattern, check in _PATTERNS:
        position = 0
        while kind in kinds and (found := pattern.search(plain, position)):
            start, end = found.span("all")
            if any(taken[start:end]) or not check(found):
                position = start + 1
                continue
            taken[start:end] = b"\1" * (end - start)
            position = end
            yield start, end, kind
