"""The errors of attempts without an answer: one class and one wording per reason, for both HTTP libraries."""

import os
import ssl

from nlpbatch.client.messages import Attempt
from nlpbatch.errors import ServiceTimeout, ServiceUnreachable, UnexpectedAnswer


class NotConnected(ServiceUnreachable):
    """No connection was made, so that nothing was sent."""


class TimedOut(ServiceTimeout):
    """No complete answer came in time, in contrast to an answer which says that something else took too long."""


def not_connected(attempt: Attempt, error: BaseException) -> NotConnected:
    """Return the error of an attempt without a connection."""
    return NotConnected(_no_answer(attempt, error))


def unreachable(attempt: Attempt, error: BaseException) -> ServiceUnreachable:
    """Return the error of an attempt whose connection broke off."""
    return ServiceUnreachable(_no_answer(attempt, error))


def cut_short(attempt: Attempt) -> ServiceUnreachable:
    """Return the error of an answer whose end is missing."""
    return ServiceUnreachable(
        f"the answer from {attempt.service} broke off: check the network between, and that the service runs"
    )


def timed_out(attempt: Attempt) -> TimedOut:
    """Return the error of an attempt that was connected and took too long."""
    return TimedOut(
        f"no complete answer from {attempt.service} in {attempt.timeout_s:,.3g} s: "
        "send less at a time, or raise attempt_timeout_s"
    )


def untrusted(attempt: Attempt, error: BaseException) -> UnexpectedAnswer:
    """Return the error of a TLS handshake that would fail again, such as one with a wrong certificate."""
    return UnexpectedAnswer(
        f"no secure connection to {attempt.service} ({reason_of(error)}): "
        "check its certificate, that the port speaks https, and that SSL_CERT_FILE names an authority of your own"
    )


def unreadable(attempt: Attempt, error: BaseException) -> UnexpectedAnswer:
    """Return the error of an answer that isn't HTTP."""
    return UnexpectedAnswer(
        f"what {attempt.service} answered is not HTTP ({type(error).__name__}): "
        "check that the address is an nlpbatch service"
    )


def closed() -> RuntimeError:
    """Return the error of a call on a closed client: a defect of the caller's program."""
    return RuntimeError("this client is closed: make another, or close it later")


def _no_answer(attempt: Attempt, error: BaseException) -> str:
    return f"no answer from {attempt.service} ({reason_of(error)}): check the address and that the service runs"


def reason_of(error: BaseException) -> str:
    """Return why a connection failed, in the operating system's words where it has any."""
    for inner in _chain(error):
        if isinstance(inner, ssl.SSLError):  # an OSError whose number is no error of the system's
            words = getattr(inner, "verify_message", None) or getattr(inner, "reason", None)
            if words:
                return str(words)
        elif isinstance(inner, OSError) and inner.errno and inner.strerror:
            # asyncio replaces the system's words by its own with the address; its resolver errors have no number.
            return os.strerror(inner.errno) if inner.errno > 0 else inner.strerror
    return type(_chain(error)[-1]).__name__


def _chain(error: BaseException) -> list[BaseException]:
    """Return the error and its causes, outermost first; libraries keep a cause in `args` or as `__cause__`."""
    chain = [error]
    while True:
        last = chain[-1]
        inner = next((arg for arg in last.args if isinstance(arg, BaseException)), None) or last.__cause__
        if inner is None or inner in chain:
            return chain
        chain.append(inner)
