"""Any number of texts as requests: how they are cut, and what is asked next. Nothing here does I/O.

1. Texts are cut into parts small enough that the first answer comes soon and several can be under way.
2. The first part is asked alone. If there are more, the service's limits are asked before it, once per client.
3. The version of the analyzer that answered first is pinned for all other parts: no result mixes two versions.
4. A text over the service's limit isn't sent: it gets its own error.
5. A request that is refused as too large is halved, down to single texts.
"""

from collections.abc import AsyncIterator, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from nlpbatch.client.calls import Call, Calls
from nlpbatch.client.ordered_calls import Bounds
from nlpbatch.errors import NlpbatchError, RequestError, RequestTooLarge, UnexpectedAnswer
from nlpbatch.wire.cutting import Filling, cut_by_bytes
from nlpbatch.wire.limits import KIB, MIB, REQUEST_FRAMING_BYTES, SizeLimits
from nlpbatch.wire.options import Operation, Options
from nlpbatch.wire.outcome import TEXT_TOO_LARGE, Analysis, DocumentError, Outcome, text_too_large

PART_BYTES: Final = 128 * KIB
"""Text of one request: about half a second's work of three workers."""
PART_DOCUMENTS: Final = 1000
IN_FLIGHT: Final = 4
_AHEAD: Final = 8
_HELD_BYTES: Final = 16 * MIB

Steps = Generator[Call[Any], Any, Analysis]
"""Yields calls, is sent their answers or thrown their errors, and returns what they come to."""


@dataclass(frozen=True, slots=True)
class Part:
    """The texts of one request.

    Args:
        texts: In order.
        size_bytes: Of all of them, in UTF-8.
        last: Whether it is known that no text follows.

    """

    texts: tuple[str | None, ...]
    size_bytes: int
    last: bool = False


def bounds(pool_size: int) -> Bounds:
    """Return how many parts may be under way, or answered and waiting for one before them."""
    return Bounds(min(IN_FLIGHT, pool_size), _AHEAD, _HELD_BYTES)


def parts_of(texts: Iterable[str | None]) -> Iterator[Part]:
    """Yield the texts in parts, at least one; the last of them says so.

    What the source raises is raised after the texts before it.
    """
    cutter = _Cutter()
    source = iter(texts)
    while True:
        try:
            text = next(source)
        except StopIteration:
            yield cutter.rest(last=True)
            return
        except Exception:
            if cutter.is_begun:
                yield cutter.rest()
            raise
        if (part := cutter.add(text)) is not None:
            yield part


async def parts_of_async(texts: AsyncIterator[str | None]) -> AsyncIterator[Part]:
    """Yield what `parts_of` does."""
    cutter = _Cutter()
    while True:
        try:
            text = await anext(texts)
        except StopAsyncIteration:
            yield cutter.rest(last=True)
            return
        except Exception:
            if cutter.is_begun:
                yield cutter.rest()
            raise
        if (part := cutter.add(text)) is not None:
            yield part


class _Cutter:
    def __init__(self) -> None:
        self._filling: Filling[str | None] = Filling(most_bytes=PART_BYTES, most_documents=PART_DOCUMENTS)
        self.is_begun = False

    def add(self, text: str | None) -> Part | None:
        """Add a text; return the part before it if that is full."""
        size_bytes = _size_bytes(text)
        full = None if self._filling.has_room(size_bytes) else self.rest()
        self._filling.add(text, size_bytes)
        self.is_begun = True
        return full

    def rest(self, *, last: bool = False) -> Part:
        """Return what has been added since the last part."""
        size_bytes = self._filling.size_bytes
        self.is_begun = False
        return Part(self._filling.take(), size_bytes, last)


class KnownLimits:
    """The service's size limits, once one call of the client has asked for them."""

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
    """One operation on any number of texts.

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

    def answer(self, part: Part) -> Steps:
        """Return the outcomes of a part's texts; the first part must be answered before another is begun.

        Raises:
            NlpbatchError: The service as a whole can't answer, or not this caller.

        """
        if self._limits.known is None and part.last:
            try:
                return (yield from self._ask(part.texts))
            except RequestTooLarge:
                yield from self._limits.ask()
        limits = yield from self._limits.ask()
        sendable, too_large = _set_aside(part.texts, limits.text_bytes)
        found = []
        for start, end in _cut(sendable, limits):
            found.append((yield from self._halving(sendable[start:end])))
        return _with_errors(joined(found), too_large)

    def _ask(self, texts: Sequence[str | None]) -> Steps:
        analysis: Analysis = yield self._calls.ask(tuple(texts), self._options, self._pinned)
        self._pinned = self._pinned or analysis.fingerprint or None
        return analysis

    def _halving(self, texts: Sequence[str | None]) -> Steps:
        try:
            return (yield from self._ask(texts))
        except RequestTooLarge as error:
            if not texts or (len(texts) == 1 and texts[0] is None):
                raise
            refused = DocumentError(TEXT_TOO_LARGE, error.message)
        if len(texts) == 1:
            return _with_errors((yield from self._ask([None])), {0: refused})
        middle = len(texts) // 2
        first = yield from self._halving(texts[:middle])
        return joined([first, (yield from self._halving(texts[middle:]))])


def joined(analyses: Sequence[Analysis]) -> Analysis:
    """Return several analyses, at least one and all of one version, as one."""
    if len(analyses) == 1:
        return analyses[0]
    outcomes = tuple(outcome for analysis in analyses for outcome in analysis.outcomes)
    return replace(analyses[0], outcomes=outcomes)


def interrupted(error: Exception, answered: Sequence[Outcome], delivered: int) -> None:
    """Write on an error how many outcomes there were before it, and which, where nobody has been given them yet."""
    if not delivered:
        return
    before = f"{delivered:,} outcomes came before it"
    if not isinstance(error, NlpbatchError):
        error.add_note(before)
        return
    error.message = f"{error.message} ({before})"
    error.args = (error.message,)
    error.details["delivered"] = delivered
    error.answered = tuple(answered)


def _size_bytes(text: str | None) -> int:
    if text is None:
        return 0
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _set_aside(
    texts: Sequence[str | None], limit_bytes: int
) -> tuple[tuple[str | None, ...], dict[int, DocumentError]]:
    """Return the texts with None for those over the limit, and the errors of these."""
    sizes = [_size_bytes(text) for text in texts]
    too_large = {
        position: text_too_large(size, limit_bytes) for position, size in enumerate(sizes) if size > limit_bytes
    }
    return tuple(None if position in too_large else text for position, text in enumerate(texts)), too_large


def _cut(texts: Sequence[str | None], limits: SizeLimits) -> list[tuple[int, int]]:
    room_bytes = max(1, limits.body_bytes - min(REQUEST_FRAMING_BYTES, limits.body_bytes // 2))
    lengths = [_size_bytes(text) for text in texts]
    cut = cut_by_bytes(
        lengths, most_bytes=min(PART_BYTES, room_bytes), most_documents=min(PART_DOCUMENTS, limits.documents)
    )
    return list(cut) or [(0, 0)]


def _with_errors(analysis: Analysis, errors: Mapping[int, DocumentError]) -> Analysis:
    if not errors:
        return analysis
    outcomes = list(analysis.outcomes)
    for position, error in errors.items():
        outcomes[position] = Outcome(None, error)
    return replace(analysis, outcomes=tuple(outcomes))
