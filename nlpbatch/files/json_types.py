"""Types of the values of JSON Lines, found in all of them as Spark does: names in order, mixed values as strings."""

import json
from collections.abc import Mapping
from typing import Any, Final

import pyarrow as pa

_INT64: Final = 2**63
_MAX_DIGITS: Final = 38


class JsonTypes:
    """The types of the members of all objects seen so far."""

    def __init__(self) -> None:
        self._types: dict[str, pa.DataType] = {}

    def add(self, members: Mapping[str, Any]) -> None:
        """Take the members of one object into account."""
        for name, value in members.items():
            known = self._types.get(name)
            if known is _STRING and type(value) is str:
                continue
            kind = _type_of(value)
            self._types[name] = kind if known is None else _merged(known, kind)

    def fields(self) -> list[pa.Field]:
        """Return the columns, in order of their names."""
        return [pa.field(name, _writable(self._types[name])) for name in sorted(self._types)]


def to_column(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Return values of JSON as a column of the type found for them."""
    try:
        return pa.array(values, kind)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return pa.array([_fitted(value, kind) for value in values], kind)


_STRING: Final = pa.string()
_SIMPLE: Final[Mapping[type, pa.DataType]] = {
    type(None): pa.null(),
    bool: pa.bool_(),
    str: _STRING,
    float: pa.float64(),
}


def _type_of(value: Any) -> pa.DataType:
    if type(value) in _SIMPLE:
        return _SIMPLE[type(value)]
    if isinstance(value, int):
        digits = len(str(abs(value)))
        large = pa.decimal128(_MAX_DIGITS) if digits <= _MAX_DIGITS else pa.float64()
        return pa.int64() if -_INT64 <= value < _INT64 else large
    if isinstance(value, list):
        kind = pa.null()
        for one in value:
            kind = _merged(kind, _type_of(one))
        return pa.list_(kind)
    return pa.struct([pa.field(name, _type_of(value[name])) for name in sorted(value)])


def _merged(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Return the type that holds values of both; strings if nothing else does."""
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    numbers = [_rank(one), _rank(other)]
    if all(numbers):
        return one if numbers[0] > numbers[1] else other
    if pa.types.is_list(one) and pa.types.is_list(other):
        return pa.list_(_merged(one.value_type, other.value_type))
    if pa.types.is_struct(one) and pa.types.is_struct(other):
        types = {field.name: field.type for field in one}
        for field in other:
            types[field.name] = _merged(types.get(field.name, pa.null()), field.type)
        return pa.struct([pa.field(name, types[name]) for name in sorted(types)])
    return _STRING


def _rank(kind: pa.DataType) -> int:
    if pa.types.is_int64(kind):
        return 1
    if pa.types.is_decimal(kind):
        return 2
    return 3 if pa.types.is_floating(kind) else 0


def _writable(kind: pa.DataType) -> pa.DataType:
    """Return a type without nulls and empty structs, of which nothing is known: they become strings."""
    if pa.types.is_list(kind):
        return pa.list_(_writable(kind.value_type))
    if pa.types.is_struct(kind) and kind.num_fields:
        return pa.struct([pa.field(field.name, _writable(field.type)) for field in kind])
    return _STRING if pa.types.is_null(kind) or pa.types.is_struct(kind) else kind


def _fitted(value: Any, kind: pa.DataType) -> Any:
    if value is None:
        return None
    if pa.types.is_string(kind):
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if pa.types.is_floating(kind):
        return float(value)
    if pa.types.is_list(kind):
        return [_fitted(one, kind.value_type) for one in value]
    if pa.types.is_struct(kind):
        return {field.name: _fitted(value.get(field.name), field.type) for field in kind}
    return value
