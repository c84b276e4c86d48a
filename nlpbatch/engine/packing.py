"""Documents that are more than a text, as the bytes in which the pool carries them.

Morphemes and chunks are parts of fields: 0xFE ends a field, 0xFF a part. The extra member of a document, such as the
spans of a text, precedes it: 0xFF, JSON, 0xFF. No UTF-8 has these bytes, and no text and no part begins with 0xFF.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

FIELD_END: Final = b"\xfe"
PART_END: Final = b"\xff"
BLANK: Final = b"1"
NO_BLANK: Final = b"0"
NOT_UTF_8: Final = b"\xed\xa0\x80"
"""A lone surrogate's bytes, which replace a field that is null or has one of the marks."""


class InvalidDocument(Exception):
    """A document that the engine can't analyse; the message has bound and remedy and quotes nothing."""


def encode_text(text: str) -> bytes:
    """Return a text's bytes; lone surrogates keep theirs, which aren't UTF-8."""
    return text.encode("utf-8", "surrogatepass")


def pack_morphemes(morphemes: Iterable[Sequence[Any]]) -> bytes:
    """Return the bytes of morphemes as `wire.documents` has them."""
    return b"".join(_pack_part(_morpheme_fields(*morpheme)) for morpheme in morphemes)


def pack_chunks(chunks: Iterable[str]) -> bytes:
    """Return the bytes of chunks of text."""
    return b"".join(_pack_part((encode_text(chunk),)) for chunk in chunks)


def unpack_parts(document: bytes) -> list[list[str]]:
    """Return the fields of each part.

    Raises:
        InvalidDocument: A field is not UTF-8.

    """
    found = []
    for number, part in enumerate(document.split(PART_END)[:-1]):
        try:
            found.append([field.decode() for field in part.split(FIELD_END)[:-1]])
        except UnicodeDecodeError:
            raise InvalidDocument(
                f"entry {number} is null or not UTF-8: leave it out, remove the lone surrogate, or decode the source "
                "with its right encoding"
            ) from None
    return found


def pack_extra(document: bytes, extra: Sequence[Any]) -> bytes:
    """Return a document with its extra member."""
    return b"".join((PART_END, json.dumps(extra, separators=(",", ":")).encode(), PART_END, document))


def unpack_extra(document: bytes) -> tuple[bytes, Sequence[Any] | None]:
    """Return a document and its extra member, None if it has none."""
    if not document.startswith(PART_END):
        return document, None
    extra, _, rest = document[1:].partition(PART_END)
    try:
        return rest, json.loads(extra)
    except ValueError:
        return document, None  # a text that isn't UTF-8


def _pack_part(fields: Iterable[bytes]) -> bytes:
    return b"".join(field + FIELD_END for field in fields) + PART_END


def _morpheme_fields(form: str, tag: str, blank: bool | None = None) -> tuple[bytes, bytes, bytes]:  # noqa: FBT001
    before = b"" if blank is None else BLANK if blank else NO_BLANK
    return encode_text(form), encode_text(tag), before
