"""Why an attempt has no answer: one wording and one class per reason, whichever HTTP library noticed."""

import os
import ssl

from nlpbatch.client.messages import HttpRequest
from nlpbatch.errors import ServiceTimeout, ServiceUnreachable, UnexpectedAnswer


def unreachable(request: HttpRequest, error: BaseException) -> ServiceUnreachable:
    """Return the error of an attempt without a connection, or whose connection broke off."""
    return ServiceUnreachable(
        f"no answer from {request.service} ({reason_of(error)}): check the address and that the service runs"
    )


def cut_short(request: HttpRequest) -> ServiceUnreachable:
    """Return the error of an answer whose end is missing."""
    return ServiceUnreachable(
        f"the answer from {request.service} broke off: check what stands between, and that it runs"
    )


def timed_out(request: HttpRequest, timeout_s: float) -> ServiceTimeout:
    """Return the error of an attempt that was connected and took too long."""
    return ServiceTimeout(
        f"no complete answer from {request.service} in {timeout_s:,.3g} s: "
        "send less at a time, or raise attempt_timeout_s"
    )


def untrusted(request: HttpRequest, error: BaseException) -> UnexpectedAnswer:
    """Return the error of a TLS handshake that failed for a reason which time won't mend."""
    return UnexpectedAnswer(
        f"no secure connection to {request.service} ({reason_of(error)}): "
        "check its certificate, that the port speaks https, and that SSL_CERT_FILE names an authority of your own"
    )


def unreadable(request: HttpRequest, error: BaseException) -> UnexpectedAnswer:
    """Return the error of an answer that isn't HTTP."""
    return UnexpectedAnswer(
        f"what {request.service} answered is not HTTP ({type(error).__name__}): "
        "check that the address is an nlpbatch service"
    )


def closed() -> RuntimeError:
    """Return the error of a call on a closed client: a defect of the caller's program, not an event."""
    return RuntimeError("this client is closed: make another, or close it later")


def reason_of(error: BaseException) -> str:
    """Return why a connection failed, in the words of the operating system where it has some."""
    for inner in _chain(error):
        if isinstance(inner, ssl.SSLError):  # an OSError whose number is no error of the system's
            words = getattr(inner, "verify_message", None) or getattr(inner, "reason", None)
            if words:
                return str(words)
        elif isinstance(inner, OSError) and inner.errno and inner.strerror:
            # asyncio puts its own words and the address in place of the system's; resolver errors have no number there.
            return os.strerror(inner.errno) if inner.errno > 0 else inner.strerror
    return type(_chain(error)[-1]).__name__


def _chain(error: BaseException) -> list[BaseException]:
    """Return the error and what it stems from, outermost first; libraries keep that in `args` or as the cause."""
    chain = [error]
    while True:
        last = chain[-1]
        inner = next((arg for arg in last.args if isinstance(arg, BaseException)), None) or last.__cause__
        if inner is None or inner in chain:
            return chain
        chain.append(inner)
