"""Turns any number of documents into requests: how they are cut, and the order of the calls. Nothing here does I/O.

1. Documents are cut into parts small enough that the first answer comes soon and several can be under way.
2. The first part is sent alone. If there are more, the client fetches the service's limits before it, once.
3. The version of the analyzer that answered first is pinned for all other parts: no result mixes two versions.
4. A text over the service's limit isn't sent: it gets its own error.
5. A request that is refused as too large is halved, down to single texts.
"""

from collections.abc import AsyncIterator, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from nlpbatch.client.calls import Call, Calls
from nlpbatch.client.documents import Item
from nlpbatch.client.ordered_calls import Bounds
from nlpbatch.errors import NlpbatchError, RequestError, RequestTooLarge, UnexpectedAnswer
from nlpbatch.older_python import add_note
from nlpbatch.wire.cutting import Filling, cut_by_bytes
from nlpbatch.wire.limits import KIB, MIB, REQUEST_FRAMING_BYTES, SizeLimits
from nlpbatch.wire.options import Operation, Options
from nlpbatch.wire.outcome import TEXT_TOO_LARGE, Analysis, DocumentError, Outcome, text_too_large

PART_BYTES: Final = 128 * KIB
"""Text of one request: about a second's work of two workers."""
PART_DOCUMENTS: Final = 1000
IN_FLIGHT: Final = 4
_AHEAD: Final = 8
_HELD_BYTES: Final = 16 * MIB
_NUMBER_BYTES: Final = 8

Steps = Generator[Call[Any], Any, Analysis]
"""Yields calls, receives their answers or errors, and returns the analysis that they make."""


_NOTHING: Final = (None, None)


@dataclass(frozen=True, slots=True)
class RequestPart:
    """The documents of one request.

    Args:
        items: Documents, in order.
        size_bytes: Bytes of all documents, in UTF-8.
        last: Whether no document follows, as far as is known.

    """

    items: tuple[Item, ...]
    size_bytes: int
    last: bool = False


def bounds(pool_size: int) -> Bounds:
    """Return the bounds on parts that are under way, or answered and waiting for an earlier one."""
    return Bounds(min(IN_FLIGHT, pool_size), _AHEAD, _HELD_BYTES)


def parts_of(items: Iterable[Item]) -> Iterator[RequestPart]:
    """Yield the documents in parts, at least one; the last part is marked as such.

    An error of the source is raised after the documents before it.
    """
    cutter = _Cutter()
    source = iter(items)
    while True:
        try:
            item = next(source)
        except StopIteration:
            yield cutter.rest(last=True)
            return
        except Exception:
            if cutter.is_begun:
                yield cutter.rest()
            raise
        if (part := cutter.add(item)) is not None:
            yield part


async def parts_of_async(items: AsyncIterator[Item]) -> AsyncIterator[RequestPart]:
    """Yield the same parts as `parts_of`, from an asynchronous source."""
    cutter = _Cutter()
    while True:
        try:
            item = await anext(items)
        except StopAsyncIteration:
            yield cutter.rest(last=True)
            return
        except Exception:
            if cutter.is_begun:
                yield cutter.rest()
            raise
        if (part := cutter.add(item)) is not None:
            yield part


class _Cutter:
    def __init__(self) -> None:
        self._filling: Filling[Item] = Filling(most_bytes=PART_BYTES, most_documents=PART_DOCUMENTS)
        self.is_begun = False

    def add(self, item: Item) -> RequestPart | None:
        """Add a document; return the part before it if that is full."""
        size_bytes = _size_bytes(item)
        full = None if self._filling.has_room(size_bytes) else self.rest()
        self._filling.add(item, size_bytes)
        self.is_begun = True
        return full

    def rest(self, *, last: bool = False) -> RequestPart:
        """Return the documents added since the last part."""
        size_bytes = self._filling.size_bytes
        self.is_begun = False
        return RequestPart(self._filling.take(), size_bytes, last)


class KnownLimits:
    """The service's size limits, fetched once per client."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self.known: SizeLimits | None = None

    def ask(self) -> Generator[Call[Any], Any, SizeLimits]:
        """Return the limits; the defaults where the service doesn't state any."""
        if self.known is None:
            try:
                self.known = (yield self._calls.analyzers()).limits
            except (RequestError, UnexpectedAnswer):
                self.known = SizeLimits()
        return self.known or SizeLimits()


class Bulk:
    """One operation on any number of documents.

    Raises:
        InvalidRequest, UnknownField: An option that can't be used.

    """

    def __init__(
        self, calls: Calls, limits: KnownLimits, operation: Operation, if_match: str | None, given: Mapping[str, Any]
    ) -> None:
        self._calls = calls
        self._limits = limits
        self.operation = operation
        self._options = Options.checked(operation, given)
        self._pinned = if_match

    def answer(self, part: RequestPart) -> Steps:
        """Return the outcomes of a part's documents; the first part must be answered before another is begun.

        Raises:
            NlpbatchError: The service as a whole can't answer, or not this caller.

        """
        if self._limits.known is None and part.last:
            try:
                return (yield from self._ask(part.items))
            except RequestTooLarge:
                yield from self._limits.ask()
        limits = yield from self._limits.ask()
        sendable, too_large = _set_aside(part.items, limits.text_bytes)
        found = []
        for start, end in _cut(sendable, limits):
            found.append((yield from self._halving(sendable[start:end])))
        return _with_errors(joined(found), too_large)

    def _ask(self, items: Sequence[Item]) -> Steps:
        documents, extra = tuple(item[0] for item in items), tuple(item[1] for item in items)
        given = None if all(one is None for one in extra) else extra
        analysis: Analysis = yield self._calls.ask(documents, self._options, self._pinned, given)
        self._pinned = self._pinned or analysis.fingerprint or None
        return analysis

    def _halving(self, items: Sequence[Item]) -> Steps:
        try:
            return (yield from self._ask(items))
        except RequestTooLarge as error:
            if not items or (len(items) == 1 and items[0][0] is None):
                raise
            refused = DocumentError(TEXT_TOO_LARGE, error.message)
        if len(items) == 1:
            return _with_errors((yield from self._ask([_NOTHING])), {0: refused})
        middle = len(items) // 2
        first = yield from self._halving(items[:middle])
        return joined([first, (yield from self._halving(items[middle:]))])


def joined(analyses: Sequence[Analysis]) -> Analysis:
    """Return several analyses, at least one and all of one version, as one."""
    if len(analyses) == 1:
        return analyses[0]
    outcomes = tuple(outcome for analysis in analyses for outcome in analysis.outcomes)
    return replace(analyses[0], outcomes=outcomes)


def interrupted(error: Exception, answered: Sequence[Outcome], delivered: int) -> None:
    """Record on an error how many outcomes came before it, and those that the caller hasn't received."""
    if not delivered:
        return
    before = f"{delivered:,} outcomes came before it"
    if not isinstance(error, NlpbatchError):
        add_note(error, before)
        return
    error.message = f"{error.message} ({before})"
    error.args = (error.message,)
    error.details["delivered"] = delivered
    error.answered = tuple(answered)


def _size_bytes(value: Any) -> int:
    """Return the bytes of a document in a request: exact for a text, else approximate."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, tuple | list):
        return sum(map(_size_bytes, value))
    return 0 if value is None else _NUMBER_BYTES


def _set_aside(items: Sequence[Item], limit_bytes: int) -> tuple[tuple[Item, ...], dict[int, DocumentError]]:
    """Return the documents with None for texts over the limit, and the errors of these."""
    sizes = [_size_bytes(document) if isinstance(document, str) else 0 for document, _ in items]
    too_large = {
        position: text_too_large(size, limit_bytes) for position, size in enumerate(sizes) if size > limit_bytes
    }
    return tuple(_NOTHING if position in too_large else item for position, item in enumerate(items)), too_large


def _cut(items: Sequence[Item], limits: SizeLimits) -> list[tuple[int, int]]:
    room_bytes = max(1, limits.body_bytes - min(REQUEST_FRAMING_BYTES, limits.body_bytes // 2))
    cut = cut_by_bytes(
        list(map(_size_bytes, items)),
        most_bytes=min(PART_BYTES, room_bytes),
        most_documents=min(PART_DOCUMENTS, limits.documents),
    )
    return list(cut) or [(0, 0)]


def _with_errors(analysis: Analysis, errors: Mapping[int, DocumentError]) -> Analysis:
    if not errors:
        return analysis
    outcomes = list(analysis.outcomes)
    for position, error in errors.items():
        outcomes[position] = Outcome(None, error)
    return replace(analysis, outcomes=tuple(outcomes))
