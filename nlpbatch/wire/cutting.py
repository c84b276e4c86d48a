"""Cutting a run of documents into parts by bytes: requests on the client's side, pieces on the pool's."""

from collections.abc import Iterator, Sequence


def cut_by_bytes(lengths: Sequence[int], *, most_bytes: int, most_documents: int) -> Iterator[tuple[int, int]]:
    """Yield [start, end) ranges that cover `lengths` in order, each within both bounds.

    A document longer than `most_bytes` stands alone: it isn't this function's business to refuse it.

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
