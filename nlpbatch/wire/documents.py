"""The documents of a request in JSON, by operation, with the extra member of each.

- `texts`: a string each. With `pretokenized`: for each text the spans that are one token, as Kiwi takes them: [start,
  end], [start, end, TAG], or [start, end, [[form, TAG, start, end], …]] with positions within the span.
- `morphemes` of join: an array of [form, TAG] each, or [form, TAG, true or false]: a blank before it, or none.
- `chunks` of glue: an array of strings each. With `insert_new_lines`: for each document an array of true and false, one
  for each chunk: a line end follows it instead of a blank.

A document may be null. One of the wrong shape fails the request; a fault that only the engine can find, such as an
unknown tag, fails its document.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from nlpbatch.errors import InvalidRequest
from nlpbatch.wire.options import DOCUMENT_MEMBERS, Operation

Documents = tuple[Any, ...]
_MAX_POSITION: Final = 2**31 - 1


def check_documents(operation: Operation, members: Mapping[str, Any]) -> tuple[Documents, Documents | None]:
    """Return the documents among a request's members, and their extra members if they are given.

    Raises:
        InvalidRequest: One is missing or has the wrong shape; `path` is a JSON pointer to it.

    """
    name, *further = DOCUMENT_MEMBERS[operation]
    if name not in members:
        raise InvalidRequest(f'no "{name}": send {{"{name}": [{_EXAMPLES[name]}, …]}}', path=f"/{name}")
    documents = _checked_array(name, members[name])
    extra = next((member for member in further if members.get(member) is not None), None)
    if extra is None:
        return documents, None
    belonging = _checked_array(extra, members[extra])
    if len(belonging) != len(documents):
        raise InvalidRequest(
            f"{extra} has {len(belonging):,} entries for {len(documents):,} {name}: send one for each, null for none",
            path=f"/{extra}",
        )
    return documents, belonging


def check_document(name: str, document: Any, position: int) -> None:
    """Check one document, or its extra member; `name` is the member of the request that carries it.

    Raises:
        InvalidRequest: It has the wrong shape; `path` is a JSON pointer to it.

    """
    if document is None or _CHECKS[name](document):
        return
    what = kind_of(document)
    shape = "has the wrong shape" if what == "array" and name != "texts" else f"is a {what}"
    wanted = "a string" if name == "texts" else f"an {_WANTED[name]}, such as {_EXAMPLES[name]},"
    raise InvalidRequest(f"{_NOUNS[name]} {position} {shape}: send {wanted} or null", path=f"/{name}/{position}")


def kind_of(value: Any) -> str:
    """Return JSON's name for the type of a value."""
    kinds: Sequence[tuple[type, str]] = (
        (bool, "boolean"),
        (str, "string"),
        (list, "array"),
        (tuple, "array"),
        (dict, "object"),
        (int, "number"),
        (float, "number"),
    )
    return next((name for cls, name in kinds if isinstance(value, cls)), "null")


def _checked_array(name: str, value: Any) -> Documents:
    if not isinstance(value, list | tuple):
        wanted = "strings" if name == "texts" else _WANTED[name].replace("array", "arrays", 1)
        raise InvalidRequest(f"{name} is a {kind_of(value)}: send an array of {wanted} and nulls", path=f"/{name}")
    for position, document in enumerate(value):
        check_document(name, document, position)
    return tuple(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_array(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _is_morphemes(value: Any) -> bool:
    return _is_array(value) and all(map(_is_morpheme, value))


def _is_morpheme(value: Any) -> bool:
    return (
        _is_array(value)
        and len(value) in {2, 3}
        and isinstance(value[0], str)
        and isinstance(value[1], str)
        and (len(value) == 2 or value[2] is None or isinstance(value[2], bool))  # noqa: PLR2004  (a pair)
    )


def _is_chunks(value: Any) -> bool:
    return _is_array(value) and all(isinstance(chunk, str) for chunk in value)


def _is_flags(value: Any) -> bool:
    return _is_array(value) and all(isinstance(flag, bool) for flag in value)


def _is_spans(value: Any) -> bool:
    return _is_array(value) and all(map(_is_span, value))


def _is_span(value: Any) -> bool:
    if not _is_array(value) or len(value) not in {2, 3} or not all(map(_is_position, value[:2])):
        return False
    inner = value[2] if len(value) > 2 else None  # noqa: PLR2004  (start and end)
    return inner is None or isinstance(inner, str) or (_is_array(inner) and all(map(_is_inner, inner)))


def _is_inner(value: Any) -> bool:
    return (
        _is_array(value)
        and len(value) == 4  # noqa: PLR2004  (form, tag, start, end)
        and isinstance(value[0], str)
        and isinstance(value[1], str)
        and all(map(_is_position, value[2:]))
    )


def _is_position(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MAX_POSITION


_CHECKS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "texts": _is_text,
    "pretokenized": _is_spans,
    "morphemes": _is_morphemes,
    "chunks": _is_chunks,
    "insert_new_lines": _is_flags,
}
_NOUNS: Final[Mapping[str, str]] = {
    "texts": "text",
    "pretokenized": "entry of pretokenized",
    "morphemes": "document",
    "chunks": "document",
    "insert_new_lines": "entry of insert_new_lines",
}
_WANTED: Final[Mapping[str, str]] = {
    "texts": "string",
    "pretokenized": "array of spans",
    "morphemes": "array of morphemes",
    "chunks": "array of strings",
    "insert_new_lines": "array of true and false",
}
_EXAMPLES: Final[Mapping[str, str]] = {
    "texts": '"…"',
    "pretokenized": '[[0, 3], [4, 6, "NNP"]]',
    "morphemes": '[["덥", "VA"], ["어", "EC"]]',
    "chunks": '["그 봉", "지 안에"]',
    "insert_new_lines": "[false, true]",
}
