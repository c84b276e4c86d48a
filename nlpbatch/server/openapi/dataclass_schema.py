"""JSON Schemas of dataclasses, described by their docstrings."""

import inspect
import re
import sys
from typing import Any

from pydantic import TypeAdapter

_ARGUMENT = re.compile(r"^ {4}(\w+): (.*(?:\n {6,}.*)*)", re.MULTILINE)


def dataclass_schemas(cls: type, prefix: str) -> dict[str, dict[str, Any]]:
    """Return the schemas of a dataclass as it is written, and of those that it holds, by name.

    Args:
        cls: A dataclass whose docstring describes its members under `Args:`.
        prefix: Of references to other schemas.

    """
    schema = TypeAdapter(cls).json_schema(mode="serialization", ref_template=f"{prefix}{{model}}")
    found = {cls.__name__: schema} | schema.pop("$defs", {})
    home = vars(sys.modules[cls.__module__])
    return {name: _described(members, cls if name == cls.__name__ else home[name]) for name, members in found.items()}


def _described(schema: dict[str, Any], cls: type) -> dict[str, Any]:
    text = inspect.getdoc(cls) or ""
    meanings = {name: " ".join(words.split()) for name, words in _ARGUMENT.findall(text)}
    properties = {
        name: {key: value for key, value in members.items() if key not in {"title", "default"}}
        | ({"description": meanings[name]} if name in meanings else {})
        for name, members in schema["properties"].items()
    }
    return {
        "type": "object",
        "description": text.partition("\n")[0],
        "properties": properties,
        "required": list(properties),  # an answer states all of them
    }
