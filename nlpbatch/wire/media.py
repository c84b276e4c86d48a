"""Media types, header names and paths of the HTTP contract."""

from collections.abc import Iterable

JSON = "application/json"
ARROW_STREAM = "application/vnd.apache.arrow.stream"
PROBLEM_JSON = "application/problem+json"  # RFC 9457

REQUEST_ID = "X-Request-Id"
JOB = "Nlpbatch-Job"
"""Names the job a request belongs to; the proxy queues per job, however many executors it has."""
PRIORITY = "Priority"  # RFC 9218
SERVER_TIMING = "Server-Timing"
TRACEPARENT = "traceparent"  # W3C Trace Context
TRACESTATE = "tracestate"
IDEMPOTENCY_KEY = "Idempotency-Key"  # draft-ietf-httpapi-idempotency-key-header
IDEMPOTENCY_REPLAYED = "Idempotency-Replayed"
"""Header of an answer that was given before, or to an identical request at the same time."""
PREFER = "Prefer"  # RFC 7240; `wait=N` is the seconds that the caller will wait
ADVICE = "Nlpbatch-Advice"
DOCUMENTS = "Nlpbatch-Documents"
"""Header of an answer: how many documents the request had, for those who count without reading bodies."""
CACHED = "Nlpbatch-Cached"
"""Header of an answer: how many of its documents got the outcome of the same text that came before."""
ANALYZER = "Nlpbatch-Analyzer"
"""Header of an answer: the name of the analyzer, for those who count without reading bodies."""
ACTOR = "Nlpbatch-Actor"
"""Names who sends a request to a proxy's admin listener, for its audit log."""

ANALYZE_PATH = "/v1/analyze"
SENTENCES_PATH = "/v1/sentences"
SPACE_PATH = "/v1/space"
JOIN_PATH = "/v1/join"
GLUE_PATH = "/v1/glue"
CALL_PATH = "/v1/call"
OPERATION_PATHS = {
    "analyze": ANALYZE_PATH,
    "sentences": SENTENCES_PATH,
    "space": SPACE_PATH,
    "join": JOIN_PATH,
    "glue": GLUE_PATH,
    "call": CALL_PATH,
}
QUARANTINE_PATH = "/quarantine"
"""The operator's: not under /v1/, which the proxy passes on."""
ANALYZERS_PATH = "/v1/analyzers"
LIMITS_PATH = "/v1/limits"
USAGE_PATH = "/v1/usage"
_PATHS = frozenset(OPERATION_PATHS.values()) | {ANALYZERS_PATH, LIMITS_PATH, USAGE_PATH}
OTHER_PATH = "/v1/(other)"


def path_to_record(path: str) -> str:
    """Return what a log may have of a path: anybody can write a text into one under /v1/ that nobody serves."""
    return OTHER_PATH if path.startswith("/v1/") and path not in _PATHS else path


def media_type(header: str | None) -> str:
    """Return the bare, lower-case media type of a Content-Type header ('' without one)."""
    return (header or "").partition(";")[0].strip().lower()


def etag(fingerprint: str) -> str:
    """Return the strong entity tag of an analyzer's version, as `ETag` and `If-Match` carry it."""
    return f'"{fingerprint}"'


def fingerprints_in(if_match: str) -> frozenset[str]:
    """Return the fingerprints listed in an `If-Match` header; `*` means any."""
    return frozenset(tag.strip().removeprefix("W/").strip('"') for tag in if_match.split(",") if tag.strip())


def pinned_to(if_match: Iterable[str]) -> frozenset[str]:
    """Return the fingerprints that a request's `If-Match` headers ask for; empty if any will do."""
    fingerprints = fingerprints_in(",".join(if_match))
    return frozenset() if "*" in fingerprints else fingerprints
