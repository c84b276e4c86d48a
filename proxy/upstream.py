"""Calls to backends: what is passed on, what is passed back, and what becomes of a backend that fails."""

import asyncio
import logging
from typing import Any, Final

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from nlpbatch.errors import BackendFailed, ServiceTimeout
from nlpbatch.serving.problems import REQUEST_ID_KEY
from nlpbatch.wire import media
from nlpbatch.wire.limits import KIB, MIB
from proxy.balancer import Backend
from proxy.config import UpstreamSettings

_log = logging.getLogger("nlpbatch.proxy")

# Allow-lists: what is not known here stops here. The key is for the proxy alone.
_REQUEST_HEADERS: Final = (
    "Content-Type",
    "Accept",
    "If-Match",
    "Idempotency-Key",
    media.PRIORITY,
    media.TRACEPARENT,
    media.JOB,
)
_ANSWER_HEADERS: Final = ("Content-Type", "ETag", "Retry-After", "Allow", media.SERVER_TIMING)
_WHOLE_ANSWER_BYTES: Final = MIB
"""Up to here an answer is read and sent in one go, which costs least; a longer one is streamed."""
_STREAM_BYTES: Final = 256 * KIB


class NotConnected(BackendFailed):
    """No connection to the backend: nothing has been sent, another one may be asked."""


class Upstream:
    """The connections to all backends."""

    def __init__(self, settings: UpstreamSettings) -> None:
        timeout = aiohttp.ClientTimeout(total=settings.timeout_s, sock_connect=settings.connect_timeout_s)
        self._timeout_s = settings.timeout_s
        self._session = aiohttp.ClientSession(
            # The gate bounds the requests, so the connector needn't.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30.0),
            timeout=timeout,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def forward(self, backend: Backend, request: web.Request, body: bytes) -> web.StreamResponse:
        """Return the backend's answer as the caller is to get it.

        Raises:
            NotConnected: The backend can't be reached; nothing has been sent.
            BackendFailed: It broke off.
            ServiceTimeout: It took longer than `timeout_s`.

        """
        headers = {name: request.headers[name] for name in _REQUEST_HEADERS if name in request.headers}
        headers[media.REQUEST_ID] = request[REQUEST_ID_KEY]
        try:
            async with self._session.request(
                request.method,
                f"{backend.url}{request.rel_url}",
                headers=headers,
                data=body or None,
                allow_redirects=False,
                skip_auto_headers=("User-Agent", "Accept-Encoding", "Content-Type"),
            ) as answer:
                return await _pass_back(answer, request)
        except aiohttp.ClientConnectorError as error:
            raise NotConnected("no backend could be reached: send again") from error
        except TimeoutError as error:
            detail = f"the backend gave no answer within {self._timeout_s:g} s: send fewer documents at a time"
            raise ServiceTimeout(detail) from error
        except aiohttp.ClientError as error:
            raise BackendFailed(f"the backend's answer broke off ({type(error).__name__}): send again") from error

    async def ask_ready(self, backend: Backend, timeout_s: float) -> None:
        """Set what the backend says of itself on `/readyz`."""
        ready, workers, reason = False, 0, ""
        try:
            async with asyncio.timeout(timeout_s), self._session.get(f"{backend.url}/readyz") as answer:
                members: Any = await answer.json()
                ready = answer.status == web.HTTPOk.status_code
                workers = int(members.get("workers", 0))
        except (aiohttp.ClientError, TimeoutError, ValueError, AttributeError, TypeError) as error:
            ready, reason = False, type(error).__name__
        if ready != backend.ready:
            _log.log(
                logging.INFO if ready else logging.WARNING,
                "backend",
                extra={"backend": backend.url, "ready": ready, "reason": reason},
            )
        backend.ready, backend.workers = ready, workers


async def _pass_back(answer: aiohttp.ClientResponse, request: web.Request) -> web.StreamResponse:
    headers = CIMultiDict((name, answer.headers[name]) for name in _ANSWER_HEADERS if name in answer.headers)
    if answer.content_length is not None and answer.content_length <= _WHOLE_ANSWER_BYTES:
        return web.Response(status=answer.status, body=await answer.read(), headers=headers)
    return await _stream(answer, request, headers)


async def _stream(
    answer: aiohttp.ClientResponse, request: web.Request, headers: CIMultiDict[str]
) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=headers)
    response.headers[media.REQUEST_ID] = request[REQUEST_ID_KEY]
    response.content_length = answer.content_length
    await response.prepare(request)
    try:
        async for chunk in answer.content.iter_chunked(_STREAM_BYTES):
            await response.write(chunk)
    except (aiohttp.ClientError, TimeoutError):
        # Half an answer is out: only a broken connection tells the caller that the rest won't come.
        if request.transport is not None:
            request.transport.abort()
        raise
    await response.write_eof()
    return response
