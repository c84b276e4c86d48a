"""Packs the list columns of an Arrow request as documents, without an object for each entry.

Columns are read as binary, and all offsets are checked before they are used: an entry that is not UTF-8 fails its
document, not the request.
"""

from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from nlpbatch.engine.packing import BLANK, FIELD_END, NO_BLANK, NOT_UTF_8, PART_END
from nlpbatch.errors import InvalidRequest

_BINARY: Final = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}
_WANTED: Final = {"morphemes": "list<struct<form: string, tag: string>>", "chunks": "list<string>"}
_FIELDS: Final = (["form", "tag"], ["form", "tag", "space"])


def pack_lists(name: str, lists: pa.Array) -> pa.Array:
    """Return `documents: binary[n]` of a column of lists.

    Raises:
        InvalidRequest: The column has another type.
        pa.ArrowException: It points outside of its data.

    """
    lists = lists.view(_binary_list(name, lists.type))
    lists.validate(full=True)
    values = lists.values
    parts = _morphemes(values) if name == "morphemes" else _chunks(values)
    offsets = lists.offsets.cast(pa.int32())
    packed = pa.ListArray.from_arrays(offsets, parts, mask=lists.is_null() if lists.null_count else None)
    return pc.binary_join(packed, b"")


def read_extra(name: str, column: pa.Array) -> list[Any]:
    """Return the extra member of each document, such as its spans, in the shape that `wire.documents` has.

    Raises:
        InvalidRequest: The column has another type.

    """
    column.validate(full=True)
    rows: list[Any] = column.to_pylist()
    if name != "pretokenized":
        return rows
    try:
        return [None if row is None else [_span(span) for span in row] for row in rows]
    except (TypeError, KeyError) as error:
        raise InvalidRequest(
            f"column {name} is {column.type}: send list<struct<start: int32, end: int32, tag: string, tokens: "
            "list<struct<form, tag, start, end>>>>; tag and tokens may be left out",
            path=name,
        ) from error


def _span(span: dict[str, Any]) -> Sequence[Any]:
    tokens, tag = span.get("tokens"), span.get("tag")
    inner = [[one["form"], one["tag"], one["start"], one["end"]] for one in tokens] if tokens else tag
    return [span["start"], span["end"]] if inner is None else [span["start"], span["end"], inner]


def _binary_list(name: str, type_: pa.DataType) -> pa.DataType:
    is_list, is_large = pa.types.is_list(type_), pa.types.is_large_list(type_)
    binary = _binary(name, type_.value_type) if is_list or is_large else None
    if binary is None:
        raise InvalidRequest(f"column {name} is {type_}: send {_WANTED[name]}", path=name)
    return pa.large_list(binary) if is_large else pa.list_(binary)


def _binary(name: str, type_: pa.DataType) -> pa.DataType | None:
    if name == "chunks":
        return _BINARY.get(type_)
    if not pa.types.is_struct(type_) or [field.name for field in type_] not in _FIELDS:
        return None
    form, tag, *space = (field.type for field in type_)
    if form not in _BINARY or tag not in _BINARY or any(kind != pa.bool_() for kind in space):
        return None
    return pa.struct([("form", _BINARY[form]), ("tag", _BINARY[tag]), *(("space", kind) for kind in space)])


def _chunks(values: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(_field(values), FIELD_END + PART_END, b"")


def _morphemes(values: pa.Array) -> pa.Array:
    form, tag, *space = values.flatten()
    before = pc.fill_null(pc.if_else(space[0], BLANK, NO_BLANK), b"") if space else b""
    return pc.binary_join_element_wise(
        _field(form), FIELD_END, _field(tag), FIELD_END, before, FIELD_END + PART_END, b""
    )


def _field(values: pa.Array) -> pa.Array:
    """Return the field of each part; one that is null or has a mark in it is not UTF-8, and stays so."""
    values = values.cast(pa.binary())
    marked = pc.or_(pc.match_substring(values, FIELD_END), pc.match_substring(values, PART_END))
    return pc.fill_null(pc.if_else(marked, pa.scalar(NOT_UTF_8, pa.binary()), values), NOT_UTF_8)
