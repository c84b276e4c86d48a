"""The documents of a call, taken one by one from any iterable and checked, each with its extra member."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sized
from functools import partial
from typing import Any, Final, TypeGuard, TypeVar

from nlpbatch.client.arguments import plain_list
from nlpbatch.client.texts import check_text
from nlpbatch.errors import InvalidRequest
from nlpbatch.wire.options import DOCUMENT_MEMBERS, Operation

T = TypeVar("T")
Item = tuple[Any, Any]
"""A document and its extra member, such as spans of a text; None where there is none."""
_ENDED: Final = object()


def check_documents(operation: Operation, documents: Any, extra: Any, kinds: tuple[type, ...] = (Iterable,)) -> None:
    """Check that the argument of a call is an iterable of documents.

    Raises:
        InvalidRequest: Not an iterable of those kinds, or a table instead of one of its columns.

    """
    name, *further = DOCUMENT_MEMBERS[operation]
    kind = type(documents).__name__
    if getattr(documents, "ndim", 1) > 1 or kind == "DataFrame":
        raise InvalidRequest(f"{name} is a {kind} of several columns: give one of them", path=f"/{name}")
    if not isinstance(documents, kinds) or isinstance(documents, bytes | bytearray):
        wanted = "give a string or an iterable of strings and None" if name == "texts" else _LISTS
        raise InvalidRequest(f"{name} is a {kind}: {wanted}", path=f"/{name}")
    if name != "texts":
        _check_lists(name, documents)
    if extra is not None:
        _check_lists(further[0], extra)


_LISTS: Final = "give an iterable with a list for each document, or None"


def _check_lists(name: str, documents: Any) -> None:
    if isinstance(documents, str | bytes | Mapping) or not isinstance(documents, Iterable | AsyncIterable):
        raise InvalidRequest(f"{name} is a {type(documents).__name__}: {_LISTS}", path=f"/{name}")


def is_counted(documents: Any) -> TypeGuard[Sized]:
    """Return whether the number of documents is known."""
    return isinstance(documents, str | Sized)


def each_item(operation: Operation, documents: Any, extra: Iterable[Any] | None = None) -> Iterator[Item]:
    """Yield each document with its extra member; a string is one text.

    Raises:
        InvalidRequest: A document of the wrong type or shape, named by position and type; or there are more or fewer
            extra members than documents.

    """
    read = _reader(operation)
    belonging = _Belonging(operation, extra)
    for position, document in enumerate([documents] if isinstance(documents, str) else documents):
        yield read(document, position), belonging.of(position)
    belonging.check_end()


async def each_item_async(
    operation: Operation, documents: Any, extra: Iterable[Any] | None = None
) -> AsyncIterator[Item]:
    """Yield the same items as `each_item`, also from an asynchronous iterable."""
    if not isinstance(documents, AsyncIterable):
        for item in each_item(operation, documents, extra):
            yield item
        return
    read = _reader(operation)
    belonging = _Belonging(operation, extra)
    position = 0
    async for document in documents:
        yield read(document, position), belonging.of(position)
        position += 1
    belonging.check_end()


async def as_async(items: Iterable[T]) -> AsyncIterator[T]:
    """Yield the items."""
    for item in items:
        yield item


def _reader(operation: Operation) -> Callable[[Any, int], Any]:
    name, *_ = DOCUMENT_MEMBERS[operation]
    return check_text if name == "texts" else partial(plain_list, name)


class _Belonging:
    """The extra members of documents, taken one by one beside them."""

    def __init__(self, operation: Operation, extra: Iterable[Any] | None) -> None:
        _, *further = DOCUMENT_MEMBERS[operation]
        self._name = further[0] if further else ""
        self._entries = None if extra is None else iter(extra)

    def of(self, position: int) -> Any:
        """Return the extra member of the next document, None where there is none."""
        if self._entries is None:
            return None
        entry = next(self._entries, _ENDED)
        if entry is _ENDED:
            raise self._uneven("fewer")
        return plain_list(self._name, entry, position)

    def check_end(self) -> None:
        """Check that all has been taken."""
        if self._entries is not None and next(self._entries, _ENDED) is not _ENDED:
            raise self._uneven("more")

    def _uneven(self, what: str) -> InvalidRequest:
        return InvalidRequest(
            f"{self._name} has {what} entries than there are documents: give one for each, None where there is none",
            path=f"/{self._name}",
        )
