"""Brings documents that are lists into the shape of a request; see `nlpbatch.wire.documents`."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from nlpbatch.wire.documents import check_document


def plain_list(name: str, document: Any, position: int) -> list[Any] | None:
    """Return a document that is a list, or the extra member of a document, in the shape of a request.

    Raises:
        InvalidRequest: It has the wrong shape; `path` is a JSON pointer to it.

    """
    is_list = isinstance(document, Iterable) and not isinstance(document, str | bytes | Mapping)
    found: list[Any] | None = _PLAIN.get(name, list)(document) if is_list else document
    check_document(name, found, position)
    return found


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
    if not isinstance(value, tuple | list) or len(value) != 3:  # noqa: PLR2004  (start, end, tag or tokens)
        return value
    start, end, inner = value
    single = isinstance(inner, tuple | list) and len(inner) > 0 and isinstance(inner[0], str)
    return start, end, [inner] if single else inner


_PLAIN: Final[Mapping[str, Callable[[Any], Any]]] = {"morphemes": plain_morphemes, "pretokenized": _spans}
