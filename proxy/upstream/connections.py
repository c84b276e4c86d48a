"""Connections to backends, kept for the next request.

aiohttp's protocol for a connection (parser, flow control, errors), without the client around it: redirects, cookies,
tracing, decoding and a task to send each body have no use here, and took a fifth of the proxy's time.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.http import HttpProcessingError
from aiohttp.streams import StreamReader
from multidict import CIMultiDictProxy

_IDLE_S: Final = 30.0
"""How long a connection is kept for the next request; backends keep theirs for longer."""
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_SWITCHING: Final = 101
_FINAL: Final = 200
_PORTS: Final = {"http": 80, "https": 443}


class Destination(NamedTuple):
    """A backend's address, and how to recognise it. Connections of equal destinations are interchangeable.

    Args:
        url: Where it is.
        tls: What its certificate is checked against, if it is an https server.
        server_name: The name that its certificate is for, if `url` has an address instead.
        connect_timeout_s: How long it may take to accept a connection.

    """

    url: str
    tls: ssl.SSLContext
    server_name: str | None
    connect_timeout_s: float


class Message(NamedTuple):
    """A request as it goes over the wire; `target` begins with a slash and goes behind the path of the backend's URL.

    Nothing in it has line breaks, and all but the body is ASCII.
    """

    method: str
    target: str
    headers: Iterable[tuple[str, str]] = ()
    body: bytes = b""


class BackendAnswer(NamedTuple):
    """An answer whose head has arrived."""

    status: int
    headers: CIMultiDictProxy[str]
    content: StreamReader

    @property
    def content_length(self) -> int | None:
        """Return the bytes that the body will have, if the head says so."""
        stated = self.headers.get("Content-Length")
        return None if stated is None else int(stated)


class _Connection(ResponseHandler):
    """aiohttp's side of a connection."""

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002  (aiohttp's)
        """Read on after a pause; each read of a body asks for it, and without one aiohttp would parse nothing again."""
        if self._reading_paused or self._buffer_paused:
            super().resume_reading(resume_parser)


class Connections:
    """All connections, in use and idle."""

    def __init__(self) -> None:
        self._idle: dict[Destination, list[tuple[float, ResponseHandler]]] = {}
        self._open: set[ResponseHandler] = set()
        self._sweeping: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def sent(self, to: Destination, message: Message) -> AsyncIterator[BackendAnswer]:
        """Send a message; its answer may be read within the context.

        Raises:
            aiohttp.ClientConnectorError: The backend can't be reached, or its certificate isn't good.
            aiohttp.ConnectionTimeoutError: Not within `connect_timeout_s`.
            aiohttp.ClientError: It broke off, or its answer isn't HTTP.

        """
        connection, answer = await self.exchange(to, message)
        try:
            yield answer
        finally:
            self.release(to, connection)

    async def close(self) -> None:
        """Close all connections."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        closed = [connection.closed for connection in self._open]
        for connection in list(self._open):
            self._discard(connection)
        self._idle.clear()
        await asyncio.gather(*filter(None, closed), return_exceptions=True)
        await asyncio.sleep(0)  # those that were discarded just before

    async def exchange(self, to: Destination, message: Message) -> tuple[ResponseHandler, BackendAnswer]:
        """Send a message and return its answer, with the connection that is to be released after it; see `sent`."""
        while True:
            kept = self._take(to)
            connection = await self._connect(to) if kept is None else kept
            try:
                return connection, await _ask(connection, to, message)
            except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
                self._discard(connection)
                # A backend may close an idle connection just when it is used again.
                if kept is None or message.method not in _SAFE_METHODS:
                    raise
            except BaseException:
                self._discard(connection)
                raise

    async def _connect(self, to: Destination) -> ResponseHandler:
        loop, address = asyncio.get_running_loop(), _address(to.url)
        tls = to.tls if address.is_tls else None
        name = to.server_name or address.host if address.is_tls else None
        try:
            async with asyncio.timeout(to.connect_timeout_s):
                _, connection = await loop.create_connection(
                    lambda: _Connection(loop), address.host, address.port, ssl=tls, server_hostname=name
                )
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError(f"no connection within {to.connect_timeout_s:g} s") from error
        except (OSError, UnicodeError) as error:  # a name with an empty or a very long label can't be encoded
            key = ConnectionKey(address.host, address.port, address.is_tls, to.tls, None, None, None, name)
            if isinstance(error, ssl.CertificateError):
                raise aiohttp.ClientConnectorCertificateError(key, error) from error
            reason = error if isinstance(error, OSError) else OSError(str(error))
            raise aiohttp.ClientConnectorError(key, reason) from error
        self._open.add(connection)
        return connection

    def _take(self, to: Destination) -> ResponseHandler | None:
        """Return an idle connection that seems to be alive."""
        idle = self._idle.get(to)
        while idle:
            _, connection = idle.pop()
            if connection.is_connected() and not connection.should_close:
                return connection
            self._discard(connection)
        return None

    def release(self, to: Destination, connection: ResponseHandler) -> None:
        """Keep a connection whose exchange is complete, close any other one."""
        transport = connection.transport
        if transport is None or connection.should_close or transport.get_write_buffer_size():
            self._discard(connection)
            return
        loop = asyncio.get_running_loop()
        self._idle.setdefault(to, []).append((loop.time(), connection))
        if self._sweeping is None:
            self._sweeping = loop.call_later(_IDLE_S, self._sweep)

    def _sweep(self) -> None:
        """Close what has been idle for long; what is used again stands last."""
        loop = asyncio.get_running_loop()
        for to, idle in list(self._idle.items()):
            expired = [pair for pair in idle if pair[0] <= loop.time() - _IDLE_S]
            for _, connection in expired:
                self._discard(connection)
            del idle[: len(expired)]
            if not idle:
                del self._idle[to]
        self._sweeping = loop.call_later(_IDLE_S / 2, self._sweep) if self._idle else None

    def _discard(self, connection: ResponseHandler) -> None:
        self._open.discard(connection)
        connection.abort()


class _Address(NamedTuple):
    """The parts of a URL."""

    host: str
    port: int
    is_tls: bool
    header: str
    path: str


@lru_cache(maxsize=1024)
def _address(url: str) -> _Address:
    parts = urlsplit(url)
    usual = _PORTS[parts.scheme]
    port, host = parts.port or usual, _ascii(parts.hostname or "")
    shown = f"[{host}]" if ":" in host else host
    return _Address(
        host, port, parts.scheme == "https", shown if port == usual else f"{shown}:{port}", parts.path.rstrip("/")
    )


def _ascii(host: str) -> str:
    """Return a host's name as DNS and headers have it; one that can't be encoded fails when it is looked up."""
    try:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


async def _ask(connection: ResponseHandler, to: Destination, message: Message) -> BackendAnswer:
    transport = connection.transport
    if transport is None:
        raise aiohttp.ServerDisconnectedError
    connection.set_response_params(skip_payload=message.method == "HEAD", read_until_eof=True, auto_decompress=False)
    transport.writelines((_head(to, message), message.body))
    try:
        while True:
            head, content = await connection.read()
            if head.code >= _FINAL or head.code == _SWITCHING:
                return BackendAnswer(head.code, head.headers, content)
    except HttpProcessingError as error:
        raise aiohttp.ClientPayloadError("the answer is not HTTP") from error


def _head(to: Destination, message: Message) -> bytes:
    address, body = _address(to.url), message.body
    headers = "".join([f"{name}: {value}\r\n" for name, value in message.headers])
    length = f"Content-Length: {len(body)}\r\n" if body or message.method not in _SAFE_METHODS else ""
    text = (
        f"{message.method} {address.path}{message.target} HTTP/1.1\r\nHost: {address.header}\r\n{headers}{length}\r\n"
    )
    return text.encode("ascii")
