"""Sends one attempt with aiohttp, and translates its errors into those of this product."""

import io
import ssl

import aiohttp
from yarl import URL

from nlpbatch.client.address import ServiceAddress
from nlpbatch.client.failures import closed, timed_out, unreachable, unreadable, untrusted
from nlpbatch.client.messages import HttpAnswer, HttpRequest, attempt_headers
from nlpbatch.client.policy import RetryPolicy


class AiohttpTransport:
    """A pool of connections to one service, for one event loop."""

    def __init__(self, address: ServiceAddress, policy: RetryPolicy, *, pool_size: int) -> None:
        port = "" if address.port is None else f":{address.port}"
        host = f"[{address.host}]" if ":" in address.host else address.host
        self._origin = f"{'https' if address.secure else 'http'}://{host}{port}"
        self._policy = policy
        self._pool_size = pool_size
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def send(self, request: HttpRequest, timeout_s: float) -> HttpAnswer:
        """Return the complete answer, whatever its status; raise ServiceError if there is none."""
        try:
            async with self._open_session().request(
                request.method,
                URL(self._origin + request.target, encoded=True),
                headers=attempt_headers(request, timeout_s),
                # Given plain bytes, aiohttp warns that a large body blocks the loop.
                data=None if request.body is None else io.BytesIO(request.body),
                timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=self._policy.connect_timeout_s),
                allow_redirects=False,
            ) as response:
                return HttpAnswer(response.status, response.headers, await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _translate(error, request, timeout_s) from error

    async def close(self) -> None:
        """Close all connections."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    def _open_session(self) -> aiohttp.ClientSession:
        """Return the session, made on first use: it belongs to the loop that runs then."""
        if self._closed:
            raise closed()
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._pool_size), cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session


def _translate(error: Exception, request: HttpRequest, timeout_s: float) -> Exception:
    """Return the error that an aiohttp error means; only those known to be transient are retryable."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return unreachable(request, error)
    if isinstance(error, TimeoutError):
        return timed_out(request, timeout_s)
    if isinstance(error, aiohttp.ClientSSLError) and not isinstance(error.os_error, ssl.SSLEOFError):
        return untrusted(request, error)
    if isinstance(error, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError):
        return unreachable(request, error)
    return unreadable(request, error)
