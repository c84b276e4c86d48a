"""Sends one attempt with urllib3, and translates its errors into those of this product."""

import math
import ssl
from collections.abc import Iterator
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ClosedPoolError,
    ConnectTimeoutError,
    EmptyPoolError,
    HTTPError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from nlpbatch.client.address import ServiceAddress
from nlpbatch.client.cancellation import attach
from nlpbatch.client.failures import closed, cut_short, timed_out, unreachable, unreadable, untrusted
from nlpbatch.client.messages import HttpAnswer, HttpRequest, attempt_headers
from nlpbatch.client.policy import RetryPolicy
from nlpbatch.clock import Clock
from nlpbatch.wire.limits import KIB

_READ_BYTES = 256 * KIB
_REDIRECTS = 300
_CUT_SHORT = (RemoteDisconnected, IncompleteRead)


class _Connection(HTTPConnection):
    """Lets sending take as long as the whole attempt.

    urllib3 sends under the connect timeout. But a proxy that keeps a request in its queue doesn't read the body yet,
    so that a body larger than the sockets' buffers is stuck for as long as the request waits there.
    """

    def __init__(self, *args: Any, send_timeout_s: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._send_timeout_s = send_timeout_s

    def send(self, data: Any) -> None:
        """Send, after connecting if there is no connection yet."""
        if self.sock is None:
            self.connect()
        attach(self.sock)
        self.sock.settimeout(self._send_timeout_s)
        super().send(data)


class _SecureConnection(_Connection, HTTPSConnection):
    """The same over TLS."""


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class Urllib3Transport:
    """A pool of connections to one service; safe to use from several threads."""

    def __init__(self, address: ServiceAddress, policy: RetryPolicy, *, pool_size: int, clock: Clock) -> None:
        pool = _SecurePool if address.secure else _Pool
        self._policy = policy
        self._clock = clock
        self._pool = pool(
            address.host, address.port, maxsize=pool_size, block=True, send_timeout_s=policy.attempt_timeout_s
        )

    def send(self, request: HttpRequest, timeout_s: float) -> HttpAnswer:
        """Return the complete answer, whatever its status; raise ServiceError if there is none."""
        end_s = self._clock.monotonic_s() + timeout_s
        try:
            response = self._pool.urlopen(
                request.method,
                request.target,
                body=request.body,
                headers=attempt_headers(request, timeout_s),
                timeout=urllib3.Timeout(connect=min(self._policy.connect_timeout_s, timeout_s), read=timeout_s),
                pool_timeout=math.ceil(timeout_s),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            body = self._read(response, request, timeout_s, end_s)
        except HTTPError as error:
            raise _translate(error, request, timeout_s) from error
        return HttpAnswer(response.status, response.headers, body)

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    def _read(self, response: urllib3.BaseHTTPResponse, request: HttpRequest, timeout_s: float, end_s: float) -> bytes:
        try:
            return b"".join(self._pieces(response, request, timeout_s, end_s))
        except BaseException:
            response.close()  # the next request can't use a connection that is half read
            raise

    def _pieces(
        self, response: urllib3.BaseHTTPResponse, request: HttpRequest, timeout_s: float, end_s: float
    ) -> Iterator[bytes]:
        """Read in pieces, because a socket's timeout restarts with each byte, and an attempt's must not."""
        if (
            response.status < _REDIRECTS
            and response.length_remaining is None
            and "Transfer-Encoding" not in response.headers
        ):
            # http.client takes a connection that breaks within the headers for the end of the headers.
            raise cut_short(request)
        while piece := response.read1(_READ_BYTES):
            yield piece
            if self._clock.monotonic_s() > end_s:
                raise timed_out(request, timeout_s)


def _translate(error: HTTPError, request: HttpRequest, timeout_s: float) -> Exception:
    """Return the error that an urllib3 error means; only those known to be transient are retryable."""
    inner = error.args[-1] if error.args else None
    if isinstance(error, ClosedPoolError):
        return closed()
    if isinstance(error, ReadTimeoutError | EmptyPoolError) or isinstance(inner, TimeoutError):
        return timed_out(request, timeout_s)
    if isinstance(error, SSLError) and not isinstance(inner, ssl.SSLEOFError):
        return untrusted(request, error)
    if isinstance(inner, HTTPException) and not isinstance(inner, _CUT_SHORT):
        return unreadable(request, inner)
    if isinstance(error, ConnectTimeoutError | ProtocolError | SSLError):
        return unreachable(request, error)
    return unreadable(request, error)
