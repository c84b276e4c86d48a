"""Cuts a request's documents into chunks, each of which one worker analyses in one go. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

from nlpbatch.engine.documents import size_bytes_of
from nlpbatch.wire.cutting import cut_by_bytes
from nlpbatch.wire.outcome import DocumentError, text_too_large


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of documents that one worker analyses in one go.

    Args:
        documents: `binary[n]`.
        failed: Errors known before the analysis, by position in the chunk.

    """

    documents: pa.Array
    failed: dict[int, DocumentError]

    @property
    def size_bytes(self) -> int:
        """Return the bytes of its texts."""
        return size_bytes_of(self.documents)


def cut(
    documents: pa.Array,
    *,
    chunk_bytes: int,
    chunk_documents: int,
    text_bytes: int,
    refused: Mapping[int, DocumentError] = MappingProxyType({}),
) -> list[Chunk]:
    """Return the documents in chunks of at most that many bytes, in order; a longer document is a chunk by itself.

    A document over `text_bytes`, or one that is refused, gets its error here; its text is not carried any further.
    """
    lengths = pc.fill_null(pc.binary_length(documents), 0).to_pylist()
    failed = {
        position: text_too_large(length, text_bytes) for position, length in enumerate(lengths) if length > text_bytes
    } | dict(refused)
    ranges = cut_by_bytes(lengths, most_bytes=chunk_bytes, most_documents=chunk_documents)
    return [_chunk(documents, failed, start, end) for start, end in ranges]


def _chunk(documents: pa.Array, failed: Mapping[int, DocumentError], start: int, end: int) -> Chunk:
    run = documents.slice(start, end - start)
    own = {position - start: failed[position] for position in range(start, end) if position in failed} if failed else {}
    if own:
        keep = pa.array([position not in own for position in range(end - start)])
        run = pc.if_else(keep, run, pa.scalar(None, pa.binary()))
    return Chunk(run, own)
