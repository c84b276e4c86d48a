"""What the analyzers of a service add to the tables: their names, and the results of functions of one's own."""

from collections.abc import Sequence
from typing import Any, Final

from nlpbatch.wire.analyzer import AnalyzerInfo, OfferedOperation
from nlpbatch.wire.options import DEFAULT_ANALYZER, Operation
from nlpbatch.wire.results import type_from_json

Schema = dict[str, Any]

REFERENCE: Final = "#/components/schemas/"
_SCALARS: Final[dict[str, Schema]] = {
    "string": {"type": "string"},
    "bool": {"type": "boolean"},
    "int32": {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1},
    "int64": {"type": "integer", "format": "int64", "minimum": -(2**63), "maximum": 2**63 - 1},
    "float32": {"type": "number", "format": "float"},
    "float64": {"type": "number", "format": "double"},
}


def offering(operation: Operation, analyzers: Sequence[AnalyzerInfo]) -> list[AnalyzerInfo]:
    """Return the analyzers that can be asked for an operation; those with functions of one's own for `call`."""
    if operation == "call":
        return [one for one in analyzers if own_operations(one)]
    return [one for one in analyzers if not one.operations or one.operation(operation) is not None]


def own_operations(analyzer: AnalyzerInfo) -> list[OfferedOperation]:
    """Return what can be called of an analyzer."""
    return [one for one in analyzer.operations if one.result is not None]


def result_schemas(analyzers: Sequence[AnalyzerInfo]) -> dict[str, Schema]:
    """Return the schemas of the results of all functions, by name."""
    return {
        _result_name(analyzer, operation): _type(operation.result) | {"description": _about(analyzer, operation)}
        for analyzer in analyzers
        for operation in own_operations(analyzer)
    }


def name_schema(given: Schema, offered: Sequence[AnalyzerInfo]) -> Schema:
    """Return the schema of the option `analyzer`, with the names to choose from."""
    if _has_default(offered):
        return given | {"enum": [one.name for one in offered]}
    return {key: value for key, value in given.items() if key != "default"} | {"enum": [one.name for one in offered]}


def called_schema(given: Schema, offered: Sequence[AnalyzerInfo]) -> Schema:
    """Return the schema of the option `operation`, with the names to choose from; '' is the only one."""
    names = [one.name for analyzer in offered for one in own_operations(analyzer)]
    return given | {"enum": [*dict.fromkeys(names), ""]}


def required_members(offered: Sequence[AnalyzerInfo]) -> list[str]:
    """Return the options that can't be left out."""
    return [] if not offered or _has_default(offered) else ["analyzer"]


def calls(offered: Sequence[AnalyzerInfo]) -> list[Schema]:
    """Return for each analyzer what a call of it says: the name of one of its operations."""
    return [_call(analyzer) for analyzer in offered]


def result_of(offered: Sequence[AnalyzerInfo]) -> Schema:
    """Return the schema of the result of any of these analyzers' functions."""
    names = [_result_name(one, operation) for one in offered for operation in own_operations(one)]
    return {"anyOf": [{"$ref": REFERENCE + name} for name in names]}


def call_answers(offered: Sequence[AnalyzerInfo]) -> list[Schema]:
    """Return for each analyzer what an answer of it says: results of its own operations."""
    return [
        {
            "properties": {
                "analyzer": {"const": analyzer.name},
                "outcomes": {"items": {"properties": {"result": {"anyOf": [result_of([analyzer]), {"type": "null"}]}}}},
            }
        }
        for analyzer in offered
    ]


def or_null(schema: Schema) -> Schema:
    """Return the schema of a value that may be null; of an option that is to leave it out."""
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    nullable = schema | {"type": [*types, "null"]}
    if "enum" in schema:
        nullable["enum"] = [*schema["enum"], None]
    return nullable


def _result_name(analyzer: AnalyzerInfo, operation: OfferedOperation) -> str:
    return f"Result.{analyzer.name}.{operation.name}"


def _call(analyzer: AnalyzerInfo) -> Schema:
    is_default = analyzer.name == DEFAULT_ANALYZER
    names: list[str | None] = [one.name for one in own_operations(analyzer)]
    is_only = len(names) == 1
    members: Schema = {
        "analyzer": {"enum": [analyzer.name, *([None] if is_default else [])]},
        "operation": {"enum": [*names, *(["", None] if is_only else [])]},
    }
    required = [name for name, left_out in (("analyzer", is_default), ("operation", is_only)) if not left_out]
    return {"properties": members} | ({"required": required} if required else {})


def _has_default(offered: Sequence[AnalyzerInfo]) -> bool:
    return any(one.name == DEFAULT_ANALYZER for one in offered)


def _about(analyzer: AnalyzerInfo, operation: OfferedOperation) -> str:
    meaning = f": {operation.meaning}" if operation.meaning else ""
    arrow = type_from_json(operation.result)
    return f"operation `{operation.name}` of analyzer `{analyzer.name}`{meaning}; in Arrow `{arrow}`"


def _type(declared: Any) -> Schema:
    """Return the schema of a type as `wire.results` has it in JSON; what is in a struct or a list may be null."""
    if isinstance(declared, str):
        return _SCALARS[declared]
    ((kind, inner),) = declared.items()
    if kind == "list":
        return {"type": "array", "items": or_null(_type(inner))}
    return {
        "type": "object",
        "properties": {name: or_null(_type(one)) for name, one in inner.items()},
        "required": list(inner),
        "additionalProperties": False,
    }
