"""Checks that a result has the type that its operation declares, before it is written. Messages never quote values."""

import math
import struct
from collections.abc import Callable
from typing import Any, Final

import pyarrow as pa

Check = Callable[[Any], Any]
"""Returns a value as it is written; raises WrongResult."""
_INT_BITS: Final = {pa.int32(): 31, pa.int64(): 63}
_MAX_FLOAT32: Final = float.fromhex("0x1.fffffep+127")
_FLOAT32: Final = struct.Struct("f")


class WrongResult(Exception):
    """A result of another type than declared; the message says where and what, without the value."""


def checker(type_: pa.DataType) -> Check:
    """Return the function that checks results of a type of `wire.results.check_result_type`.

    A result may not be None; its members and the entries of its lists may. Whole numbers count as floats.
    """
    check = _checker(type_, "the result")

    def whole(value: Any) -> Any:
        if value is None:
            raise WrongResult(f"the result is None, declared is {type_}")
        return check(value)

    return whole


def _checker(type_: pa.DataType, where: str) -> Check:
    if pa.types.is_struct(type_):
        return _struct(type_, where)
    if pa.types.is_list(type_):
        return _list(type_, where)
    if type_ in _INT_BITS:
        return _integer(type_, where)
    if pa.types.is_floating(type_):
        return _number(type_, where)
    return _string(where) if type_ == pa.string() else _boolean(where)


def _wrong(where: str, value: Any, type_: Any) -> WrongResult:
    return WrongResult(f"{where} is a {type(value).__name__}, declared is {type_}")


def _struct(type_: pa.StructType, where: str) -> Check:
    members = {field.name: _checker(field.type, f"{where}.{field.name}") for field in type_}

    def check(value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, dict):
            raise _wrong(where, value, "a dict")
        if value.keys() != members.keys():
            missing = [name for name in members if name not in value]
            problem = f"has no member {missing[0]!r}" if missing else "has a member that isn't declared"
            raise WrongResult(f"{where} {problem}: declared are {', '.join(members)}")
        return {name: check_member(value[name]) for name, check_member in members.items()}

    return check


def _list(type_: pa.ListType, where: str) -> Check:
    check_entry = _checker(type_.value_type, f"{where}[]")

    def check(value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, list | tuple):
            raise _wrong(where, value, "a list")
        return [check_entry(entry) for entry in value]

    return check


def _integer(type_: pa.DataType, where: str) -> Check:
    bound = 1 << _INT_BITS[type_]

    def check(value: Any) -> Any:
        if value is None:
            return None
        # NumPy's numbers have __index__, too; a bool is an int in Python only.
        if isinstance(value, bool | type) or not hasattr(value, "__index__"):
            raise _wrong(where, value, type_)
        number = value.__index__()
        if not -bound <= number < bound:
            raise WrongResult(f"{where} is out of the range of {type_}")
        return number

    return check


def _number(type_: pa.DataType, where: str) -> Check:
    is_single = type_ == pa.float32()

    def check(value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, bool | str | bytes | type) or not hasattr(value, "__float__"):
            raise _wrong(where, value, type_)
        try:
            number = float(value)
        except OverflowError:  # a whole number that no float can hold
            number = math.inf
        if not math.isfinite(number) or (is_single and abs(number) > _MAX_FLOAT32):
            raise WrongResult(f"{where} is not finite in {type_}: JSON has no such number; declare None for it")
        # Rounded here, so that JSON has the number that Arrow has.
        return _FLOAT32.unpack(_FLOAT32.pack(number))[0] if is_single else number

    return check


def _string(where: str) -> Check:
    def check(value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, str):
            raise _wrong(where, value, "a string")
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise WrongResult(f"{where} has a lone surrogate, which UTF-8 can't carry") from None
        return value

    return check


def _boolean(where: str) -> Check:
    def check(value: Any) -> Any:
        # NumPy's bool is none of Python's.
        if value is None or isinstance(value, bool):
            return value
        if type(value).__name__ in {"bool_", "bool"}:
            return bool(value)
        raise _wrong(where, value, "a bool")

    return check
