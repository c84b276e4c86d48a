"""Finds the line of a value in a TOML file: tomllib keeps no positions, and an operator needs the line of a fault.

The text is cut into statements (a header, or a key with its value, however many lines it has); tomllib reads the keys
of each. So the only grammar repeated here is what may hide the end of a statement: strings, comments and brackets.
"""

import contextlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final

KeyPath = tuple[int | str, ...]
"""Keys, and positions in arrays, from the outermost on, as in pydantic's errors."""

_PART: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'  # up to two quotes may precede the closing three
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|[\[\]{}\n]"
    r"|[^\[\]{}\n\"'\#]+",
    re.DOTALL,
)
_DEPTH: Final = {"[": 1, "{": 1, "]": -1, "}": -1}


def lines_of(text: str) -> dict[KeyPath, int]:
    """Return the line, from 1, of every table's header and every key that is assigned, in their order.

    For a text that isn't TOML, those up to the first fault at most.
    """
    found = _Found()
    with contextlib.suppress(tomllib.TOMLDecodeError):
        for line, statement in _statements(text):
            found.add(line, statement)
    return found.lines


def line_of(location: KeyPath, lines: Mapping[KeyPath, int]) -> int | None:
    """Return the line of a value; without one, of the nearest value around it, or of the first within it."""
    for end in range(len(location), 0, -1):
        if location[:end] in lines:
            return lines[location[:end]]
    within = (line for other, line in lines.items() if location and other[: len(location)] == location)
    return min(within, default=None)


class _Found:
    """The lines so far, and the table that the next statement belongs to."""

    def __init__(self) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._table: KeyPath = ()
        self._last: dict[KeyPath, int] = {}
        """Of each array of tables, the position of its last table: headers below refer to that."""

    def add(self, line: int, statement: str) -> None:
        """Record the table that a statement opens or the key that it assigns."""
        if statement.lstrip().startswith("["):
            self._table = self._opened(tomllib.loads(statement), line)
            self.lines[self._table] = line
        elif keys := _assigned(statement):
            self.lines[self._table + keys] = line

    def _opened(self, members: dict[str, Any], line: int) -> KeyPath:
        """Return the location of the table that a header opens."""
        table: KeyPath = ()
        within: Any = members
        while within:
            key, within = next(iter(within.items()))
            table = (*table, key)
            if isinstance(within, list):
                self.lines.setdefault(table, line)
                self._last[table] = self._last.get(table, -1) + 1
                return (*table, self._last[table])
            if table in self._last:
                table = (*table, self._last[table])
        return table


def _assigned(statement: str) -> KeyPath:
    """Return the keys left of the equals sign, none for an empty line or a comment."""
    for part in _PART.finditer(statement):
        if part[0].startswith("#"):
            break
        if "=" in part[0] and not part[0].startswith(("'", '"')):
            return _chain(tomllib.loads(statement[: part.start() + part[0].index("=")] + "= 0"))
    return ()


def _chain(members: Any) -> KeyPath:
    if not isinstance(members, dict):
        return ()
    key, within = next(iter(members.items()))
    return (key, *_chain(within))


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield each statement with its first line."""
    start, depth, line, first_line = 0, 0, 1, 1
    for part in _PART.finditer(text):
        depth += _DEPTH.get(part[0], 0)
        line += part[0].count("\n")
        if part[0] == "\n" and depth == 0:
            yield first_line, text[start : part.end()]
            start, first_line = part.end(), line
    yield first_line, text[start:]
