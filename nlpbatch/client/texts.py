"""The texts of a call, one by one, as the libraries that hold them have them: what is missing there is None here."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sized
from typing import Any, Final, Protocol, TypeGuard, TypeVar

from nlpbatch.errors import InvalidRequest

_MISSING: Final = frozenset({"NAType", "MaskedConstant"})
"""Types whose only value says that there is none (pandas.NA, numpy.ma.masked), and can't be compared with itself."""


_ENDED: Final = object()
T = TypeVar("T")


class Texts(Protocol):
    """Any number of texts that is known: a list, a tuple, a Series, an array."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[str | None]: ...


def check_iterable(texts: Any) -> None:
    """Check that a call was given something that texts can be taken from.

    Raises:
        InvalidRequest: Neither a string nor an iterable, or a table instead of one of its columns.

    """
    wanted = "give a string or an iterable of strings and None"
    name = type(texts).__name__
    if getattr(texts, "ndim", 1) > 1 or name == "DataFrame":
        raise InvalidRequest(f"texts is a {name} of several columns: give one of them")
    if isinstance(texts, bytes | bytearray) or not isinstance(texts, Iterable | AsyncIterable):
        raise InvalidRequest(f"texts is a {name}: {wanted}")


def is_counted(texts: Any) -> TypeGuard[Sized]:
    """Return whether the number of texts is known, so that all of them are there."""
    return isinstance(texts, str | Sized)


def each_item(documents: Iterator[Any], extra: Iterable[Any] | None = None) -> Iterator[tuple[Any, Any]]:
    """Yield each document with what belongs to it, None where nothing does.

    Raises:
        InvalidRequest: There are more or fewer of the one than of the other.

    """
    if extra is None:
        for document in documents:
            yield document, None
        return
    belonging = iter(extra)
    position = -1
    for position, document in enumerate(documents):  # noqa: B007  (counted on below)
        one = next(belonging, _ENDED)
        if one is _ENDED:
            raise _uneven(position)
        yield document, one
    if next(belonging, _ENDED) is not _ENDED:
        raise _uneven(position + 1)


async def each_item_async(
    documents: AsyncIterator[Any], extra: Iterable[Any] | None = None
) -> AsyncIterator[tuple[Any, Any]]:
    """Yield what `each_item` does."""
    belonging = None if extra is None else iter(extra)
    position = 0
    async for document in documents:
        one = None if belonging is None else next(belonging, _ENDED)
        if one is _ENDED:
            raise _uneven(position)
        yield document, one
        position += 1
    if belonging is not None and next(belonging, _ENDED) is not _ENDED:
        raise _uneven(position)


def _uneven(position: int) -> InvalidRequest:
    return InvalidRequest(
        f"document {position} has no counterpart: give as many entries as documents, None where nothing belongs to one"
    )


def each_text(texts: Any) -> Iterator[str | None]:
    """Yield the texts; a string is one. NaN, NaT, pandas.NA and null scalars are None.

    Raises:
        InvalidRequest: Something else than a string; named by position and type.

    """
    if isinstance(texts, str):
        yield texts
        return
    for position, value in enumerate(texts):
        yield value if type(value) is str else check_text(value, position)


async def as_async(items: Iterable[T]) -> AsyncIterator[T]:
    """Yield the items."""
    for item in items:
        yield item


async def each_text_async(texts: Any) -> AsyncIterator[str | None]:
    """Yield what `each_text` does, of an asynchronous iterable, too."""
    if not isinstance(texts, AsyncIterable):
        for text in each_text(texts):
            yield text
        return
    position = 0
    async for value in texts:
        yield check_text(value, position)
        position += 1


def check_text(value: Any, position: int) -> str | None:
    """Return a text, None for what stands for a missing one.

    Raises:
        InvalidRequest: Something else than a string.

    """
    if isinstance(value, str):
        return str(value)
    if value is None or _is_missing(value):
        return None
    if hasattr(value, "as_py"):  # a scalar of pyarrow
        return check_text(value.as_py(), position)
    raise InvalidRequest(
        f"text {position} is a {type(value).__name__}: give a string or None", path=f"/texts/{position}"
    )


def _is_missing(value: Any) -> bool:
    if type(value).__name__ in _MISSING:
        return True
    try:
        return bool(value != value)  # noqa: PLR0124  (so NaN is defined, in every library)
    except (TypeError, ValueError):
        return False
