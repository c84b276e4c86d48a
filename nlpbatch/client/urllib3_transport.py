"""Sends one attempt with urllib3, and translates its errors into those of this product."""

import ssl
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ClosedPoolError,
    ConnectTimeoutError,
    HTTPError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from nlpbatch.client.address import ServiceAddress
from nlpbatch.client.cancellation import attach
from nlpbatch.client.failures import (
    closed,
    cut_short,
    not_connected,
    timed_out,
    unreachable,
    unreadable,
    untrusted,
)
from nlpbatch.client.messages import Attempt, HttpAnswer
from nlpbatch.client.policy import RetryPolicy
from nlpbatch.client.tls import client_certificate_context
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
    """A pool of connections to each address of the service; safe to use from several threads."""

    def __init__(
        self, addresses: Iterable[ServiceAddress], policy: RetryPolicy, *, pool_size: int, clock: Clock
    ) -> None:
        self._policy = policy
        self._clock = clock
        # The bound on requests in flight is one for all addresses.
        self._slots = threading.BoundedSemaphore(pool_size)
        self._pools = {address: _pool(address, policy, pool_size) for address in addresses}

    def send(self, attempt: Attempt) -> HttpAnswer:
        """Return the complete answer, whatever its status; raise ServiceError if there is none."""
        end_s = self._clock.monotonic_s() + attempt.timeout_s
        with self._slot(attempt):
            try:
                response = self._pools[attempt.address].urlopen(
                    attempt.request.method,
                    attempt.target,
                    body=attempt.request.body,
                    headers=attempt.headers,
                    timeout=urllib3.Timeout(
                        connect=min(self._policy.connect_timeout_s, attempt.timeout_s), read=attempt.timeout_s
                    ),
                    retries=False,
                    redirect=False,
                    preload_content=False,
                )
                body = self._read(response, attempt, end_s)
            except HTTPError as error:
                raise _translate(error, attempt) from error
        return HttpAnswer(response.status, response.headers, body)

    def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            pool.close()

    @contextmanager
    def _slot(self, attempt: Attempt) -> Iterator[None]:
        if not self._slots.acquire(timeout=attempt.timeout_s):
            raise timed_out(attempt)
        try:
            yield
        finally:
            self._slots.release()

    def _read(self, response: urllib3.BaseHTTPResponse, attempt: Attempt, end_s: float) -> bytes:
        try:
            return b"".join(self._pieces(response, attempt, end_s))
        except BaseException:
            response.close()  # the next request can't use a connection that is half read
            raise

    def _pieces(self, response: urllib3.BaseHTTPResponse, attempt: Attempt, end_s: float) -> Iterator[bytes]:
        """Read in pieces, because a socket's timeout restarts with each byte, and an attempt's must not."""
        if (
            response.status < _REDIRECTS
            and response.length_remaining is None
            and "Transfer-Encoding" not in response.headers
        ):
            # http.client takes a connection that breaks within the headers for the end of the headers.
            raise cut_short(attempt)
        while piece := response.read1(_READ_BYTES):
            yield piece
            if self._clock.monotonic_s() > end_s:
                raise timed_out(attempt)


def _pool(address: ServiceAddress, policy: RetryPolicy, pool_size: int) -> urllib3.HTTPConnectionPool:
    if not address.secure:
        return _Pool(address.host, address.port, maxsize=pool_size, send_timeout_s=policy.attempt_timeout_s)
    return _SecurePool(
        address.host,
        address.port,
        maxsize=pool_size,
        send_timeout_s=policy.attempt_timeout_s,
        ssl_context=client_certificate_context(),
    )


def _translate(error: HTTPError, attempt: Attempt) -> Exception:
    """Return the error that an urllib3 error means; only those known to be transient are retryable."""
    inner = error.args[-1] if error.args else None
    if isinstance(error, ClosedPoolError):
        return closed()
    if isinstance(error, ReadTimeoutError) or isinstance(inner, TimeoutError):
        return timed_out(attempt)
    if isinstance(error, SSLError) and not isinstance(inner, ssl.SSLEOFError):
        return untrusted(attempt, error)
    if isinstance(error, ConnectTimeoutError):  # also the class of refused connections and unknown names
        return not_connected(attempt, error)
    stranger = inner if isinstance(inner, HTTPException) and not isinstance(inner, _CUT_SHORT) else None
    if isinstance(error, ProtocolError | SSLError) and stranger is None:
        return unreachable(attempt, error)
    return unreadable(attempt, stranger or error)
