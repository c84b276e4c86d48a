"""A recipe's text, edited so that all of it but the edit stays as it is: comments, order, blank lines, line ends.

Values within a section are changed by tomlkit. Sections are added and taken out as pieces of text, because what stands
between two sections is part of neither. After each edit the text must say what was meant, and nothing else.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Item, Table

from nlpbatch.errors import ConfigError
from nlpbatch.pipelines.editing.typed import NotTomlError, to_value
from nlpbatch.recipe.recipe_file import SECTIONS, read_text
from nlpbatch.recipe.section_options import options_of

_HEADER: Final = re.compile(r"^[ \t]*\[[ \t]*([\w-]+)[^\]\n]*\][ \t]*(?:#.*)?\r?$", re.MULTILINE)
_PLACEHOLDER: Final = "typed 7c1f2a"
"""Stands where what was typed is put in as it is, to see what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of a recipe.

    Args:
        section: Name of a section.
        key: An option of it; None for the section as a whole.
        typed: What was typed; None takes the option or the section out, "" adds a section.

    """

    section: str
    key: str | None
    typed: str | None


def apply(text: str, edit: Edit) -> str:
    """Return the text with an edit.

    Args:
        text: A recipe.
        edit: What to change.

    Raises:
        ConfigError: The text, or what was typed, isn't TOML (the text of the file's own error), or the file is written
            in a way that can't be changed here.

    """
    read_text(text)
    try:
        return _apply(text, edit)
    except (TOMLKitError, RecursionError):  # what one of two parsers alone takes, such as hundreds of lists in lists
        raise _unchangeable(edit.section) from None


def _apply(text: str, edit: Edit) -> str:
    if edit.section not in SECTIONS:
        if edit.key is None and edit.typed is None:
            return _without_section(text, edit.section)
        raise ConfigError(f"there is no section [{edit.section}]: choose from {', '.join(SECTIONS)}")
    if edit.key is None:
        return _without_section(text, edit.section) if edit.typed is None else _with_section(text, edit.section)
    if not edit.typed:
        return _checked(text, edit, None, _without_key(text, edit.section, edit.key))
    option = options_of(SECTIONS[edit.section]).get(edit.key)
    if option is None:
        raise ConfigError(f"[{edit.section}] has no key {edit.key!r}: take it out")
    try:
        value = to_value(option, edit.typed)
    except NotTomlError:
        found = _with_value(text, edit.section, edit.key, _PLACEHOLDER).replace(f'"{_PLACEHOLDER}"', edit.typed, 1)
        raise ConfigError(f"not TOML: {_why(found)}") from None
    return _checked(text, edit, value, _with_value(text, edit.section, edit.key, value))


def _why(text: str) -> str:
    try:
        tomllib.loads(text)
    except ValueError as error:
        return str(error)
    return "it ends its line too early"


def _checked(before: str, edit: Edit, value: Any, after: str) -> str:
    """Return the text after an edit, if it says what was meant."""
    meant: dict[str, Any] = deepcopy(tomllib.loads(before))
    section = meant.setdefault(edit.section, {}) if value is not None else meant.get(edit.section, {})
    if isinstance(section, dict) and value is not None:
        section[edit.key] = value.unwrap() if isinstance(value, Item) else value
    elif isinstance(section, dict):
        section.pop(edit.key, None)
    try:
        if tomllib.loads(after) == meant:
            return after
    except tomllib.TOMLDecodeError:
        pass
    raise _unchangeable(edit.section)


def _unchangeable(section: str) -> ConfigError:
    return ConfigError(f"[{section}] is written in a way that can't be changed here: change the file's text")


def _with_value(text: str, section: str, key: str, value: Any) -> str:
    text = text if section in tomllib.loads(text) else _with_section(text, section)
    document = tomlkit.parse(text)
    table: Any = document[section]
    if not isinstance(table, dict):
        raise _unchangeable(section)
    try:
        if key in table or not isinstance(table, Table):
            table[key] = value
        else:
            _append(table, key, value)
    except TOMLKitError:
        raise _unchangeable(section) from None
    return _same_line_ends(text, tomlkit.dumps(document))


def _append(table: Table, key: str, value: Any) -> None:
    """Add a key after the last one: comments and blank lines after that belong to what follows."""
    body, tail = table.value.body, []
    while body and body[-1][0] is None:
        tail.append(body.pop())
    table[key] = value
    body.extend(reversed(tail))


def _without_key(text: str, section: str, key: str) -> str:
    document = tomlkit.parse(text)
    table: Any = document.get(section)
    if not isinstance(table, dict) or key not in table:
        return text
    try:
        table.pop(key)
    except TOMLKitError:
        raise _unchangeable(section) from None
    return _same_line_ends(text, tomlkit.dumps(document))


def _same_line_ends(before: str, after: str) -> str:
    return re.sub(r"\r?\n", "\r\n", after) if "\r\n" in before else after


def _with_section(text: str, section: str) -> str:
    """Return the text with an empty section, before the first one that comes after it in the order of a recipe."""
    if section in tomllib.loads(text):
        return text
    names = list(SECTIONS)
    later = names[names.index(section) + 1 :]
    at = next((start for start, name in _headers(text) if name in later), None)
    end = "\r\n" if "\r\n" in text else "\n"
    if at is None:
        before = text.rstrip()
        return f"{before}{2 * end if before else ''}[{section}]{end}"
    at = _before_comments(text, at)
    return f"{text[:at]}[{section}]{end}{end}{text[at:]}"


def _without_section(text: str, section: str) -> str:
    """Return the text without a section; comments after its last line stay."""
    meant = {name: value for name, value in tomllib.loads(text).items() if name != section}
    headers = list(_headers(text))
    if section in tomllib.loads(text) and section not in {name for _, name in headers}:  # a = { … }, or a.b = …
        document = tomlkit.parse(text)
        document.remove(section)
        text = _same_line_ends(text, tomlkit.dumps(document))
    for index in reversed(range(len(headers))):
        start, name = headers[index]
        if name == section:
            end = headers[index + 1][0] if index + 1 < len(headers) else len(text)
            text = text[:start] + _comments_at_the_end(text[start:end]) + text[end:]
    try:
        found: Mapping[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        found = {}
    if found != meant:
        raise _unchangeable(section)
    return text


def _headers(text: str) -> Iterator[tuple[int, str]]:
    """Yield where the lines that begin sections are, and the sections' names: `[features.split]` is of features."""
    for match in _HEADER.finditer(text):
        try:
            tomllib.loads(text[: match.start()])
        except tomllib.TOMLDecodeError:
            continue  # within a text of several lines, or a list
        yield match.start(), match[1]


def _before_comments(text: str, at: int) -> int:
    """Return where the comment begins that stands right above a line; the line itself without one."""
    while at:
        above = text.rfind("\n", 0, at - 1) + 1
        if not text[above:at].lstrip().startswith("#"):
            break
        at = above
    return at


def _comments_at_the_end(block: str) -> str:
    """Return the comments after the last line of a section that says something, with the blank lines around them."""
    lines = block.splitlines(keepends=True)
    kept = len(lines)
    while kept > 1 and (not lines[kept - 1].strip() or lines[kept - 1].lstrip().startswith("#")):
        kept -= 1
    tail = "".join(lines[kept:])
    return tail.lstrip("\r\n") if tail.strip() else ""
