"""What callers give as documents, in the shape that a request has; see `nlpbatch.wire.documents`."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from nlpbatch.errors import InvalidRequest
from nlpbatch.wire.documents import Documents, check_documents
from nlpbatch.wire.options import DOCUMENT_MEMBERS, Operation


def check_texts(texts: Any) -> tuple[str | None, ...]:
    """Return the documents of a call; a string counts as one.

    Raises:
        InvalidRequest: Something else than a string, or an iterable of strings and None.

    """
    if isinstance(texts, str):
        return (texts,)
    if isinstance(texts, bytes | bytearray) or not isinstance(texts, Iterable):
        raise InvalidRequest(f"texts is a {type(texts).__name__}: give a string or an iterable of strings and None")
    documents = tuple(texts)
    for position, text in enumerate(documents):
        if text is not None and not isinstance(text, str):
            raise InvalidRequest(
                f"text {position} is a {type(text).__name__}: give a string or None", path=f"/texts/{position}"
            )
    return documents


def check_call(operation: Operation, documents: Any, extra: Any = None) -> tuple[Documents, Documents | None]:
    """Return the documents of a call, and what belongs to each of them if it is given.

    Raises:
        InvalidRequest: They have the wrong shape; `path` is a JSON pointer to the fault.

    """
    name, *further = DOCUMENT_MEMBERS[operation]
    members = {name: check_texts(documents) if name == "texts" else _lists(name, documents)}
    if extra is not None:
        members[further[0]] = _lists(further[0], extra)
    return check_documents(operation, members)


def _lists(name: str, documents: Any) -> tuple[Any, ...]:
    """Return a list for each document; a string is left, to be refused where it stands."""
    if isinstance(documents, str | bytes | Mapping) or not isinstance(documents, Iterable):
        raise InvalidRequest(
            f"{name} is a {type(documents).__name__}: give an iterable with a list for each document, or None",
            path=f"/{name}",
        )
    plain = _PLAIN.get(name, list)
    return tuple(
        plain(document)
        if isinstance(document, Iterable) and not isinstance(document, str | bytes | Mapping)
        else document
        for document in documents
    )


def plain_morphemes(document: Iterable[Any]) -> list[Any]:
    """Return tokens, ours or Kiwi's, as (form, tag, whether a blank precedes); tuples as they are.

    As in Kiwi, two tokens of a text in a row are joined as they stood there, if their places are known.
    """
    found = []
    end = None
    for one in document:
        if isinstance(one, tuple | list) or not (hasattr(one, "form") and hasattr(one, "tag")):
            found.append(one)
            end = None
            continue
        start = getattr(one, "start", None)
        if start is None or end is None:
            found.append((one.form, one.tag))
        else:
            found.append((one.form, one.tag, start > end))
        end = getattr(one, "end", None)
    return found


def _spans(document: Iterable[Any]) -> list[Any]:
    return list(map(_span, document))


def _span(value: Any) -> Any:
    """Return a span whose one token, as Kiwi takes it, is a list of one."""
    if not isinstance(value, tuple | list) or len(value) != 3:  # noqa: PLR2004  (start, end, what it is)
        return value
    start, end, inner = value
    single = isinstance(inner, tuple | list) and len(inner) > 0 and isinstance(inner[0], str)
    return start, end, [inner] if single else inner


_PLAIN: Final[Mapping[str, Callable[[Any], Any]]] = {"morphemes": plain_morphemes, "pretokenized": _spans}
