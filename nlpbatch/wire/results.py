"""The types of the results that functions of one's own declare: Arrow types, and their form in JSON.

A result is a struct, or a list of structs. In JSON, such as in the answer of `GET /v1/analyzers`, a type is its name,
or an object with one member:

    {"struct": {"label": "string", "score": "float32", "spans": {"list": {"struct": {"start": "int32"}}}}}
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import pyarrow as pa

from nlpbatch.errors import ConfigError, UnexpectedAnswer

_SCALARS: Final[Mapping[str, pa.DataType]] = MappingProxyType(
    {
        "string": pa.string(),
        "bool": pa.bool_(),
        "int32": pa.int32(),
        "int64": pa.int64(),
        "float32": pa.float32(),
        "float64": pa.float64(),
    }
)
_NAMES: Final = {type_: name for name, type_ in _SCALARS.items()}
SCALAR_NAMES: Final = tuple(_SCALARS)
MAX_DEPTH: Final = 8
"""Lists and structs within one another: far more than results have, and far less than Python's stack holds."""
MAX_NAME: Final = 100


def check_result_type(type_: Any) -> pa.DataType:
    """Return the type if a function may declare it.

    Raises:
        ConfigError: It is no struct or list of structs, or has members of other types than those above.

    """
    if not isinstance(type_, pa.DataType):
        raise ConfigError(
            f"the declared result is a {type(type_).__name__}: declare a type of pyarrow, such as pa.struct"
        )
    row = type_.value_type if pa.types.is_list(type_) else type_
    if not pa.types.is_struct(row):
        raise ConfigError(f"the declared result is {type_}: declare a struct, or a list of structs")
    _check(type_, "result", MAX_DEPTH)
    return type_


def _check(type_: pa.DataType, where: str, depth: int) -> None:
    if not depth:
        raise ConfigError(f"{where} is over {MAX_DEPTH} types deep: declare fewer levels")
    if pa.types.is_list(type_):
        _check(type_.value_type, f"{where}[]", depth - 1)
    elif pa.types.is_struct(type_):
        _check_names([field.name for field in type_], where)
        for field in type_:
            _check(field.type, f"{where}.{field.name}", depth - 1)
    elif type_ not in _NAMES:
        raise ConfigError(f"{where} is {type_}: declare one of {', '.join(SCALAR_NAMES)}, a struct, or a list of these")


def _check_names(names: list[str], where: str) -> None:
    if not names:
        raise ConfigError(f"{where} is a struct without members, which Parquet doesn't store: declare at least one")
    lower = [name.lower() for name in names]
    for name in names:
        if not name or len(name) > MAX_NAME or not name.isprintable():
            raise ConfigError(
                f"{where} has a member {name[:MAX_NAME]!r}: name it with 1 to {MAX_NAME} printable characters"
            )
        if lower.count(name.lower()) > 1:
            raise ConfigError(f"{where} has several members {name!r}: Spark tells no upper from lower case: rename one")


def type_to_json(type_: pa.DataType) -> Any:
    """Return a type that `check_result_type` accepts as a JSON value."""
    if pa.types.is_list(type_):
        return {"list": type_to_json(type_.value_type)}
    if pa.types.is_struct(type_):
        return {"struct": {field.name: type_to_json(field.type) for field in type_}}
    return _NAMES[type_]


def type_from_json(value: Any) -> pa.DataType:
    """Return the type that a service states.

    Raises:
        UnexpectedAnswer: It is none that this version knows.

    """
    try:
        return check_result_type(_type(value, MAX_DEPTH))
    except (AttributeError, KeyError, TypeError, ValueError, ConfigError) as error:
        raise UnexpectedAnswer(
            "the service states a result type that this client doesn't know: install the service's version of nlpbatch"
        ) from error


def _type(value: Any, depth: int) -> pa.DataType:
    if isinstance(value, str):
        return _SCALARS[value]
    ((kind, inner),) = value.items()
    if not depth or kind not in {"list", "struct"}:
        raise ValueError
    if kind == "list":
        return pa.list_(_type(inner, depth - 1))
    return pa.struct([pa.field(name, _type(one, depth - 1)) for name, one in inner.items()])
