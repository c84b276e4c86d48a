"""The page about HTTP, from the description that the API itself serves at /openapi.json."""

from collections.abc import Iterator, Mapping
from typing import Any

from nlpbatch.server.openapi.document import openapi_document
from nlpbatch.wire.limits import SizeLimits

_INTRO = (
    "Made from the description that every API serves at `/openapi.json`; its page `/docs` shows the same with a form "
    "to try it. The contract in words: [The HTTP contract](../api.md).\n"
)


def http_page() -> str:
    """Return the page."""
    document = openapi_document(SizeLimits())
    parts = [
        "# HTTP\n",
        _INTRO,
    ]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts += _operation(method.upper(), path, operation)
    parts.append("## Schemas\n")
    for name, schema in document["components"]["schemas"].items():
        parts += _schema(name, schema)
    return "\n".join(parts)


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {method} {path}\n"
    yield operation.get("summary", "") + ".\n"
    if operation.get("description"):
        yield operation["description"] + "\n"
    parameters = operation.get("parameters", ())
    if parameters:
        yield "| parameter | in | type | meaning |\n| --- | --- | --- | --- |\n" + "".join(
            f"| `{one['name']}` | {one['in']} | {_type(one.get('schema', {}))} | {_about(one)} |\n"
            for one in parameters
        )
    body = operation.get("requestBody", {}).get("content", {})
    if body:
        yield "Body: " + ", ".join(f"`{kind}` {_type(one['schema'])}" for kind, one in body.items()) + ".\n"
    yield "| status | answer |\n| --- | --- |\n" + "".join(
        f"| {status} | {_cell(answer.get('description', ''))}{_content(answer)} |\n"
        for status, answer in operation["responses"].items()
    )


def _content(answer: Mapping[str, Any]) -> str:
    types = {_type(one.get("schema", {})) for one in answer.get("content", {}).values()}
    named = sorted(one for one in types if "](" in one)
    return f": {', '.join(named)}" if named else ""


def _schema(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {name}\n"
    if schema.get("description"):
        yield _cell(schema["description"]) + "\n"
    members = schema.get("properties", {})
    if not members:
        yield f"{_type(schema)}\n"
        return
    required = set(schema.get("required", ()))
    yield "| member | type | meaning |\n| --- | --- | --- |\n" + "".join(
        f"| `{member}`{' (required)' if member in required else ''} | {_type(one)} | {_about(one)} |\n"
        for member, one in members.items()
    )


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(map(_type, schema[several])))
    if "const" in schema:
        return f"`{_cell(str(schema['const']))}`"
    if "enum" in schema:
        shown = [f"`{one}`" for one in schema["enum"][:_ENUM]]
        return _cell(", ".join(shown) + (", …" if len(schema["enum"]) > _ENUM else ""))
    kind = schema.get("type", "any")
    kinds = kind if isinstance(kind, list) else [kind]
    if "array" in kinds and isinstance(schema.get("items"), Mapping):
        kinds = [f"array of {_type(schema['items'])}" if one == "array" else one for one in kinds]
    return " or ".join(kinds) + _bounds(schema)


_ENUM = 12
_BOUNDS = {"minimum": "≥", "maximum": "≤", "maxItems": "at most", "maxLength": "at most", "default": "default"}


def _bounds(schema: Mapping[str, Any]) -> str:
    found = [f"{sign} {schema[name]}" for name, sign in _BOUNDS.items() if isinstance(schema.get(name), int | float)]
    return f" ({', '.join(found)})" if found else ""


def _about(described: Mapping[str, Any]) -> str:
    return _cell(described.get("description", ""))


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())
