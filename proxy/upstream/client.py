"""Calls to backends; failures become the errors that the retry rules know."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from aiohttp import web
from yarl import URL

from nlpbatch.errors import BackendFailed, ServiceTimeout
from nlpbatch.serving.problems import REQUEST_ID_KEY
from nlpbatch.wire import media
from nlpbatch.wire.limits import KIB, MIB
from proxy.config import UpstreamSettings
from proxy.live import Live
from proxy.traffic.balancer import Backend
from proxy.upstream.messages import UpstreamRequest, UpstreamResponse, headers_for_caller

_log = logging.getLogger("nlpbatch.proxy")

_WHOLE_ANSWER_BYTES: Final = MIB
"""Up to here an answer is read and sent in one go, which costs least; a longer one is streamed."""
_STREAM_BYTES: Final = 256 * KIB
_WHOLE_BODY_BYTES: Final = MIB
"""Up to here a body is sent in one go; aiohttp wants a longer one as a file, and sends it in pieces."""
_READY_BYTES: Final = 64 * KIB
"""No `/readyz` of ours has as much to say."""
_FAILED_STATUS: Final = 500
_OTHER_VERSION_STATUS: Final = 412


class NotConnected(BackendFailed):
    """No connection to the backend: nothing has been sent, another one may be asked."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What a backend states on /readyz; before it is ready, it may not know everything."""

    ready: bool = False
    workers: int = 0
    fingerprints: frozenset[str] = frozenset()


class Upstream:
    """The connections to all backends.

    Args:
        live: Says how long they may take, and what https backends are checked against.

    """

    def __init__(self, live: Live) -> None:
        self._live = live
        self._session = aiohttp.ClientSession(
            # The gate bounds the requests, so the connector needn't.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30.0),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept-Encoding", "Content-Type"),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    @property
    def settings(self) -> UpstreamSettings:
        """Return the settings in force."""
        return self._live.settings.upstream

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def fetch(self, backend: Backend, sent: UpstreamRequest) -> UpstreamResponse:
        """Return the backend's whole answer.

        Raises:
            NotConnected: The backend can't be reached; nothing has been sent.
            BackendFailed: It broke off.
            ServiceTimeout: It took longer than `timeout_s`.

        """
        async with self._sent(backend, sent) as answer:
            return UpstreamResponse(answer.status, headers_for_caller(answer.headers), await answer.read())

    async def stream(self, backend: Backend, sent: UpstreamRequest, request: web.Request) -> web.StreamResponse:
        """Answer the request, a long answer as it comes; return 5xx and 412 whole, so that they can be retried.

        Raises as `fetch`; once a streamed answer has begun, its failure breaks the connection to the caller.
        """
        async with self._sent(backend, sent) as answer:
            headers, size_bytes = headers_for_caller(answer.headers), answer.content_length
            whole = size_bytes is not None and size_bytes <= _WHOLE_ANSWER_BYTES
            if whole or answer.status >= _FAILED_STATUS or answer.status == _OTHER_VERSION_STATUS:
                return UpstreamResponse(answer.status, headers, await answer.read()).to_response()
            response = web.StreamResponse(status=answer.status, headers=headers)
            response.content_length = size_bytes
            return await _stream(answer, request, response)

    def _how(self, backend: Backend) -> dict[str, Any]:
        """Return what every request to a backend is made with."""
        # Without `total`, which sees the backend only: a caller that doesn't read its answer holds a slot, too.
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self.settings.connect_timeout_s)
        return {"timeout": timeout, "ssl": self._live.now.tls, **backend.connection}

    @asynccontextmanager
    async def _sent(self, backend: Backend, sent: UpstreamRequest) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            async with (
                asyncio.timeout(self.settings.timeout_s),
                self._session.request(
                    sent.method,
                    # As the caller wrote it: what it percent-encoded, and how, is between it and the backend.
                    URL(f"{backend.url}{sent.target}", encoded=True),
                    headers=sent.headers,
                    data=_payload(sent.body),
                    allow_redirects=False,
                    **self._how(backend),
                ) as answer,
            ):
                yield answer
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            # Until its next health check says otherwise.
            _set_ready(backend, _Said(), reason=type(error).__name__)
            raise NotConnected("no backend could be reached: send again") from error
        except TimeoutError as error:
            detail = f"the backend gave no answer within {self.settings.timeout_s:g} s: send fewer documents at a time"
            raise ServiceTimeout(detail) from error
        except aiohttp.ClientError as error:
            raise BackendFailed(f"the backend's answer broke off ({type(error).__name__}): send again") from error

    async def ask_ready(self, backend: Backend, timeout_s: float) -> None:
        """Set what the backend says of itself on `/readyz`."""
        said, reason = _Said(), ""
        try:
            async with asyncio.timeout(timeout_s):
                said = await self._ready(backend)
        except Exception as error:  # noqa: BLE001  (whatever it answers, it will be asked again)
            reason = type(error).__name__
        _set_ready(backend, said, reason=reason)

    async def _ready(self, backend: Backend) -> _Said:
        url = f"{backend.url}/readyz"
        async with self._session.get(url, allow_redirects=False, **self._how(backend)) as answer:
            try:
                await answer.content.readexactly(_READY_BYTES)
            except asyncio.IncompleteReadError as whole:
                members = json.loads(whole.partial)
                fingerprints = frozenset(map(str, members.get("fingerprints", ())))
                return _Said(answer.status == web.HTTPOk.status_code, int(members.get("workers", 0)), fingerprints)
        raise ValueError(f"over {_READY_BYTES} bytes")


def _set_ready(backend: Backend, said: _Said, *, reason: str) -> None:
    if said.ready != backend.ready or not backend.asked:
        _log.log(
            logging.INFO if said.ready else logging.WARNING,
            "backend",
            extra={"backend": backend.url, "ready": said.ready, "reason": reason},
        )
    backend.asked, backend.ready, backend.workers = True, said.ready, said.workers or backend.workers
    if said.ready or said.fingerprints:
        backend.fingerprints = said.fingerprints  # else what it had is what it is awaited with
    if said.ready:
        backend.limit.stated(backend.workers)


def _payload(body: bytes) -> bytes | io.BytesIO | None:
    if len(body) > _WHOLE_BODY_BYTES:
        return io.BytesIO(body)
    return body or None


async def _stream(
    answer: aiohttp.ClientResponse, request: web.Request, response: web.StreamResponse
) -> web.StreamResponse:
    response.headers[media.REQUEST_ID] = request[REQUEST_ID_KEY]
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
    """Tell a caller that hung up from a backend that did: aiohttp raises the same error for both."""
    try:
        yield
    except aiohttp.ClientError as error:
        raise ConnectionAbortedError("the caller hung up") from error
