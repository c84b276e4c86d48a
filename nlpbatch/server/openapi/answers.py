"""The answers of operations: a result, or a problem with one of the codes of its status."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from nlpbatch import errors
from nlpbatch.errors import NlpbatchError, Overloaded
from nlpbatch.server.openapi.headers import RETRY_AFTER, answer_headers
from nlpbatch.server.openapi.schemas import reference
from nlpbatch.wire import media
from nlpbatch.wire.problem import STATUS_BY_ERROR

Errors = Sequence[type[NlpbatchError]]

ANYWHERE: Final[Errors] = (errors.InvalidRequest, errors.InternalError)
"""A head that can't be read, and a defect of ours."""
WORKING: Final[Errors] = (errors.NoCapacity, errors.Draining)
"""Answers of everything under /v1/ while the service starts, is full or shuts down."""
ASKING: Final[Errors] = (
    errors.UnknownAnalyzer,
    errors.UnknownOperation,
    errors.NotAcceptable,
    errors.FingerprintMismatch,
    errors.RequestTooLarge,
    errors.UnsupportedMediaType,
    errors.UnknownField,
    errors.InvalidOption,
)
"""Answers to a wrong request."""
PROXY: Final[Errors] = (
    errors.Unauthenticated,
    errors.BodyTimeout,
    errors.LengthRequired,
    errors.IdempotencyConflict,
    errors.QuotaExceeded,
    errors.BudgetExhausted,
    errors.TooManyFailedKeys,
    errors.QueueFull,
    errors.TenantPaused,
    errors.BackendFailed,
    errors.ServiceTimeout,
)
"""Answers of the proxy in front of the API."""
ELSEWHERE: Final[Errors] = (errors.NotFound, errors.MethodNotAllowed)
"""Answers to paths and methods that aren't described."""
OF_CLIENTS: Final[Errors] = (errors.ServiceUnreachable, errors.UnexpectedAnswer)
"""Codes that clients give to a missing answer, or one that isn't of this service."""


def success(content: dict[str, Any], description: str, *, analysed: bool = False) -> dict[str, Any]:
    """Return the description of an answer that was requested."""
    answer: dict[str, Any] = {"description": description, "headers": answer_headers(analysed=analysed)}
    return answer | ({"content": content} if content else {})


def problems(*groups: Errors) -> dict[str, Any]:
    """Return the descriptions of these errors' answers, by status."""
    classes = [cls for group in groups for cls in group]
    statuses = sorted({STATUS_BY_ERROR[cls] for cls in classes})
    return {
        str(status): _problem(status, [cls for cls in classes if STATUS_BY_ERROR[cls] == status]) for status in statuses
    }


def _problem(status: int, classes: Errors) -> dict[str, Any]:
    codes = {"status": {"const": status}, "code": {"enum": [cls.code for cls in classes]}}
    schema = {"allOf": [reference("Problem"), {"properties": codes}]}
    meanings = "; ".join(f"`{cls.code}`: {_meaning(cls)}" for cls in classes)
    headers = answer_headers(analysed=False)
    if any(issubclass(cls, Overloaded) for cls in classes):
        headers["Retry-After"] = RETRY_AFTER
    return {
        "description": f"{HTTPStatus(status).phrase}: {meanings}",
        "headers": headers,
        "content": {media.PROBLEM_JSON: {"schema": schema}},
    }


def _meaning(cls: type[NlpbatchError]) -> str:
    first = (cls.__doc__ or "").partition("\n")[0].rstrip(".")
    return f"{first} (said by the proxy)" if cls in PROXY else first
