"""What the comments of a commented TOML file say about its keys."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

_TABLE = re.compile(r"#?\s?\[{1,2}([\w.-]+)\]{1,2}\s*(?:#.*)?$")
_KEY = re.compile(r"(?:# )?(\w+) = (.*)$")
_BESIDE = re.compile(r"\s# ?(.*)$")


class Comment(NamedTuple):
    """What is said about a key, and whether it is said about the one above it, too."""

    text: str
    is_shared: bool


Comments = Mapping[tuple[str, str], Comment]
"""By table and key."""


def comments_of(path: Path) -> Comments:
    """Return what is said about each key.

    A comment is about the key or table below it, or about the key on its line. A key without one, directly below
    another or its table's heading, shares that one's. A key that is commented out counts like any other.
    """
    found: dict[tuple[str, str], Comment] = {}
    table, above, before = "", list[str](), ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if (heading := _TABLE.match(line)) is not None:
            table, before, above = heading[1], " ".join(above), []
        elif (key := _KEY.match(line)) is not None:
            beside = _BESIDE.search(key[2])
            own = " ".join([*above, beside[1] if beside else ""]).strip()
            found.setdefault((table, key[1]), Comment(_sentence(own or before), not own))
            before, above = " ".join(above) or before, []
        elif line.startswith("#"):
            above.append(line.removeprefix("#").strip())
        else:
            above, before = [], ""
    return found


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", ":", "…")) or not text else ".")
