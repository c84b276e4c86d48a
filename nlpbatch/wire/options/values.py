"""Checks of the options' values, and their form in a query string."""

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from nlpbatch.errors import InvalidOption, InvalidRequest
from nlpbatch.wire.fields import check_fields
from nlpbatch.wire.options.table import MAX_WORD_CODE_POINTS, Option
from nlpbatch.wire.tags import KIWI_TAGS, TAGS, single_tags, split_morpheme, split_stop_word

_SHOWN: Final = 80
_WANTED: Final = {
    "string": "a string",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "strings": "an array of strings",
}
_TYPES: Final[dict[str, type | tuple[type, ...]]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "strings": list,
}
_SWITCHES: Final = {"true": True, "false": False}
_NUMBER: Final = re.compile(r"-?\d{1,9}(\.\d{1,9})?", re.ASCII)
_NUMBERS: Final = frozenset({"integer", "number"})


def check_value(option: Option, value: Any, path: str) -> Any:
    """Return a value as `Options` holds it.

    Raises:
        InvalidRequest: It has the wrong type, or is out of bounds; `path` points at it.
        InvalidOption: The engine doesn't take it; `path` points at it, or at the entry of a list.
        UnknownField: A field that isn't offered.

    """
    if option.switch and isinstance(value, bool):
        return value
    if option.kind == "integer" and isinstance(value, float) and value.is_integer():
        value = int(value)  # JSON has one kind of number: some write 2 as 2.0
    right = isinstance(value, _TYPES[option.kind]) and not (option.kind in _NUMBERS and isinstance(value, bool))
    if not right:
        wanted = _WANTED[option.kind] + (", true or false" if option.switch else "")
        raise InvalidRequest(f"{option.name} is not {wanted}: send {_example(option)}", path=path)
    if option.kind == "strings":
        return _strings(option, value, path)
    if option.kind == "string":
        _check_unicode(option.name, value, path)
    if option.kind in _NUMBERS and not option.minimum <= value <= option.maximum:  # not a number is out of bounds, too
        bounds = f"{option.minimum} to {option.maximum}"
        raise InvalidRequest(f"{option.name} is {shown(value)}: send a number from {bounds}", path=path)
    if option.choices and value not in option.choices:
        raise InvalidRequest(f"{option.name} is {shown(value)}: choose from {', '.join(option.choices)}", path=path)
    return float(value) if option.kind == "number" else value


def shown(value: Any) -> str:
    """Return a value as error messages show it: short, and printable whatever it holds."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def parse_text(option: Option, text: str) -> Any:
    """Return a query parameter's value as JSON would have it."""
    if option.switch and text in _SWITCHES:
        return _SWITCHES[text]
    if option.kind == "strings":
        array = _array(text)
        return text.split(",") if array is None else array
    if option.kind == "boolean":
        return _SWITCHES.get(text, text)
    if option.kind == "number" and _NUMBER.fullmatch(text):
        return float(text)
    if option.kind == "integer" and text.isascii() and text.removeprefix("-").isdigit() and len(text) < 10:  # noqa: PLR2004
        return int(text)
    return text


def to_text(value: Any) -> str:
    """Return a value in the form of a query parameter; values with commas are written as a JSON array."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, list):
        return str(value)
    text = ",".join(value)
    plain = text.split(",") == value and not text.startswith("[") and text not in _SWITCHES
    return text if plain else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _array(text: str) -> list[Any] | None:
    """Return the JSON array that a text is, None if it is none."""
    if not text.startswith("["):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else None


def _strings(option: Option, values: Sequence[Any], path: str) -> tuple[str, ...]:
    if not all(isinstance(value, str) for value in values):
        raise InvalidRequest(f"{option.name} is not an array of strings: send {_example(option)}", path=path)
    if option.name == "fields":
        return check_fields(values)
    if len(values) > option.maximum:
        raise InvalidRequest(f"{option.name} has {len(values):,} entries, the limit is {option.maximum:,}", path=path)
    if option.name == "tags":
        return _tags(values, path)
    unknown = [value for value in values if option.choices and value not in option.choices]
    if unknown:
        raise InvalidRequest(
            f"{option.name} has {shown(unknown[0])}: choose from {', '.join(option.choices)}", path=path
        )
    long = next((len(value) for value in values if not 0 < len(value) <= MAX_WORD_CODE_POINTS), None)
    if long is not None:
        bounds = f"1 to {MAX_WORD_CODE_POINTS}"
        raise InvalidRequest(f"{option.name} has an entry of {long:,} code points: send {bounds}", path=path)
    for position, value in enumerate(values):
        _check_unicode(f"{option.name}[{position}]", value, f"{path}/{position}")
        if option.choices and value not in option.choices:
            choices = ", ".join(option.choices)
            raise InvalidOption(
                f"{option.name}[{position}] is {shown(value)}: choose from {choices}", path=f"{path}/{position}"
            )
        if option.morphemes:
            _check_tag(option, f"{option.name}[{position}] is {shown(value)}", value, f"{path}/{position}")
    return tuple(values)


def _tags(values: Sequence[str], path: str) -> tuple[str, ...]:
    unknown = [value for value in values if value not in TAGS]
    if unknown:
        raise InvalidRequest(f"tags has {shown(unknown[0][:20])}: choose from {', '.join(TAGS)}", path=path)
    if not values:
        raise InvalidRequest("tags is empty, so that no token would be left: leave it out for all", path=path)
    return tuple(values)


def _check_tag(option: Option, entry: str, value: str, path: str) -> None:
    _, tag = split_stop_word(value) if option.switch else split_morpheme(value)
    known = KIWI_TAGS if option.kiwi else TAGS
    if tag is not None and not all(part in known for part in single_tags(tag)):
        raise InvalidOption(
            f"{entry}: there is no tag {shown(tag)}: send a form or form/TAG with one of "
            f"{', '.join(known)}; a form that has a slash itself needs its tag",
            path=path,
        )


def _check_unicode(name: str, value: str, path: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidOption(
            f"{name} is {shown(value)}, which is not Unicode: code point {error.start} is a lone surrogate: remove it",
            path=path,
        ) from None


def _example(option: Option) -> str:
    if option.kind == "boolean":
        return "true or false"
    if option.kind in _NUMBERS:
        return f"{option.minimum} to {option.maximum}"
    if option.name == "fields":
        return '["form", "tag", …]'
    return '["…", …]' if option.kind == "strings" else '"…"'
