"""HTTP to the backends: only listed headers pass, and failures become the errors that the retry rules know."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, NamedTuple, TypeVar

import aiohttp
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy, istr

from nlpbatch.errors import BackendFailed, InvalidRequest, NotFound, ServiceTimeout
from nlpbatch.serving.problems import REQUEST_ID_KEY, run_hooks
from nlpbatch.serving.reading import read_all
from nlpbatch.serving.whole_response import WholeResponse
from nlpbatch.wire import media
from nlpbatch.wire.limits import KIB, MIB
from proxy.config import UpstreamSettings
from proxy.live import Live
from proxy.traffic.concurrency import FixedLimit
from proxy.traffic.slots import Backend
from proxy.upstream.connections import BackendAnswer, Connections, Destination, Message
from proxy.upstream.readiness import ask_ready, set_unreachable, try_backend

_WHOLE_ANSWER_BYTES: Final = MIB
"""Up to here an answer is read and sent in one go, which costs least; a longer one is streamed."""
_STREAM_BYTES: Final = 256 * KIB
_FAILED_STATUS: Final = 500
_OTHER_VERSION_STATUS: Final = 412


# What is not known here stops here. The key is for the proxy alone. As istr, names needn't be folded for each look-up.
_REQUEST_HEADERS: Final = tuple(
    istr(name)
    for name in (
        "Content-Type",
        "Accept",
        "If-Match",
        media.IDEMPOTENCY_KEY,
        media.PRIORITY,
        media.TRACEPARENT,
        media.TRACESTATE,
        media.JOB,
    )
)
ANSWER_HEADERS: Final = tuple(
    istr(name)
    for name in (
        "Cache-Control",
        "Content-Type",
        "Content-Encoding",
        "ETag",
        "Retry-After",
        "Allow",
        media.SERVER_TIMING,
        media.DOCUMENTS,
        media.ANALYZER,
        media.CACHED,
        media.IDEMPOTENCY_REPLAYED,
    )
)
_CHOOSING_HEADERS: Final = tuple(istr(name) for name in ("Content-Type", "Accept", "If-Match"))


Finishing = Callable[[int, Mapping[str, str]], None]
"""What is done before the last byte of a streamed answer leaves."""


T = TypeVar("T")


class BackendNotConnected(BackendFailed):
    """No connection to the backend: nothing has been sent, another one may be asked."""


class UpstreamRequest(NamedTuple):
    """A request as a backend gets it; `target` is its path and query as the caller wrote them."""

    method: str
    target: str
    headers: CIMultiDict[str]
    body: bytes

    def digest(self) -> bytes:
        """Return a hash of all that decides about the answer: requests with the same digest get the same answer."""
        lines = [self.method, self.target]
        for name in _CHOOSING_HEADERS:
            lines.append(name)
            if name in self.headers:
                lines += self.headers.getall(name)
        hashed = hashlib.sha256("\n".join((*lines, "")).encode())
        hashed.update(self.body)
        return hashed.digest()


class UpstreamResponse(NamedTuple):
    """A whole response as the caller gets it."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def to_response(self) -> web.Response:
        """Return it for the server to send."""
        return WholeResponse(status=self.status, headers=self.headers, body=self.body)


class Upstream:
    """The connections to all backends.

    Args:
        live: Says how long they may take, and what https backends are checked against.

    """

    def __init__(self, live: Live) -> None:
        self._live = live
        self._connections = Connections()

    @property
    def settings(self) -> UpstreamSettings:
        """Return the settings in force."""
        return self._live.now.settings.upstream

    async def close(self) -> None:
        """Close all connections."""
        await self._connections.close()

    async def try_address(self, url: str) -> str | None:
        """Return why nothing answers at an address as an API would; None if something does, whatever it says."""
        backend = Backend(url, FixedLimit(1.0))
        return await try_backend(self, backend, 2 * self.settings.connect_timeout_s)

    async def fetch(self, backend: Backend, sent: UpstreamRequest) -> UpstreamResponse:
        """Return the backend's whole answer.

        Raises:
            NotConnected: The backend can't be reached; nothing has been sent.
            BackendFailed: It broke off.
            ServiceTimeout: It took longer than `timeout_s`.

        """
        return await self._exchange(backend, sent, _read_whole)

    async def stream(
        self, backend: Backend, sent: UpstreamRequest, request: web.Request, finishing: Finishing
    ) -> web.StreamResponse:
        """Answer the request, a long answer as it comes; return 5xx and 412 whole, so that they can be retried.

        `finishing` is called with status and headers of a streamed answer before its last byte leaves. Raises as
        `fetch`; once a streamed answer has begun, its failure breaks the connection to the caller.
        """

        async def pass_on(answer: BackendAnswer) -> web.StreamResponse:
            size_bytes = answer.content_length
            whole = size_bytes is not None and size_bytes <= _WHOLE_ANSWER_BYTES
            if whole or answer.status >= _FAILED_STATUS or answer.status == _OTHER_VERSION_STATUS:
                return (await _read_whole(answer)).to_response()
            response = web.StreamResponse(status=answer.status, headers=headers_for_caller(answer.headers))
            response.content_length = size_bytes
            return await _stream(answer, request, response, finishing)

        return await self._exchange(backend, sent, pass_on)

    def _destination(self, backend: Backend) -> Destination:
        snapshot = self._live.now
        name, timeout_s = backend.connection.get("server_hostname"), snapshot.settings.upstream.connect_timeout_s
        return Destination(backend.url, snapshot.tls, name, timeout_s)

    async def _exchange(
        self, backend: Backend, sent: UpstreamRequest, use: Callable[[BackendAnswer], Awaitable[T]]
    ) -> T:
        """Return what `use` makes of a backend's answer."""
        to, message = self._destination(backend), Message(sent.method, sent.target, sent.headers.items(), sent.body)
        try:
            # For the whole of it: a caller that doesn't read its answer holds a slot, too.
            async with asyncio.timeout(self.settings.timeout_s):
                connection, answer = await self._connections.exchange(to, message)
                try:
                    return await use(answer)
                finally:
                    self._connections.release(to, connection)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            # Until its next health check says otherwise.
            set_unreachable(backend, type(error).__name__)
            raise BackendNotConnected("no backend could be reached: send again") from error
        except TimeoutError as error:
            detail = f"the backend gave no answer within {self.settings.timeout_s:g} s: send fewer documents at a time"
            raise ServiceTimeout(detail) from error
        except aiohttp.ClientError as error:
            raise BackendFailed(f"the backend's answer broke off ({type(error).__name__}): send again") from error

    async def ask_ready(self, backend: Backend, timeout_s: float) -> None:
        """Ask a backend for its `/readyz`, and note what it states."""
        await ask_ready(self, backend, timeout_s)

    async def get(self, backend: Backend, path: str, max_bytes: int) -> tuple[int, bytes]:
        """Return the status and body of a `GET` that is the proxy's own.

        Raises:
            ValueError: The body has `max_bytes` or more.
            aiohttp.ClientError: No answer came.

        """
        async with self._connections.sent(self._destination(backend), Message("GET", path)) as answer:
            try:
                await answer.content.readexactly(max_bytes)
            except asyncio.IncompleteReadError as whole:
                return answer.status, whole.partial
        raise ValueError(f"{max_bytes} bytes or more")


async def _read_whole(answer: BackendAnswer) -> UpstreamResponse:
    return UpstreamResponse(answer.status, headers_for_caller(answer.headers), await read_all(answer.content))


async def _stream(
    answer: BackendAnswer, request: web.Request, response: web.StreamResponse, finishing: Finishing
) -> web.StreamResponse:
    response.headers[media.REQUEST_ID] = request[REQUEST_ID_KEY]
    with _caller_may_leave():
        await run_hooks(request, response)
        await response.prepare(request)
    try:
        last = b""  # held back: the caller has the whole answer with it
        async for chunk in answer.content.iter_chunked(_STREAM_BYTES):
            if last:
                with _caller_may_leave():
                    await response.write(last)
            last = chunk
        finishing(answer.status, response.headers)
        with _caller_may_leave():
            await response.write(last)
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


def check_target(request: web.Request) -> None:
    """Refuse targets that backends may read differently: paths out of /v1/, and bytes that URLs can't have.

    Raises:
        InvalidRequest: The path or query is not ASCII.
        NotFound: It has dot segments.

    """
    if not request.rel_url.raw_path_qs.isascii():
        raise InvalidRequest("the path or query has characters that are not ASCII: percent-encode them")
    if not {".", ".."}.isdisjoint(request.path.split("/")):
        raise NotFound("no such path: leave out the dot segments")


def headers_for_backend(request: web.Request) -> CIMultiDict[str]:
    """Return the headers that a backend gets.

    Raises:
        InvalidRequest: One has characters that are not ASCII.

    """
    headers: CIMultiDict[str] = CIMultiDict()
    for name, value in _known(request.headers, _REQUEST_HEADERS):
        if not value.isascii():
            raise InvalidRequest(f"the header {name} has characters that are not ASCII: leave them out", path=name)
        headers.add(name, value)
    headers[media.REQUEST_ID] = request[REQUEST_ID_KEY]
    return headers


def headers_for_caller(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """Return the headers that the caller gets; a value that is not ASCII couldn't be written."""
    return CIMultiDict([pair for pair in _known(headers, ANSWER_HEADERS) if pair[1].isascii()])


def _known(headers: CIMultiDictProxy[str], names: tuple[istr, ...]) -> list[tuple[str, str]]:
    """Return the headers of these names, as often as they come."""
    found: list[tuple[str, str]] = []
    for name in names:
        if name in headers:
            found += [(name, value) for value in headers.getall(name)]
    return found
