"""How a JSON file is written: an object on each line, one array of objects, or objects over several lines."""

import json
from typing import Literal

Shape = Literal["lines", "array", "pretty"]


def json_shape(beginning: str, *, is_all: bool = False) -> Shape:
    """Return how a file is written.

    Args:
        beginning: Of the file, decoded.
        is_all: Whether that is the whole file.

    """
    text = beginning.removeprefix("\ufeff").lstrip()
    if text.startswith("["):
        return "array"
    first, newline, rest = text.partition("\n")
    if not first.startswith("{") or _is_json(first) or not (newline or is_all):
        return "lines"
    # A line that cannot be parsed is a bad line if the next one can, or begins an object of its own.
    following = next((line.strip() for line in rest.splitlines() if line.strip()), "")
    return "pretty" if following and not following.startswith("{") else "lines"


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
