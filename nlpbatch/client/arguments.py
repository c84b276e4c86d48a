"""Documents that are lists, as callers give them, in the shape that a request has; see `nlpbatch.wire.documents`."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from nlpbatch.wire.documents import check_document


def plain_list(name: str, document: Any, position: int) -> list[Any] | None:
    """Return a document that is a list, or what belongs to one, as a request has it.

    Raises:
        InvalidRequest: It has the wrong shape; `path` is a JSON pointer to it.

    """
    is_list = isinstance(document, Iterable) and not isinstance(document, str | bytes | Mapping)
    found: list[Any] | None = list(map(_PLAIN.get(name, _same), document)) if is_list else document
    check_document(name, found, position)
    return found


def _same(value: Any) -> Any:
    return value


def _morpheme(value: Any) -> Any:
    """Return a token's form and tag, ours or Kiwi's; a tuple as it is."""
    if isinstance(value, tuple | list) or not (hasattr(value, "form") and hasattr(value, "tag")):
        return value
    return value.form, value.tag


def _span(value: Any) -> Any:
    """Return a span whose one token, as Kiwi takes it, is a list of one."""
    if not isinstance(value, tuple | list) or len(value) != 3:  # noqa: PLR2004  (start, end, what it is)
        return value
    start, end, inner = value
    single = isinstance(inner, tuple | list) and len(inner) > 0 and isinstance(inner[0], str)
    return start, end, [inner] if single else inner


_PLAIN: Final[Mapping[str, Callable[[Any], Any]]] = {"morphemes": _morpheme, "pretokenized": _span}
