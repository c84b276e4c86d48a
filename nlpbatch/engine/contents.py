"""The content of a document, by operation, read from the bytes in which the pool carries it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nlpbatch.engine.normalise import is_plain
from nlpbatch.engine.packing import BLANK, InvalidDocument, unpack_extra, unpack_parts
from nlpbatch.engine.spans import check_tag
from nlpbatch.engine.split import LIMIT
from nlpbatch.wire.options import Operation


@dataclass(frozen=True, slots=True)
class Text:
    """A text, and spans of it that are one token; see `wire.documents`.

    Args:
        is_plain: Whether it is known that the engine can have it as it is: in one part, and without normalising it.

    """

    text: str
    spans: Sequence[Any] = ()
    is_plain: bool = False

    @property
    def code_points(self) -> int:
        """Return its length."""
        return len(self.text)


@dataclass(frozen=True, slots=True)
class Morphemes:
    """Morphemes as Kiwi takes them: (form, tag), or (form, tag, whether a blank precedes)."""

    entries: Sequence[tuple[Any, ...]]

    @property
    def code_points(self) -> int:
        """Return the length of all forms."""
        return sum(len(form) for form, *_ in self.entries)


@dataclass(frozen=True, slots=True)
class Chunks:
    """Chunks of a text, and for each whether a line end may follow it instead of a blank."""

    chunks: Sequence[str]
    new_lines: Sequence[bool]

    @property
    def code_points(self) -> int:
        """Return the length of all chunks."""
        return sum(map(len, self.chunks))


Content = Text | Morphemes | Chunks


def read_content(operation: Operation, document: bytes) -> Content:
    """Return the content of a document.

    Raises:
        UnicodeDecodeError: A text is not UTF-8.
        InvalidDocument: The engine can't be asked about it.

    """
    return _READERS.get(operation, _text)(document)


def read_plain(documents: Sequence[bytes | None]) -> list[Text | None] | None:
    """Return the texts of a chunk if the engine can have all as they are, which nearly always holds; else None.

    One look at all of them is cheaper than one at each: 1.4 instead of 3 µs a document (docs/decisions/0033).
    """
    try:
        # A document with spans is not UTF-8.
        texts = [None if document is None else document.decode() for document in documents]
    except UnicodeDecodeError:
        return None
    given = [text for text in texts if text is not None]
    if max(map(len, given), default=0) > LIMIT or not is_plain("\n".join(given)):
        return None
    return [None if text is None else Text(text, is_plain=True) for text in texts]


def _text(document: bytes) -> Text:
    content, spans = unpack_extra(document)
    return Text(content.decode(), spans or ())


def _morphemes(document: bytes) -> Morphemes:
    entries: list[tuple[Any, ...]] = []
    for number, (form, tag, *before) in enumerate(unpack_parts(document)):
        check_tag(tag, f"morpheme {number}")
        entries.append((form, tag, before[0] == BLANK.decode()) if before and before[0] else (form, tag))
    return Morphemes(entries)


def _chunks(document: bytes) -> Chunks:
    content, new_lines = unpack_extra(document)
    chunks = [chunk for (chunk,) in unpack_parts(content)]
    if new_lines is not None and len(new_lines) != len(chunks):
        raise InvalidDocument(
            f"insert_new_lines has {len(new_lines):,} entries for {len(chunks):,} chunks: send one for each chunk"
        )
    return Chunks(chunks, new_lines or [False] * len(chunks))


_READERS: Final[Mapping[Operation, Callable[[bytes], Content]]] = {"join": _morphemes, "glue": _chunks}
