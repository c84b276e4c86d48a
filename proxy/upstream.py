"""Calls to backends: what is passed on, what is passed back, and what becomes of a backend that fails."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import aiohttp
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from nlpbatch.errors import BackendFailed, InvalidRequest, ServiceTimeout
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
_ANSWER_HEADERS: Final = ("Content-Type", "Content-Encoding", "ETag", "Retry-After", "Allow", media.SERVER_TIMING)
_WHOLE_ANSWER_BYTES: Final = MIB
"""Up to here an answer is read and sent in one go, which costs least; a longer one is streamed."""
_STREAM_BYTES: Final = 256 * KIB
_WHOLE_BODY_BYTES: Final = MIB
"""Up to here a body is sent in one go; aiohttp wants a longer one as a file, and sends it in pieces."""
_READY_BYTES: Final = 64 * KIB
"""No `/readyz` of ours has as much to say."""


class NotConnected(BackendFailed):
    """No connection to the backend: nothing has been sent, another one may be asked."""


class Upstream:
    """The connections to all backends."""

    def __init__(self, settings: UpstreamSettings) -> None:
        # Without `total`, which sees the backend only: a caller that doesn't read its answer holds a place, too.
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=settings.connect_timeout_s)
        self._timeout_s = settings.timeout_s
        self._session = aiohttp.ClientSession(
            # The gate bounds the requests, so the connector needn't.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30.0),
            timeout=timeout,
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept-Encoding", "Content-Type"),
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
        headers = _request_headers(request)
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._session.request(
                    request.method,
                    # As the caller wrote it: what it percent-encoded, and how, is between it and the backend.
                    URL(f"{backend.url}{request.rel_url.raw_path_qs}", encoded=True),
                    headers=headers,
                    data=_payload(body),
                    allow_redirects=False,
                ) as answer,
            ):
                return await _pass_back(answer, request)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            # Until its next health check says otherwise.
            _set_ready(backend, ready=False, workers=backend.workers, reason=type(error).__name__)
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
            async with asyncio.timeout(timeout_s):
                ready, workers = await self._ready(backend.url)
        except Exception as error:  # noqa: BLE001  (whatever it answers, it will be asked again)
            reason = type(error).__name__
        _set_ready(backend, ready=ready, workers=workers, reason=reason)

    async def _ready(self, url: str) -> tuple[bool, int]:
        async with self._session.get(f"{url}/readyz", allow_redirects=False) as answer:
            try:
                await answer.content.readexactly(_READY_BYTES)
            except asyncio.IncompleteReadError as whole:
                workers = int(json.loads(whole.partial).get("workers", 0))
                return answer.status == web.HTTPOk.status_code, workers
        raise ValueError(f"over {_READY_BYTES} bytes")


def _set_ready(backend: Backend, *, ready: bool, workers: int, reason: str) -> None:
    if ready != backend.ready or not backend.asked:
        _log.log(
            logging.INFO if ready else logging.WARNING,
            "backend",
            extra={"backend": backend.url, "ready": ready, "reason": reason},
        )
    backend.asked, backend.ready, backend.workers = True, ready, workers


def _payload(body: bytes) -> bytes | io.BytesIO | None:
    if len(body) > _WHOLE_BODY_BYTES:
        return io.BytesIO(body)
    return body or None


def _request_headers(request: web.Request) -> CIMultiDict[str]:
    headers = CIMultiDict(_known(request.headers, _REQUEST_HEADERS))
    for name, value in headers.items():
        if not value.isascii():
            raise InvalidRequest(f"the header {name} has characters that are not ASCII: leave them out", path=name)
    headers[media.REQUEST_ID] = request[REQUEST_ID_KEY]
    return headers


def _known(headers: CIMultiDictProxy[str], names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield the headers of these names, as often as they come."""
    return ((name, value) for name in names if name in headers for value in headers.getall(name))


async def _pass_back(answer: aiohttp.ClientResponse, request: web.Request) -> web.StreamResponse:
    # A value that is not ASCII couldn't be written.
    headers = CIMultiDict(pair for pair in _known(answer.headers, _ANSWER_HEADERS) if pair[1].isascii())
    if answer.content_length is not None and answer.content_length <= _WHOLE_ANSWER_BYTES:
        return web.Response(status=answer.status, body=await answer.read(), headers=headers)
    return await _stream(answer, request, headers)


async def _stream(
    answer: aiohttp.ClientResponse, request: web.Request, headers: CIMultiDict[str]
) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=headers)
    response.headers[media.REQUEST_ID] = request[REQUEST_ID_KEY]
    response.content_length = answer.content_length
    with _caller_may_leave():
        await response.prepare(request)
    try:
        async for chunk in answer.content.iter_chunked(_STREAM_BYTES):
            with _caller_may_leave():
                await response.write(chunk)
    except BaseException:
        # Half an answer is out: only a broken connection tells the caller that the rest won't come.
        if request.transport is not None:
            request.transport.abort()
        raise
    with _caller_may_leave():
        await response.write_eof()
    return response


@contextmanager
def _caller_may_leave() -> Iterator[None]:
    """Keep a caller who hung up apart from a backend that did: aiohttp has the same error for both."""
    try:
        yield
    except aiohttp.ClientError as error:
        raise ConnectionAbortedError("the caller hung up") from error
