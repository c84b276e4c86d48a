"""Slices of row groups: the pages of some rows, instead of whole column chunks.

pyarrow decodes column chunks from their beginning. So it is given a view of the file in which the chunk's dictionary is
followed by the wanted pages, and asked for no more rows than these hold. The position of the pages is in the file's
offset index, if it has one; if not, each page's header gives the position of the next.
"""

import io
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nlpbatch.sampling.design import PageSpan
from nlpbatch.sampling.thrift import Struct, ThriftReader
from nlpbatch.sampling.windows import Readable

_HEADER_BYTES: Final = 256
_HEADER_BYTES_MAX: Final = 1 << 20
_BUFFER_BYTES: Final = 1 << 20
_DATA: Final = 5
_DATA_V2: Final = 8
"""Fields of PageHeader."""
_ENCODING: Final = {_DATA: 2, _DATA_V2: 4}
_PLAIN: Final = 0


@dataclass(frozen=True, slots=True)
class Page:
    """One page: the first of its rows, and its bytes with the header, from `start` to `end`."""

    first_row: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ColumnChunk:
    """A column of a row group: its dictionary, if it has one, lies from `start` to `end`, and its pages."""

    start: int
    end: int
    pages: Sequence[Page]

    def of_rows(self, first: int, last: int) -> Sequence[Page]:
        """Return the pages that hold rows from `first` to `last`."""
        starts = [page.first_row for page in self.pages]
        return self.pages[bisect_right(starts, first) - 1 : bisect_right(starts, last)]


def chunk_of(source: Readable, metadata: pq.ColumnChunkMetaData, index: bytes | None, rows: int) -> ColumnChunk:
    """Return the positions of a chunk's pages.

    Args:
        source: The file.
        metadata: Metadata of the chunk, which is of a flat column, from the file's footer.
        index: The chunk's offset index; None if there is none.
        rows: Rows of the row group.

    Raises:
        IndexError, KeyError, TypeError, ValueError: There are no such pages.

    """
    first = metadata.data_page_offset
    start = min(first, metadata.dictionary_page_offset or first)
    if index is None:
        return _walked(source, start, rows)
    pages = [Page(one[3], one[1], one[1] + one[2]) for one in ThriftReader(index).struct()[1]]
    return ColumnChunk(start, pages[0].start, pages)


def _walked(source: Readable, start: int, rows: int) -> ColumnChunk:
    """Return the positions of pages by their headers, each of which gives that of the next."""
    position, row, dictionary_end = start, 0, start
    pages: list[Page] = []
    while row < rows:
        header, size = read_header(source, position)
        end = position + size + header[3]
        data = header.get(_DATA) or header.get(_DATA_V2)
        if data is not None:
            pages.append(Page(row, position, end))
            row += data[1]
        elif not pages:
            dictionary_end = end
        position = end
    if row != rows:
        raise ValueError(row)
    return ColumnChunk(start, dictionary_end, pages)


def index_ranges(footer: bytes, group: int) -> dict[int, tuple[int, int]]:
    """Return offset and size of the offset indexes of a row group's columns, by the columns' positions."""
    chunks = ThriftReader(footer).struct()[4][group][1]
    return {position: (chunk[4], chunk[5]) for position, chunk in enumerate(chunks) if chunk.get(5)}


def read_header(source: Readable, position: int) -> tuple[Struct, int]:
    """Return a page's header and its bytes."""
    size = _HEADER_BYTES
    while True:
        source.seek(position)
        reader = ThriftReader(source.read(size))
        try:
            return reader.struct(), reader.position
        except IndexError:
            if size >= _HEADER_BYTES_MAX:
                raise
            size *= 16


def span_of(source: Readable, chunk: ColumnChunk, first: int, last: int) -> PageSpan:
    """Return the bytes to read for rows from `first` to `last`: the dictionary only if their first page needs it.

    Writers give a dictionary up when it has grown too large, and never return to it.
    """
    pages = chunk.of_rows(first, last)
    parts = [(pages[0].start, pages[-1].end)]
    if chunk.end > chunk.start:
        header, _ = read_header(source, pages[0].start)
        kind = _DATA if _DATA in header else _DATA_V2
        if header[kind][_ENCODING[kind]] != _PLAIN:
            parts.insert(0, (chunk.start, chunk.end))
    return PageSpan(pages[0].first_row, chunk.start, parts)


def read_span(
    source: io.RawIOBase, metadata: pq.FileMetaData, span: PageSpan, rows: Sequence[int], *, group: int, column: str
) -> pa.Array:
    """Return rows of a column, given by their ascending numbers in the row group."""
    reader = pq.ParquetFile(
        _View(source, span),
        metadata=metadata,
        buffer_size=_BUFFER_BYTES,
        pre_buffer=False,
        coerce_int96_timestamp_unit="us",
    )
    batch = next(reader.iter_batches(rows[-1] - span.first_row + 1, row_groups=[group], columns=[column]))
    return batch.column(0).take(pa.array(np.asarray(rows) - span.first_row))


class _View(io.RawIOBase):
    """A file in which the parts of a span follow each other from the beginning of their chunk; then there are zeros.

    pyarrow reads as many bytes as the chunk has, and decodes only those that it needs.
    """

    def __init__(self, source: io.RawIOBase, span: PageSpan) -> None:
        super().__init__()
        self._source = source
        self._span = span
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END:
            self._position = self._source.seek(offset, whence)
        else:
            self._position = offset + (self._position if whence == io.SEEK_CUR else 0)
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, size: int = -1) -> bytes:
        data = b""
        offset = self._position - self._span.chunk_start
        for start, end in self._span.parts:
            if 0 <= offset < end - start and len(data) < size:
                self._source.seek(start + offset)
                data += self._source.read(min(size - len(data), end - start - offset))
                offset = end - start
            offset -= end - start
        data += bytes(size - len(data))
        self._position += len(data)
        return data
