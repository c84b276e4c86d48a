"""Cuts a run of documents into parts by bytes: into requests by the client, into chunks by the pool."""

from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


def cut_by_bytes(lengths: Sequence[int], *, most_bytes: int, most_documents: int) -> Iterator[tuple[int, int]]:
    """Yield [start, end) ranges that cover `lengths` in order, each within both bounds.

    A document longer than `most_bytes` gets a range by itself; this function doesn't refuse it.

    Args:
        lengths: Bytes of each document; 0 for null.
        most_bytes: Bound of a range's sum.
        most_documents: Bound of a range's count, at least 1.

    """
    start = size = 0
    for position, length in enumerate(lengths):
        full = size + length > most_bytes or position - start >= most_documents
        if full and position > start:
            yield start, position
            start, size = position, 0
        size += length
    if len(lengths) > start:
        yield start, len(lengths)


class Filling(Generic[T]):
    """The part that is being filled, where items come one by one; the rule is that of `cut_by_bytes`.

    Args:
        most_bytes: Bound of a part's sum.
        most_documents: Bound of a part's count, at least 1.

    """

    def __init__(self, *, most_bytes: int, most_documents: int) -> None:
        self._most_bytes = most_bytes
        self._most_documents = most_documents
        self._items: list[T] = []
        self.size_bytes = 0

    def has_room(self, size_bytes: int) -> bool:
        """Return whether an item of that size belongs to this part rather than to the next."""
        fits = self.size_bytes + size_bytes <= self._most_bytes and len(self._items) < self._most_documents
        return fits or not self._items

    def add(self, item: T, size_bytes: int) -> None:
        """Add an item."""
        self._items.append(item)
        self.size_bytes += size_bytes

    def take(self) -> tuple[T, ...]:
        """Return the part's items and begin the next part."""
        items = tuple(self._items)
        self._items, self.size_bytes = [], 0
        return items
