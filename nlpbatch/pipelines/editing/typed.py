"""What people type into the fields of a form, as values of TOML, and the other way round.

Which field an option has follows from its declaration. What can't be read as its type is kept as the text that it is:
then the recipe's own check refuses it, with the words of the command line.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import is_dataclass
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin

import tomlkit
from tomlkit.items import Item, Table

from nlpbatch.recipe.section_options import SectionOption, options_of

FieldKind = Literal["text", "long text", "number", "flag", "choice", "names", "table"]
_FLAGS: Final = {"true": True, "false": False}
_MARK: Final = "typed"


class NotTomlError(ValueError):
    """A table or a list that isn't written as one (yet)."""


def field_of(option: SectionOption) -> FieldKind:
    """Return the field in which an option is typed."""
    if option.kind.choices:
        return "choice"
    named = [one for one in get_args(option.type) if one is not NoneType] if NoneType in get_args(option.type) else []
    stored = named[0] if named else option.type
    kinds: dict[Any, FieldKind] = {bool: "flag", int: "number", float: "number", tuple: "names", Mapping: "table"}
    return kinds.get(get_origin(stored) or stored, "long text" if option.kind.is_long else "text")


def to_value(option: SectionOption, typed: str) -> Any:
    """Return the value that was typed; a text, where it is no value of the option's type.

    Raises:
        NotTomlError: It begins as a table or a list, and isn't one.

    """
    field = field_of(option)
    if field == "flag":
        return _FLAGS.get(typed.strip(), typed)
    if field == "number":
        found = _literal(typed)
        return found if isinstance(found, int | float) and not isinstance(found, bool) else typed
    if field == "table" or typed.lstrip().startswith("["):
        return _to_collection(option, typed)
    if field == "names":
        return [line.strip() for line in typed.splitlines() if line.strip()]
    return _to_string(typed)


def _to_collection(option: SectionOption, typed: str) -> Any:
    """Return a table or a list, if an option may be one; a text that only begins like one stays a text."""
    found = _literal(typed)
    field = field_of(option)
    if isinstance(found, dict | list) and (field in {"table", "names"} or option.kind.accepts(_plain(found))):
        return found
    if field in {"table", "names"} and typed.lstrip().startswith(("{", "[")):
        raise NotTomlError(typed)
    return _to_string(typed)


def to_text(value: Any, option: SectionOption | None) -> str:
    """Return what a field shows of a value of the file; without an option, there is no such field."""
    plain = _plain(value)
    if isinstance(plain, str):
        return plain
    is_names = option is not None and field_of(option) == "names" and isinstance(plain, list)
    if is_names and all(isinstance(one, str) and one and one[0] != "[" and "\n" not in one for one in plain):
        return "\n".join(plain)
    if isinstance(value, Item) and not isinstance(value, Table):
        return value.as_string().strip()
    return _inline(plain)


def describe_sections(sections: Mapping[str, type[Any]]) -> list[dict[str, Any]]:
    """Return the forms of all sections, as their declarations have them.

    Members of each: `name`, `help`, and `options` of `name`, `help`, `field`, `wanted`, `choices`, `default`.
    """
    return [
        {
            "name": name,
            "help": str(section.__doc__).partition("\n")[0],
            "options": [_describe(option) for option in options_of(section).values()],
        }
        for name, section in sections.items()
        if is_dataclass(section)
    ]


def _describe(option: SectionOption) -> dict[str, Any]:
    return {
        "name": option.name,
        "help": option.help,
        "field": field_of(option),
        "wanted": option.kind.wanted,
        "choices": list(option.kind.choices),
        "default": "" if option.default in (None, "", (), {}) else _default(option.default),
    }


def _default(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "\n".join(value) if isinstance(value, tuple) else _inline(value)


def _inline(value: Any) -> str:
    text = str(_item(value).as_string())
    return f"{{ {text[1:-1]} }}" if isinstance(value, Mapping) and value else text


def _item(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return tomlkit.item(value)
    table = tomlkit.inline_table()
    table.update({name: _item(one) for name, one in value.items()})
    return table


def _literal(typed: str) -> Any:
    """Return a value of TOML as it was typed, None if it is none."""
    try:
        if set(tomllib.loads(f"{_MARK} = {typed}")) != {_MARK}:
            return None
        return tomlkit.value(typed.strip())
    except (tomllib.TOMLDecodeError, ValueError):  # tomlkit's errors are such, too
        return None


def _plain(value: Any) -> Any:
    return value.unwrap() if isinstance(value, Item) else value


def _to_string(typed: str) -> Any:
    """Return a text; one of several lines begins on a line of its own."""
    if "\n" not in typed:
        return typed
    quoted = tomlkit.string(typed.replace("\r\n", "\n"), multiline=True).as_string()
    return tomlkit.value(f'"""\n{quoted[3:]}')
