"""The outcomes that are kept, by kind of question and text, bounded in bytes. Pure.

    Shelf      all that answers one kind of question: analyzer's version, operation, options and encoding
    Segment    the rows of one worker's answer, with their documents; the unit that is added and dropped

A text is found by its bytes themselves, so that no two can be taken for one another; Python's hash of them is keyed, so
that nobody can choose texts that collide.

Segments are in one queue. The oldest makes room; rows that were used since they came go to the end of the queue (CLOCK,
also called FIFO with second chance, over segments). So a miss costs an entry in a dictionary, a hit a mark, and rows
move only when they have been in the queue for its whole length.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from nlpbatch.server.outcome_cache.forms import Form, Rows
from nlpbatch.server.outcome_cache.policy import Policy
from nlpbatch.server.outcome_cache.sketch import Sketch

_ENTRY_BYTES: Final = 224
"""What Python takes for an entry beside text and row: two objects, the dictionary at its emptiest, a key and a mark."""
_DOCUMENT_BYTES: Final = 1024
"""Roughly what an outcome takes with its text; only how long the cache is given to prove itself hangs on it."""
_WINDOW_DOCUMENTS: Final = (4096, 1_000_000)
_MAX_SHELVES: Final = 64
_MAX_SEGMENT_SHARE: Final = 4
_ROOM_SHARE: Final = 64
"""How much is dropped at a time: few larger moves cost less than many small ones, and none may take long."""
_MAX_STAYING: Final = 2048
"""How many rows may go to the end of the queue at a time, which takes some 5 ms: no request waits for more."""
_ROW_BITS: Final = 20
"""A place is a segment's number and a row's in one integer: a tuple would take twice as much."""
_ROW_MASK: Final = (1 << _ROW_BITS) - 1


@dataclass(eq=False, slots=True)
class Shelf:
    """All that answers one kind of question, and whether that pays."""

    form: Form
    policy: Policy
    sketch: Sketch
    places: dict[bytes, int] = field(default_factory=dict)
    segments: set[int] = field(default_factory=set)


@dataclass(eq=False, slots=True)
class _Segment:
    shelf: Shelf
    documents: Sequence[bytes | None]  # None where the row isn't for anybody: an error, a null, a copy
    rows: Rows
    size_bytes: int
    used: bytearray


class OutcomeStore:
    """Shelves, the least recently used of which go first, and the queue of segments.

    Args:
        size_bytes: Bound on the memory of texts, outcomes and all that finds them.

    """

    def __init__(self, size_bytes: int) -> None:
        self._max_bytes = size_bytes
        least, most = _WINDOW_DOCUMENTS
        self._window_documents = min(max(least, size_bytes // _DOCUMENT_BYTES), most)
        self._shelves: OrderedDict[bytes, Shelf] = OrderedDict()
        self._segments: OrderedDict[int, _Segment] = OrderedDict()
        self._next = 0
        self.size_bytes = 0
        self.dropped = 0
        """Outcomes that had to make room."""

    def __len__(self) -> int:
        """Return the number of outcomes."""
        return sum(len(shelf.places) for shelf in self._shelves.values())

    @property
    def shelves(self) -> Sequence[Shelf]:
        """Return the shelves."""
        return tuple(self._shelves.values())

    def shelf(self, kind: bytes) -> Shelf | None:
        """Return the shelf of a kind of question, None if there is none yet."""
        shelf = self._shelves.get(kind)
        if shelf is not None:
            self._shelves.move_to_end(kind)
        return shelf

    def add_shelf(self, kind: bytes, form: Form) -> Shelf:
        """Return a new shelf for a kind of question."""
        while len(self._shelves) >= _MAX_SHELVES:
            _, oldest = self._shelves.popitem(last=False)
            self.dropped += len(oldest.places)
            self.clear(oldest)
        shelf = self._shelves[kind] = Shelf(form, Policy(self._window_documents), Sketch(self._window_documents))
        return shelf

    def find(self, shelf: Shelf, documents: Sequence[bytes | None]) -> dict[int, tuple[Rows, int]]:
        """Return rows and the position in them for each document that is kept, by the document's position."""
        segments = self._segments
        found = {}
        for position, place in enumerate(map(shelf.places.get, documents)):  # type: ignore[arg-type]  # null isn't kept
            if place is not None:
                segment, row = segments[place >> _ROW_BITS], place & _ROW_MASK
                segment.used[row] = 1
                found[position] = (segment.rows, row)
        return found

    def keep(self, shelf: Shelf, documents: Sequence[bytes | None], rows: Rows) -> None:
        """Keep the rows of documents, except those with an error and those that are kept already."""
        places = shelf.places
        new = [
            document if document is not None and good and document not in places else None
            for document, good in zip(documents, shelf.form.succeeded(rows), strict=True)
        ]
        kept = len(new) - new.count(None)
        if kept < len(new) / 2:
            chosen = [position for position, document in enumerate(new) if document is not None]
            if not chosen:
                return
            rows, new = shelf.form.gather([(rows, position) for position in chosen]), [new[at] for at in chosen]
        self._add(shelf, new, rows)
        if self.size_bytes > self._max_bytes:
            self._make_room()

    def clear(self, shelf: Shelf) -> None:
        """Drop all outcomes of a shelf."""
        for number in shelf.segments:
            self.size_bytes -= self._segments.pop(number).size_bytes
        shelf.segments.clear()
        shelf.places = {}

    def _add(self, shelf: Shelf, documents: Sequence[bytes | None], rows: Rows) -> None:
        form = shelf.form
        texts_bytes = sum(len(document) + _ENTRY_BYTES for document in documents if document is not None)
        size_bytes = form.size_bytes(rows) + texts_bytes + form.segment_bytes
        if size_bytes > self._max_bytes // _MAX_SEGMENT_SHARE or len(documents) > _ROW_MASK:
            return
        number = self._next
        self._next += 1
        first = number << _ROW_BITS
        # A tuple of bytes alone is nothing that Python's collector visits.
        self._segments[number] = _Segment(shelf, tuple(documents), rows, size_bytes, bytearray(len(documents)))
        shelf.segments.add(number)
        shelf.places.update((document, first + row) for row, document in enumerate(documents) if document is not None)
        self.size_bytes += size_bytes

    def _make_room(self) -> None:
        least = self._max_bytes - self._max_bytes // _ROOM_SHARE
        may_stay = _MAX_STAYING
        while self.size_bytes > least:
            may_stay -= self._drop_oldest(self.size_bytes - least, may_stay)

    def _drop_oldest(self, excess_bytes: int, may_stay: int) -> int:
        """Drop segments of that many bytes; rows that were used begin again, those of a shelf together.

        Returns:
            How many of at most `may_stay` did.

        """
        stayed = 0
        used: dict[Shelf, tuple[list[bytes], list[tuple[Rows, int]]]] = {}
        while excess_bytes > 0 and self._segments:
            number, segment = self._segments.popitem(last=False)
            self.size_bytes -= segment.size_bytes
            excess_bytes -= segment.size_bytes
            segment.shelf.segments.discard(number)
            staying = used.setdefault(segment.shelf, ([], []))
            stayed += self._leave(number, segment, may_stay - stayed, *staying)
        for shelf, (documents, places) in used.items():
            if documents:
                self._add(shelf, documents, shelf.form.gather(places))
        return stayed

    def _leave(
        self, number: int, segment: _Segment, may_stay: int, documents: list[bytes], places: list[tuple[Rows, int]]
    ) -> int:
        """Take a segment's rows off its shelf; add those that stay to the lists, and return their number."""
        shelf_places, stayed = segment.shelf.places, 0
        for row, document in enumerate(segment.documents, number << _ROW_BITS):
            if document is None or shelf_places.get(document) != row:
                continue
            del shelf_places[document]
            if segment.used[row & _ROW_MASK] and stayed < may_stay:
                stayed += 1
                documents.append(document)
                places.append((segment.rows, row & _ROW_MASK))
            else:
                self.dropped += 1
        return stayed
