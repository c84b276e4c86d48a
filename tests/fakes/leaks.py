"""Finds fragments of texts and of secrets in whatever a run leaves, however they are written there."""

import base64
import binascii
import random
import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote_to_bytes

_SYLLABLES = 3
"""As much of a text is a fragment: of made-up words, so much comes about by chance once in 10^12 places."""
_SECRET = 12
"""As many characters of a secret are a fragment."""
_HANGUL = re.compile(f"[가-힣]{{{_SYLLABLES},}}")
_ESCAPED = re.compile(r"\\u([0-9A-Fa-f]{4})")
_PERCENT = re.compile(rb"(?:%[0-9A-Fa-f]{2}){3,}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")


def made_up_text(chance: random.Random, words: int = 8) -> str:
    """Return a text of words that nobody else writes."""
    return " ".join("".join(chr(chance.randrange(0xAC00, 0xD7A4)) for _ in range(5)) for _ in range(words))


class Fragments:
    """What must not be found.

    Args:
        texts: In Hangul.
        secrets: In ASCII, such as the secret parts of keys.

    """

    def __init__(self, texts: Iterable[str], secrets: Iterable[str]) -> None:
        words = {word for text in texts for word in _HANGUL.findall(text)}
        self._syllables = {piece for word in words for piece in _windows(word, _SYLLABLES)}
        self._secrets = {piece for secret in secrets for piece in _windows(secret, _SECRET)}

    def found_in(self, data: bytes) -> str | None:
        """Return a fragment that is in there, None if there is none."""
        for text in _readings(data):
            for run in _HANGUL.findall(text):
                for piece in _windows(run, _SYLLABLES):
                    if piece in self._syllables:
                        return piece
        ascii_text = data.decode("ascii", "ignore")
        return next((piece for piece in self._secrets if piece in ascii_text), None)


def writings_of(text: str) -> dict[str, bytes]:
    """Return a text as it may be written somewhere."""
    return {
        "utf-8": text.encode(),
        "json": "".join(f"\\u{ord(char):04x}" for char in text).encode(),
        "percent": "".join(f"%{byte:02X}" for byte in text.encode()).encode(),
        "utf-16": b"x" + text.encode("utf-16-le"),
        "base64": base64.b64encode(text.encode()),
    }


def _readings(data: bytes) -> Iterator[str]:
    plain = data.decode("utf-8", "ignore")
    yield plain
    if "\\u" in plain:
        yield _ESCAPED.sub(lambda found: chr(int(found[1], 16)), plain)
    for run in _PERCENT.findall(data):
        yield unquote_to_bytes(run).decode("utf-8", "ignore")
    for run in _BASE64.findall(data):
        for start in range(4):
            whole = run[start : start + (len(run) - start) // 4 * 4]
            try:
                yield base64.b64decode(whole.replace(b"-", b"+").replace(b"_", b"/")).decode("utf-8", "ignore")
            except binascii.Error:
                continue
    if b"\0" in data or not data.isascii():
        for start in (0, 1):
            yield data[start:].decode("utf-16-le", "ignore")


def _windows(text: str, size: int) -> Iterator[str]:
    return (text[start : start + size] for start in range(len(text) - size + 1))
