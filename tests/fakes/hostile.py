"""Documents that have brought analysers down, or slowed them, made from a seed: each family is named."""

import random
import unicodedata
from collections.abc import Callable, Iterator

Make = Callable[[random.Random], bytes]


def hostile_documents(count: int, seed: int = 1) -> list[tuple[str, bytes]]:
    """Return so many documents with the names of their families, in turn."""
    chance = random.Random(seed)
    families = list(_FAMILIES.items())
    return [(families[n % len(families)][0], families[n % len(families)][1](chance)) for n in range(count)]


def _run(unit: str, least: int, most: int) -> Make:
    """Return what makes a run of a unit, of so many code points."""
    return lambda chance: (unit * (chance.randint(least, most) // len(unit) + 1)).encode("utf-8", "surrogatepass")


def _some(first: int, last: int, most: int = 500) -> Make:
    """Return what makes a text of characters in a range."""

    def make(chance: random.Random) -> bytes:
        points = (chance.randint(first, last) for _ in range(chance.randint(1, most)))
        return "".join(map(chr, points)).encode("utf-8", "surrogatepass")

    return make


def _mixed(*units: str, most: int = 300) -> Make:
    return lambda chance: "".join(chance.choice(units) for _ in range(chance.randint(1, most))).encode()


def _zalgo(chance: random.Random) -> bytes:
    marks = [chr(chance.randint(0x300, 0x36F)) for _ in range(chance.randint(10, 2000))]
    return ("가" + "".join(marks) + "a" + "".join(marks)).encode()


def _decomposed(chance: random.Random) -> bytes:
    syllables = "".join(chr(chance.randint(0xAC00, 0xD7A3)) for _ in range(chance.randint(1, 3000)))
    return unicodedata.normalize("NFD", syllables).encode()


def _assigned(chance: random.Random) -> bytes:
    """Characters of every block, one after another."""
    start = chance.randrange(0x110000)
    points = ((start + step * 257) % 0x110000 for step in range(400))
    return "".join(chr(point) for point in points if not 0xD800 <= point <= 0xDFFF).encode()


_FAMILIES: dict[str, Make] = {
    "random bytes": lambda chance: chance.randbytes(chance.randint(1, 2000)),
    "lone surrogates": _some(0xD800, 0xDFFF, 20),
    "NULs": _run("\0", 1, 5000),
    "controls": _some(0x00, 0x1F),
    "C1 controls": _some(0x80, 0x9F),
    "marks of order": _run("\ufeff", 1, 2000),
    "bidi overrides": _mixed("\u202e", "\u202d", "\u2066", "\u2069", "가", "a", " "),
    "zero width": _mixed("\u200b", "\u200c", "\u200d", "\u2060", "가", "나"),
    "private use": _some(0xE000, 0xF8FF),
    "unassigned": _some(0xE0080, 0xE00FF),
    "noncharacters": _mixed("\ufffe", "\uffff", "\U0010ffff", "가"),
    "every block": _assigned,
    "syllables": _some(0xAC00, 0xD7A3, 1000),
    "old Hangul": _some(0x1100, 0x11FF, 1000),
    "compatibility jamo": _some(0x3131, 0x318E, 3000),
    "decomposed": _decomposed,
    "zalgo": _zalgo,
    "emoji": _mixed("👨\u200d👩\u200d👧", "👍🏽", "🇰🇷", "🏴", "❤\ufe0f", "\u200d"),
    "flags": _run("🇰🇷", 10, 4000),
    "one letter": _run("a", 1000, 60_000),
    "one syllable": _run("가", 500, 5_000),
    "unbroken Hangul": _run("아버지가방에들어가신다", 1000, 12_000),
    "lines of one": _run("가\n", 1000, 20_000),
    "blanks": _run(" \t\u3000\u00a0", 100, 30_000),
    "line ends": _run("\r\n", 100, 30_000),
    "laughter": _run("ㅋ", 100, 10_000),
    "digits": _run("1234567890", 100, 30_000),
    "points": _run(".", 100, 20_000),
    "brackets": _run("([{<\u201c\u2018", 100, 10_000),
    "quotes": _run("\"'", 100, 20_000),
    "addresses": lambda chance: ("https://a.kr/" + "a/b?c=d&" * chance.randint(10, 3000)).encode(),
    "e-mails": lambda chance: ("a." * chance.randint(10, 3000) + "b@c.kr").encode(),
    "tags": _run("#태그@user", 100, 20_000),
    "Hanja": _some(0x4E00, 0x9FFF, 2000),
    "Arabic": _some(0x0600, 0x06FF, 2000),
    "Thai": _some(0x0E00, 0x0E5B, 2000),
    "astral": _some(0x10000, 0x1FFFF, 1000),
    "mathematical": _some(0x1D400, 0x1D7FF, 1000),
    "empty": lambda _: b"",
}


def ordinary_documents(count: int, seed: int = 2) -> Iterator[str]:
    """Yield sentences that stand beside them."""
    chance = random.Random(seed)
    subjects = ("아버지가", "우리 팀은", "이 영화는", "어제 만난 친구가", "새로 산 책이")
    objects = ("방에", "회의를", "끝까지", "오랫동안 기다린 소식을", "도서관에서")
    verbs = ("들어가신다.", "시작했다!", "정말 재밌었어요ㅎㅎ", "전해 주었다.", "읽고 있다?")
    for number in range(count):
        yield f"{chance.choice(subjects)} {chance.choice(objects)} {chance.choice(verbs)} ({number})"
