"""Checks an HTTP answer before its body is read: status, media type, fingerprint."""

import time
from collections.abc import Callable

from nlpbatch.client.messages import Attempt, HttpAnswer
from nlpbatch.errors import FingerprintMismatch, NlpbatchError, NotFound, UnexpectedAnswer
from nlpbatch.wire import media
from nlpbatch.wire.advice import Advice
from nlpbatch.wire.problem import from_answer


def success_body(attempt: Attempt, answer: HttpAnswer) -> bytes:
    """Return the body of a 2xx answer of the requested media type; raise the error that any other answer means."""
    where = f"{attempt.request.method} {attempt.service}"
    if 300 <= answer.status < 400:  # noqa: PLR2004
        raise UnexpectedAnswer(
            f"{where} was answered with a redirect to {answer.headers.get('Location', 'nowhere')[:200]!r}, "
            "which is not followed: give the final address"
        )
    if not 200 <= answer.status < 300:  # noqa: PLR2004
        raise _refusal(attempt, answer)
    given = media.media_type(answer.headers.get("Content-Type"))
    accepted = attempt.request.headers["Accept"]
    if given != accepted:
        raise UnexpectedAnswer(
            f"{where} was answered with {given[:80] or 'no media type'}, asked for {accepted}: "
            "check that the address is an nlpbatch service"
        )
    return answer.body


def _refusal(attempt: Attempt, answer: HttpAnswer) -> NlpbatchError:
    """Return the error that an answer means, with a remedy where the service has no such operation."""
    error = from_answer(answer.status, answer.headers, answer.body, now_s=time.time())
    path = attempt.request.target.partition("?")[0]
    if not isinstance(error, NotFound) or path not in media.OPERATION_PATHS.values():
        return error
    remedy = f"{attempt.service} doesn't have {path}: check the address, and that its version is at least this client's"
    return NotFound(f"{error.message}; {remedy}", request_id=error.request_id, **error.details)


def check_pinned(if_match: str | None, fingerprint: str) -> None:
    """Raise FingerprintMismatch if an answer has another version than the pinned one.

    Something between client and service may have dropped If-Match, and no output may mix two fingerprints.
    """
    if if_match is not None and fingerprint != if_match:
        raise FingerprintMismatch(
            f"the answer has fingerprint {fingerprint or 'none'}, asked for {if_match}: "
            "start a new run, or bring the old version back",
            fingerprint=fingerprint,
        )


def advise(on_advice: Callable[[Advice], None] | None, answer: HttpAnswer) -> None:
    """Pass the advice in an answer's headers to the callback, if there are both."""
    if on_advice is not None and (advice := Advice.from_header(answer.headers.get(media.ADVICE))) is not None:
        on_advice(advice)
