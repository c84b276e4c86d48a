"""JSON Schemas of the documents of a request, and of their extra members; see `nlpbatch.wire.documents`."""

from typing import Any, Final

from nlpbatch.wire.limits import SizeLimits
from nlpbatch.wire.options import DOCUMENT_MEMBERS, Operation

Schema = dict[str, Any]

_STRING: Final[Schema] = {"type": "string"}
_POSITION: Final[Schema] = {"type": "integer", "minimum": -(2**31) + 1, "maximum": 2**31 - 1}
_MEANING: Final = "the documents; one that is null gets nothing, one over limits.text_bytes an error of its own"


def document_schemas(operation: Operation, limits: SizeLimits) -> dict[str, Schema]:
    """Return the schemas of the members that carry documents, the documents first."""
    return {
        name: {
            "type": "array",
            "items": {"anyOf": [item, {"type": "null"}]} if item["type"] != "string" else {"type": ["string", "null"]},
            "maxItems": limits.documents,
            "description": meaning,
            "examples": [example],
        }
        for name in DOCUMENT_MEMBERS[operation]
        for item, meaning, example in [_ITEMS[name]]
    }


def _list(*items: Schema, min_items: int | None = None) -> Schema:
    """Return the schema of an array whose entries have these schemas, the last of which may be left out."""
    min_items = len(items) if min_items is None else min_items
    return {"type": "array", "prefixItems": list(items), "items": False, "minItems": min_items, "maxItems": len(items)}


_MORPHEME: Final = _list(_STRING, _STRING, {"type": ["boolean", "null"]}, min_items=2)
_INNER: Final = _list(_STRING, _STRING, _POSITION, _POSITION)
_SPAN: Final = _list(
    _POSITION,
    _POSITION,
    {"anyOf": [_STRING, {"type": "array", "items": _INNER}, {"type": "null"}]},
    min_items=2,
)
_ITEMS: Final[dict[str, tuple[Schema, str, list[Any]]]] = {
    "texts": (_STRING, _MEANING, ["아버지가 방에 들어가신다"]),
    "pretokenized": (
        {"type": "array", "items": _SPAN},
        (
            "for each text the spans that are one token: [start, end], [start, end, tag], or [start, end, tokens]; a "
            "token is [form, tag, start, end] with positions within the span"
        ),
        [[[0, 3, "NNG"]]],
    ),
    "morphemes": (
        {"type": "array", "items": _MORPHEME},
        f"{_MEANING}; a morpheme is [form, tag], or [form, tag, whether a blank precedes]",
        [[["덥", "VA"], ["어", "EC"]]],
    ),
    "chunks": ({"type": "array", "items": _STRING}, _MEANING, [["그 봉", "지 안에 있던 것은"]]),
    "insert_new_lines": (
        {"type": "array", "items": {"type": "boolean"}},
        "for each document, for each chunk, whether a line end follows it instead of a blank",
        [[False, False]],
    ),
}
