"""A fault of a recipe: the line that a command prints, which knows the section and the key that it belongs to.

Lines begin with their place, `[section] key …`, so most places are read off; a line that names no key has one given.
"""

import re
from collections.abc import Container, Mapping
from typing import Final

from nlpbatch.older_python import Self

_PLACE: Final = re.compile(r"\[(\w+)\](?: (\w+))?")
_VARIABLE: Final = re.compile(r"--set (\w+)")
VARIABLES: Final = "--set"
"""The place of what is wrong with the values of placeholders, beside the sections."""


class Fault(str):
    """What is wrong, with its remedy.

    Attributes:
        section: The section that it belongs to; `VARIABLES` for a value of a placeholder; None for the whole file.
        key: The option in it, or the variable; None for the section as a whole.

    """

    __slots__ = ("key", "section")
    section: str | None
    key: str | None

    @classmethod
    def at(cls, text: str, section: str | None, key: str | None = None) -> Self:
        """Return a fault of a place."""
        fault = cls(text)
        fault.section, fault.key = section, key
        return fault

    @classmethod
    def placed(cls, text: str, sections: Mapping[str, Container[str]]) -> Self:
        """Return a fault whose place is read off its text.

        Args:
            text: The line.
            sections: The keys of each section, by its name; other words after that are no key.

        """
        if isinstance(text, cls):
            return text
        if found := _VARIABLE.match(text):
            return cls.at(text, VARIABLES, found[1])
        found = _PLACE.match(text)
        if found is None or found[1] not in sections:
            return cls.at(text, None)
        return cls.at(text, found[1], found[2] if found[2] in sections[found[1]] else None)
