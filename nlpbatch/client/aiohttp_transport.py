"""Sends one attempt with aiohttp, and translates its errors into those of this product."""

import io
import ssl

import aiohttp
from yarl import URL

from nlpbatch.client.address import ServiceAddress
from nlpbatch.client.failures import closed, not_connected, timed_out, unreachable, unreadable, untrusted
from nlpbatch.client.messages import Attempt, HttpAnswer
from nlpbatch.client.policy import RetryPolicy
from nlpbatch.client.tls import client_certificate_context


class AiohttpTransport:
    """A pool of connections to the addresses of the service, for one event loop."""

    def __init__(self, policy: RetryPolicy, *, pool_size: int) -> None:
        self._policy = policy
        self._pool_size = pool_size
        self._tls = client_certificate_context()
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def send(self, attempt: Attempt) -> HttpAnswer:
        """Return the complete answer, whatever its status; raise ServiceError if there is none."""
        body = attempt.request.body
        try:
            async with self._open_session().request(
                attempt.request.method,
                URL(_origin(attempt.address) + attempt.target, encoded=True),
                headers=attempt.headers,
                # Given plain bytes, aiohttp warns that a large body blocks the loop.
                data=None if body is None else io.BytesIO(body),
                timeout=aiohttp.ClientTimeout(total=attempt.timeout_s, sock_connect=self._policy.connect_timeout_s),
                allow_redirects=False,
            ) as response:
                return HttpAnswer(response.status, response.headers, await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _translate(error, attempt) from error

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
                connector=aiohttp.TCPConnector(limit=self._pool_size, ssl=True if self._tls is None else self._tls),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def _origin(address: ServiceAddress) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    port = "" if address.port is None else f":{address.port}"
    return f"{'https' if address.secure else 'http'}://{host}{port}"


def _translate(error: Exception, attempt: Attempt) -> Exception:
    """Return the error that an aiohttp error means; only those known to be transient are retryable."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return not_connected(attempt, error)
    if isinstance(error, TimeoutError):
        return timed_out(attempt)
    if isinstance(error, aiohttp.ClientSSLError):
        cut = isinstance(error.os_error, ssl.SSLEOFError)
        return unreachable(attempt, error) if cut else untrusted(attempt, error)
    if isinstance(error, aiohttp.ClientConnectorError):
        return not_connected(attempt, error)
    if isinstance(error, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError):
        return unreachable(attempt, error)
    return unreadable(attempt, error)
