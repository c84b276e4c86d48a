"""JSON Schemas of requests and answers, from the tables of `nlpbatch.wire`."""

from collections.abc import Sequence
from typing import Any, Final

from nlpbatch.server.openapi.analyzers import (
    REFERENCE,
    call_answers,
    called_schema,
    calls,
    name_schema,
    offering,
    or_null,
    required_members,
    result_of,
    result_schemas,
)
from nlpbatch.server.openapi.dataclass_schema import dataclass_schemas
from nlpbatch.server.openapi.documents import document_schemas
from nlpbatch.wire.analyzer import AnalyzerInfo, Catalogue
from nlpbatch.wire.fields import TOKEN_FIELDS, FieldType
from nlpbatch.wire.limits import SizeLimits
from nlpbatch.wire.options import MAX_WORD_CODE_POINTS, OPERATIONS, Operation, Option, Options, options_of
from nlpbatch.wire.options.offered import ONLY_KIWI_S
from nlpbatch.wire.outcome import DOCUMENT_CODES, DocumentError
from nlpbatch.wire.tags import KIWI, TAG_TABLE, TAGS, TAGSETS

Schema = dict[str, Any]

_MAX_INT32: Final = 2**31 - 1
_JSON_TYPES: Final[dict[FieldType, Schema]] = {
    "string": {"type": "string"},
    "int32": {"type": "integer", "format": "int32"},
    "float32": {"type": "number", "format": "float"},
    "bool": {"type": "boolean"},
}
_POSITION: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": _MAX_INT32}
_SENTENCE: Final[Schema] = {"start": _POSITION, "end": _POSITION, "text": {"type": "string"}}


def reference(name: str) -> Schema:
    """Return a reference to a schema of `schemas`."""
    return {"$ref": REFERENCE + name}


def request_name(operation: Operation) -> str:
    """Return the name of the schema of an operation's JSON request."""
    return f"{operation.capitalize()}Request"


def answer_name(operation: Operation) -> str:
    """Return the name of the schema of an operation's JSON answer."""
    return f"{operation.capitalize()}Answer"


def schemas(limits: SizeLimits, analyzers: Sequence[AnalyzerInfo]) -> dict[str, Schema]:
    """Return every schema of the description, by name; without analyzers, of what any could be asked for."""
    by_operation: dict[str, Schema] = {}
    for operation in OPERATIONS:
        offered = offering(operation, analyzers)
        if offered or not analyzers:
            by_operation[request_name(operation)] = _request(operation, limits, offered)
            by_operation[answer_name(operation)] = _answer(operation, offered)
    return (
        by_operation
        | result_schemas(analyzers)
        | dataclass_schemas(Catalogue, REFERENCE)
        | {
            "Candidate": _closed({"tokens": _array(reference("Token")), "score": _JSON_TYPES["float32"]}),
            "DocumentError": _document_error(),
            "Problem": _problem(),
            "QuarantinedDocument": _quarantined(),
            "QuarantinedQuestion": _quarantined_question(),
            "Sentence": _closed(_SENTENCE),
            "SentenceWithTokens": _closed(_SENTENCE | {"tokens": _array(reference("Token"))}),
            "Span": _closed({"start": _POSITION, "end": _POSITION}),
            "Tag": _tag(),
            "Token": _token(),
        }
    )


def option_schema(option: Option, operation: Operation, offered: Sequence[AnalyzerInfo]) -> Schema:
    """Return the schema of one option's value where an operation is asked of one of these analyzers, if known."""
    schema = _value_schema(option) | {"description": option.meaning}
    if not option.kiwi:
        default = getattr(Options(operation), option.held_in)
        if default is not None:
            schema["default"] = list(default) if isinstance(default, tuple) else default
    if option.name in ONLY_KIWI_S:
        schema["x-tagset"] = KIWI
    if offered and option.name == "analyzer":
        return name_schema(schema, offered)
    return called_schema(schema, offered) if offered and option.name == "operation" else schema


def _value_schema(option: Option) -> Schema:
    if option.kind == "strings":
        return _strings_schema(option)
    if option.kind in {"integer", "number"}:
        return {"type": option.kind, "minimum": option.minimum, "maximum": option.maximum}
    schema: Schema = {"type": option.kind}
    return schema | ({"enum": list(option.choices)} if option.choices else {})


def _strings_schema(option: Option) -> Schema:
    if option.name == "fields":
        items: Schema = {"type": "string", "enum": list(option.choices)}
        return {"type": "array", "items": items, "minItems": 1, "uniqueItems": True}
    if option.name == "tags":
        return {"type": "array", "items": reference("Tag"), "minItems": 1, "maxItems": option.maximum}
    word: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_WORD_CODE_POINTS}
    if option.choices:
        word = {"type": "string", "enum": list(option.choices)}
    return {"type": ["array", "boolean"] if option.switch else "array", "items": word, "maxItems": option.maximum}


def _request(operation: Operation, limits: SizeLimits, offered: Sequence[AnalyzerInfo]) -> Schema:
    documents, *further = document_schemas(operation, limits).items()
    extra = {name: or_null(schema) for name, schema in further}
    required = required_members(offered)
    options = {option.name: option_schema(option, operation, offered) for option in options_of(operation)}
    options = {name: schema if name in required else or_null(schema) for name, schema in options.items()}
    schema = _closed(dict([documents]) | extra | options) | {"required": [documents[0], *required]}
    if operation == "call" and offered:
        schema["anyOf"] = calls(offered)
    if operation == "analyze":  # as `Options` has it: candidates may differ in their sentences
        several = {"top_n": {"type": "integer", "minimum": 2}}, {"candidates": {"const": True}}
        sentences = {"sentences": {"const": True}}
        schema["not"] = {
            "properties": sentences,
            "required": list(sentences),
            "anyOf": [{"properties": asked, "required": list(asked)} for asked in several],
        }
    if operation == "sentences":
        schema |= {"if": _WITH_TOKENS, "else": {"properties": _without_tokens()}}
    return schema


_WITH_TOKENS: Final[Schema] = {"properties": {"return_tokens": {"const": True}}, "required": ["return_tokens"]}


def _without_tokens() -> dict[str, Schema]:
    """Return the token options for an operation without tokens, which allow only their defaults."""
    plain = Options("sentences")
    return {
        "fields": {"enum": [list(plain.fields), None]},
        "tags": {"enum": [None]},
        "stopwords": {"enum": [False, None]},
    }


_ASKED: Final[dict[Operation, Sequence[Options]]] = {
    "analyze": (Options(), Options(sentences=True), Options(top_n=2)),
    "sentences": (Options("sentences"), Options("sentences", return_tokens=True)),
    "space": (Options("space"),),
    "join": (Options("join"), Options("join", return_positions=True)),
    "glue": (Options("glue"), Options("glue", return_space_insertions=True)),
    "call": (Options("call"),),
}
"""Options whose answers differ in their members."""


def _answer(operation: Operation, offered: Sequence[AnalyzerInfo]) -> Schema:
    outcomes = [_outcome(options, offered) for options in _ASKED[operation]]
    members = {
        "analyzer": {"type": "string", "description": "the analyzer of the texts"},
        "fingerprint": {"type": "string", "description": "its version; equal ones give equal answers"},
        "outcomes": _array(outcomes[0] if len(outcomes) == 1 else {"anyOf": outcomes}),
    }
    members["outcomes"]["description"] = "one for each text, in their order"
    if offered:
        members["analyzer"]["enum"] = [one.name for one in offered]
    return _closed(members) | ({"anyOf": call_answers(offered)} if operation == "call" and offered else {})


def _outcome(options: Options, offered: Sequence[AnalyzerInfo]) -> Schema:
    columns = {name: {"anyOf": [_column(name, options, offered), {"type": "null"}]} for name in options.columns}
    return _closed({**columns, "error": {"anyOf": [reference("DocumentError"), {"type": "null"}]}})


def _column(name: str, options: Options, offered: Sequence[AnalyzerInfo]) -> Schema:
    if name == "text":
        return {"type": "string"}
    if name == "result":
        row: Schema = {"type": "object"}
        anything = {"anyOf": [row, _array(row)], "description": "as the operation declares it in GET /v1/analyzers"}
        return result_of(offered) if offered else anything
    if name == "sentences":
        whole = "SentenceWithTokens" if options.return_tokens else "Sentence"
        return _array(reference(whole if options.operation == "sentences" else "Span"))
    if name == "positions":
        return _array(reference("Span"))
    if name == "space_insertions":
        return _array({"type": "boolean"})
    return _array(reference("Token" if name == "tokens" else "Candidate"))


def _token() -> Schema:
    """Return the schema of a token, which has those of the fields that were requested."""
    properties = {}
    for name, field in TOKEN_FIELDS.items():
        schema = _tags_of_token() if name == "tag" else dict(_JSON_TYPES[field.type])
        if field.nullable:
            schema["type"] = [schema["type"], "null"]
        properties[name] = schema | {"description": field.meaning}
    return {"type": "object", "properties": properties, "minProperties": 1, "additionalProperties": False}


def _tags_of_token() -> Schema:
    """Return the schema of a token's tag: MeCab-ko joins several by +."""
    return {"anyOf": [reference("Tag"), {"type": "string", "pattern": r"^[A-Z]+(\+[A-Z]+)+$"}]}


def _tag() -> Schema:
    meanings = {
        tag.name: {
            "class": tag.word_class,
            "korean": tag.korean,
            "english": tag.english,
            "tagsets": [name for name, tags in TAGSETS.items() if tag.name in tags],
        }
        for tag in TAG_TABLE.values()
    }
    return {
        "type": "string",
        "enum": list(TAGS),
        "description": "part of speech, of the tag set that GET /v1/analyzers states for the analyzer",
        "x-meanings": meanings,
    }


def _document_error() -> Schema:
    schema = dataclass_schemas(DocumentError, REFERENCE)["DocumentError"]
    schema["properties"]["code"]["enum"] = list(DOCUMENT_CODES)
    return schema | {"additionalProperties": False}


def _problem() -> Schema:
    """Return the schema of a problem document, as `wire.problem.to_problem` writes it."""
    properties = {
        "type": {"type": "string", "pattern": "^urn:nlpbatch:problem:"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "value, bound and remedy"},
        "code": {"type": "string", "description": "stable, for programs to decide by"},
        "request_id": {"type": "string"},
        "retry_after_s": {"type": "number", "minimum": 0},
        "path": {"type": "string", "description": "where the fault is: a JSON pointer, or ?NAME in the query"},
    }
    required = ["type", "title", "status", "detail", "code", "request_id"]
    description = "an error as RFC 9457 has it; further members are values that the detail names"
    return {"type": "object", "properties": properties, "required": required, "description": description}


def _quarantined() -> Schema:
    """Return the schema of a refused document, from `engine.quarantine`, with its analyzer."""
    counts = {"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}}
    return _closed(
        {
            "analyzer": {"type": "string"},
            "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "size_bytes": {"type": "integer", "minimum": 0},
            "codes": counts | {"description": "how often it cost a worker, by the error it got"},
            "refused_for_s": {"type": "number"},
        }
    )


def _quarantined_question() -> Schema:
    """Return the schema of refused options, from `engine.poison`, with their analyzer."""
    return _closed(
        {
            "analyzer": {"type": "string"},
            "operation": {"type": "string", "enum": list(OPERATIONS)},
            "options": {"type": "object", "description": "as members of a JSON request"},
            "deaths": {"type": "integer", "minimum": 1},
            "refused_for_s": {"type": "number"},
        }
    )


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _closed(properties: dict[str, Any]) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
