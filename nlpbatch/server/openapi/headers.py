"""The headers of requests and answers, and the query of an Arrow request."""

from collections.abc import Sequence
from typing import Any, Final

from nlpbatch.server.openapi.analyzers import required_members
from nlpbatch.server.openapi.schemas import option_schema
from nlpbatch.wire import media
from nlpbatch.wire.analyzer import AnalyzerInfo
from nlpbatch.wire.options import Operation, Option, options_of

_STRING: Final = {"type": "string"}
_ASK: Final = {
    "If-Match": '`"FINGERPRINT"`: answer only with this version of the analyzer, else 412',
    media.PRIORITY: "`u=0` to `u=7` (RFC 9218); 5 and above is the batch class, which waits for the others",
    media.IDEMPOTENCY_KEY: "the same question under the same name is analysed once",
    media.PREFER: "read by the proxy: with `wait=N` it refuses at once a request that would wait longer than N seconds",
    media.JOB: "read by the proxy: the job that a request belongs to",
    media.TRACEPARENT: "W3C Trace Context, passed on by the proxy",
}
_REQUEST_ID: Final = (
    "yours if it has up to 64 letters, digits and `._:-`, or one that the service makes; it is in the logs"
)
_ANSWERED: Final = {
    "ETag": "the analyzer's fingerprint, for If-Match",
    media.SERVER_TIMING: "`queue` and `analysis` in milliseconds; the proxy adds `admission`",
    media.DOCUMENTS: "how many documents the request had",
    media.ANALYZER: "the name of the analyzer that answered",
    media.CACHED: "how many of them got the outcome of the same text that came before",
}


def request_headers(*, asks: bool) -> list[dict[str, Any]]:
    """Return the header parameters of an operation; `asks` adds those of requests that have texts analysed."""
    meanings = (_ASK if asks else {}) | {media.REQUEST_ID: _REQUEST_ID}
    return [_parameter(name, "header", meaning, _STRING) for name, meaning in meanings.items()]


def query_parameters(operation: Operation, offered: Sequence[AnalyzerInfo]) -> list[dict[str, Any]]:
    """Return the query parameters that an Arrow request carries its options in; JSON has them in its body."""
    return [_query_parameter(option, operation, offered) for option in options_of(operation)]


def answer_headers(*, analysed: bool) -> dict[str, Any]:
    """Return the headers of an answer; `analysed` adds those that name the analyzer and its version."""
    meanings = (_ANSWERED if analysed else {}) | {media.REQUEST_ID: _REQUEST_ID}
    return {name: {"description": meaning, "required": True, "schema": _STRING} for name, meaning in meanings.items()}


RETRY_AFTER: Final = {
    "description": "whole seconds after which to send the same again; retry_after_s in the body is exact",
    "schema": {"type": "integer", "minimum": 1},
}


def _query_parameter(option: Option, operation: Operation, offered: Sequence[AnalyzerInfo]) -> dict[str, Any]:
    meaning = f"beside an Arrow body only: {option.meaning}"
    parameter = _parameter(option.name, "query", meaning, option_schema(option, operation, offered))
    parameter["required"] = option.name in required_members(offered)
    if option.kind == "strings":
        parameter |= {"style": "form", "explode": False}
    return parameter


def _parameter(name: str, place: str, meaning: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": place, "required": False, "description": meaning, "schema": schema}
