"""The whole description, as `GET /openapi.json` answers it."""

from collections.abc import Sequence
from typing import Any, Final

from nlpbatch import __version__
from nlpbatch.server.openapi.analyzers import offering, own_operations
from nlpbatch.server.openapi.answers import ANYWHERE, ASKING, PROXY, WORKING, problems, success
from nlpbatch.server.openapi.headers import query_parameters, request_headers
from nlpbatch.server.openapi.schemas import answer_name, reference, request_name, schemas
from nlpbatch.wire import media
from nlpbatch.wire.analyzer import AnalyzerInfo
from nlpbatch.wire.arrow import DOCUMENT_COLUMNS, document_type
from nlpbatch.wire.contract import CONTRACT_VERSION
from nlpbatch.wire.limits import SizeLimits
from nlpbatch.wire.options import OPERATIONS, Operation

_SUMMARIES: Final[dict[Operation, str]] = {
    "analyze": "Analyse texts: their morphemes with part of speech and place",
    "sentences": "Split texts into sentences",
    "space": "Correct the spacing of texts",
    "join": "Make texts of morphemes",
    "glue": "Put chunks of texts together, with blanks where they belong",
    "call": "Call an operation of an analyzer with functions of one's own; see GET /v1/analyzers for their results",
}
_ABOUT: Final = (
    "Korean morphological analysis, and functions of one's own. Everything under /v1/ is passed on by the proxy, which "
    "asks for a key; the other paths belong to the API's own address. Offsets count Unicode code points of the text as "
    "it was sent."
)
_NOT_LOADED: Final = (
    " The analyzers are still being loaded: their names, and the operations of functions of one's own with their "
    "results, are described here once all of them have."
)
_BODY: Final = (
    "JSON with the options in the body, or an Arrow IPC stream with {columns}, uncompressed, and the options in the "
    "query. The answer comes in the encoding that Accept names, else in that of the request."
)
_STREAM: Final = {"type": "string", "contentMediaType": media.ARROW_STREAM}


def openapi_document(limits: SizeLimits, analyzers: Sequence[AnalyzerInfo] = ()) -> dict[str, Any]:
    """Return the description of an API with these limits and analyzers.

    Operations that none of the analyzers offers are left out. Without analyzers, as long as they are being loaded, all
    are described, with what any analyzer may be asked for.
    """
    offered = {operation: offering(operation, analyzers) for operation in OPERATIONS}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "nlpbatch",
            "version": __version__,
            "x-contract": CONTRACT_VERSION,
            "description": _ABOUT if analyzers else _ABOUT + _NOT_LOADED,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "security": [{}, {"key": []}],
        "paths": {
            media.OPERATION_PATHS[operation]: {"post": _post_path(operation, offered[operation])}
            for operation in OPERATIONS
            if offered[operation] or not analyzers
        }
        | {media.ANALYZERS_PATH: {"get": _analyzers()}, media.QUARANTINE_PATH: _quarantine()}
        | _health(),
        "components": {
            "schemas": schemas(limits, analyzers),
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "asked for by the proxy, not by the API"}
            },
        },
    }


def _post_path(operation: Operation, offered: Sequence[AnalyzerInfo]) -> dict[str, Any]:
    def content(name: str) -> dict[str, Any]:
        return {media.JSON: {"schema": reference(name)}, media.ARROW_STREAM: {"schema": _STREAM}}

    answered = success(content(answer_name(operation)), "one outcome for each text, in their order", analysed=True)
    return {
        "operationId": operation,
        "summary": _SUMMARIES[operation],
        "description": _BODY.format(columns=_columns(operation)) + (_called(offered) if operation == "call" else ""),
        "parameters": [*query_parameters(operation, offered), *request_headers(asks=True)],
        "requestBody": {"required": True, "content": content(request_name(operation))},
        "responses": {"200": answered} | problems(ANYWHERE, ASKING, WORKING, PROXY),
    }


def _called(offered: Sequence[AnalyzerInfo]) -> str:
    """Return the operations that can be called, for people."""
    named = [
        f"`{one.name}` of analyzer `{analyzer.name}`" + (f" ({one.meaning})" if one.meaning else "")
        for analyzer in offered
        for one in own_operations(analyzer)
    ]
    return f" The operations: {'; '.join(named)}." if named else ""


def _columns(operation: Operation) -> str:
    first, *further = [f"`{name}: {document_type(name)}`" for name in DOCUMENT_COLUMNS[operation]]
    return f"one column {first}" + "".join(f" and, if wanted, {name}" for name in further)


def _analyzers() -> dict[str, Any]:
    content = {media.JSON: {"schema": reference("Catalogue")}}
    return {
        "operationId": "analyzers",
        "summary": "The analyzers, their versions, the fields they offer, and the size limits",
        "parameters": request_headers(asks=False),
        "responses": {"200": success(content, "the analyzers served")} | problems(ANYWHERE, WORKING, PROXY),
    }


def _quarantine() -> dict[str, Any]:
    refused_things = {
        "documents": {"type": "array", "items": reference("QuarantinedDocument")},
        "questions": {"type": "array", "items": reference("QuarantinedQuestion")},
    }
    schema = {"type": "object", "properties": refused_things, "required": list(refused_things)}
    refused = success({media.JSON: {"schema": schema}}, "the latest first")
    return {
        "get": _own(
            "quarantine",
            "Documents, by hash, and operations with options that are refused because they cost workers",
            {"200": refused},
        ),
        "delete": _own("release", "Give all of them another chance", {"204": success({}, "none is refused any more")}),
    }


def _health() -> dict[str, Any]:
    alive = {"type": "object", "properties": {"status": {"const": "alive"}}, "required": ["status"]}
    ready: dict[str, Any] = {
        "ready": {"type": "boolean"},
        "version": {"type": "string"},
        "workers": {"type": "integer", "minimum": 0},
        "fingerprints": {"type": "array", "items": {"type": "string"}},
    }
    readiness = {media.JSON: {"schema": {"type": "object", "properties": ready, "required": list(ready)}}}
    text = {"text/plain": {"schema": {"type": "string"}}}
    return {
        "/healthz": {
            "get": _own("healthz", "Whether the process runs", {"200": success({media.JSON: {"schema": alive}}, "yes")})
        },
        "/readyz": {
            "get": _own(
                "readyz",
                "Whether work can be taken now, and which versions are served",
                {"200": success(readiness, "yes"), "503": success(readiness, "no, or not yet")},
            )
        },
        "/metrics": {
            "get": _own("metrics", "Figures for Prometheus", {"200": success(text, "in Prometheus's text format")})
        },
    }


def _own(name: str, summary: str, answers: dict[str, Any]) -> dict[str, Any]:
    """Return an operation outside of /v1/, which the proxy doesn't pass on and needs no key."""
    return {
        "operationId": name,
        "summary": summary,
        "security": [],
        "parameters": request_headers(asks=False),
        "responses": answers | problems(ANYWHERE),
    }
