"""Describes the faults of settings: one line per fault, with key, value, bound and remedy."""

from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from nlpbatch.serving.toml_lines import KeyPath
from nlpbatch.suggestions import nearest

_SHOWN_CHARACTERS: Final = 80
_RENAMED: Final = {
    "jobs": "[[batch]]",
    "people": "[[interactive]]",
    "classes.interactive.extra_places": "extra_slots",
    "concurrency.most_per_worker": "max_per_worker",
    "pool.piece_bytes": "chunk_bytes",
    "upstream.eject_most_s": "eject_max_s",
    "upstream.retry_least": "retry_min",
}
"""Keys of earlier versions by their whole names, and what they are called now."""


def describe(fault: ErrorDetails, model: type[BaseModel]) -> str:
    """Return the line for one fault that pydantic found in the values of a `model`."""
    key = ".".join(str(part) for part in fault["loc"]) or "(whole file)"
    if fault["type"] == "extra_forbidden" and key in _RENAMED:
        return f"{key}: renamed: write {_RENAMED[key]} instead"
    if fault["type"] == "extra_forbidden":
        return f"{key}: unknown key: {_suggest(fault['loc'], model)}"
    if fault["type"] == "missing":
        return f"{key}: missing: set it"
    message = fault["msg"].removeprefix("Value error, ")
    if isinstance(fault["input"], str | int | float | bool):
        return f"{key} = {_shown(fault['input'])}: {message}"
    return f"{key}: {message}"


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}…"


def _suggest(location: KeyPath, model: type[BaseModel]) -> str:
    """Return the remedy for an unknown key, from the known keys of its group."""
    group: Any = model
    for part in location[:-1]:
        field = getattr(group, "model_fields", {}).get(part)
        # In dict[Name, Group], list[Group] and tuple[Group, ...] the next part is a name or a position.
        group = _given(field.annotation) if field is not None else _item_type(group)
    return nearest(str(location[-1]), _fields_of(group))


def _fields_of(group: Any) -> dict[str, Any]:
    """Return the fields of a group; of all that it may be, where there is a choice."""
    found = dict(getattr(group, "model_fields", {}))
    for type_ in () if found else get_args(group):
        found |= _fields_of(type_)
    return found


def _given(annotation: Any) -> Any:
    """Return the type of a value that is given: `Group` for `Group | None`."""
    types = get_args(annotation)
    return next(type_ for type_ in types if type_ is not type(None)) if type(None) in types else annotation


def _item_type(collection: Any) -> Any:
    types = [type_ for type_ in get_args(collection) if type_ is not Ellipsis]
    return types[-1] if types else None
