"""RFC 9457 problem documents: the one table between errors and HTTP statuses, read in both directions."""

import json
import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

from nlpbatch import errors
from nlpbatch.errors import NlpbatchError
from nlpbatch.wire.media import PROBLEM_JSON, REQUEST_ID, media_type

STATUS_BY_ERROR: Final[Mapping[type[NlpbatchError], int]] = {
    errors.InvalidRequest: 400,
    errors.Unauthenticated: 401,
    errors.TooManyFailedKeys: 429,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.UnknownAnalyzer: 404,
    errors.UnknownOperation: 404,
    errors.UnknownField: 422,
    errors.InvalidOption: 422,
    errors.BodyTimeout: 408,
    errors.LengthRequired: 411,
    errors.RequestTooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.NotAcceptable: 406,
    errors.FingerprintMismatch: 412,
    errors.IdempotencyConflict: 422,
    errors.QuotaExceeded: 429,
    errors.BudgetExhausted: 429,
    errors.QueueFull: 429,
    errors.TenantPaused: 503,
    errors.NoCapacity: 503,
    errors.Draining: 503,
    errors.InternalError: 500,
    errors.BackendFailed: 502,
    errors.ServiceUnreachable: 503,
    errors.ServiceTimeout: 504,
    errors.UnexpectedAnswer: 502,
}
_CLASS_BY_CODE: Final = {cls.code: cls for cls in STATUS_BY_ERROR}
_RESERVED: Final = frozenset({"type", "title", "status", "detail", "code", "request_id", "retry_after_s"})

# The meaning of an answer without our problem document, from a load balancer or a crashed process.
_CLASS_BY_STATUS: Final[dict[int, type[NlpbatchError]]] = {
    401: errors.Unauthenticated,
    404: errors.NotFound,
    408: errors.ServiceTimeout,
    413: errors.RequestTooLarge,
    429: errors.QueueFull,
    500: errors.InternalError,
    502: errors.BackendFailed,
    503: errors.NoCapacity,
    504: errors.ServiceTimeout,
}


def status_of(error: NlpbatchError) -> int:
    """Return the HTTP status of an error; 500 for one that has no place on the wire."""
    return next((STATUS_BY_ERROR[cls] for cls in type(error).__mro__ if cls in STATUS_BY_ERROR), 500)


def to_problem(error: NlpbatchError) -> dict[str, Any]:
    """Return the members of the problem document that describes the error."""
    members: dict[str, Any] = {
        "type": f"urn:nlpbatch:problem:{error.code}",
        "title": error.code.replace("_", " "),
        "status": status_of(error),
        "detail": error.message,
        "code": error.code,
    }
    if error.request_id is not None:
        members["request_id"] = error.request_id
    if error.retry_after_s is not None:
        members["retry_after_s"] = error.retry_after_s
    return members | {name: value for name, value in error.details.items() if name not in _RESERVED}


def from_answer(status: int, headers: Mapping[str, str], body: bytes, *, now_s: float) -> NlpbatchError:
    """Return the error that a non-2xx answer means.

    Args:
        status: The HTTP status.
        headers: The answer's headers, case-insensitive.
        body: The answer's body; a problem document, or whatever a stranger between us sent.
        now_s: Seconds since the epoch, for Retry-After in its date form.

    """
    members = _members(headers, body)
    code = members.get("code")
    cls = _CLASS_BY_CODE.get(str(code)) or _CLASS_BY_STATUS.get(status)
    if cls is None:
        cls = errors.InvalidRequest if 400 <= status < 500 else errors.UnexpectedAnswer  # noqa: PLR2004
    detail = members.get("detail") or (
        f"HTTP {status} without an explanation: check that the address is an nlpbatch service"
    )
    return cls(
        str(detail),
        retry_after_s=_retry_after_s(members.get("retry_after_s"), headers.get("Retry-After"), now_s),
        request_id=headers.get(REQUEST_ID) or members.get("request_id"),
        **{str(name): value for name, value in members.items() if name not in _RESERVED},
    )


def _members(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    if media_type(headers.get("Content-Type")) != PROBLEM_JSON:
        return {}
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return members if isinstance(members, dict) else {}


def _retry_after_s(exact: Any, header: str | None, now_s: float) -> float | None:
    """Return our own member, which has fractions, else either form of RFC 9110, else None."""
    try:
        if isinstance(exact, int | float) and math.isfinite(exact):
            return max(0.0, float(exact))
        if header is None:
            return None
        if header.strip().isdecimal():
            return float(header)
        return max(0.0, parsedate_to_datetime(header).timestamp() - now_s)
    except (ValueError, OverflowError):
        return None
