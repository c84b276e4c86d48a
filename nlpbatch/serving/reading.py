"""Controls how much is read from a connection at a time: nothing while its request waits in a queue.

aiohttp reads all that arrives, up to 256 KiB at once, even while the request waits: 10,000 requests in a
queue would hold gigabytes. Here a connection is read in small pieces until its body is wanted, and isn't read while its
request waits. An epoll set of our own notices when a caller hangs up meanwhile, because an event loop only notices it
by reading.

Works with the event loops of asyncio and of uvloop, whose transports have the same methods but no common class.
"""

import asyncio
import contextlib
import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol, cast
from weakref import WeakKeyDictionary

from aiohttp import StreamReader, web

from nlpbatch.wire.limits import KIB

_NARROW_BYTES: Final = 2 * KIB
"""Room for the head of a usual request; the part of the body that arrives with it is held in memory."""
_WIDE_BYTES: Final = 256 * KIB
_STALL_S: Final = 30.0
"""Time without progress of an answer after which the caller counts as gone; nginx's send_timeout is twice that."""
_NARROW = memoryview(bytearray(_NARROW_BYTES))
_WIDE = memoryview(bytearray(_WIDE_BYTES))
"""Buffers shared by all connections: nothing else runs between reading into one and passing on its content."""


class _Receiver(Protocol):
    """The part of aiohttp's connections that is used here."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None: ...
    def connection_lost(self, exc: BaseException | None) -> None: ...
    def data_received(self, data: bytes) -> None: ...
    def eof_received(self) -> bool | None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...


class ConnectionReader(asyncio.BufferedProtocol):
    """Reads a connection for aiohttp, in pieces of a size that changes.

    Args:
        receiver: aiohttp's side of the connection.

    """

    def __init__(self, receiver: Any) -> None:
        self._receiver: _Receiver = receiver
        self._buffer = _NARROW
        self._transport: asyncio.Transport | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._held = False
        self._between_pieces = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand on."""
        self._transport = cast("asyncio.Transport", transport)  # TCP or TLS
        self._receiver.connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Hand on."""
        self._moves_again()
        self._transport = None
        self._receiver.connection_lost(exc)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  (a hint)
        """Return where to read to."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Pass on the bytes read."""
        self._receiver.data_received(bytes(self._buffer[:nbytes]))
        if nbytes == _NARROW_BYTES and self._buffer is _NARROW:
            self._pause_between_pieces()

    def hold(self) -> None:
        """Read nothing until `release`."""
        self._held = True
        if self._transport is not None:
            self._transport.pause_reading()

    def release(self) -> None:
        """Read again."""
        self._held = self._between_pieces = False
        if self._transport is not None:
            self._transport.resume_reading()

    def widen(self) -> None:
        """Read large pieces until `narrow`."""
        self._buffer = _WIDE
        self._read_on()

    def narrow(self) -> None:
        """Read small pieces again."""
        self._buffer = _NARROW

    def eof_received(self) -> bool | None:
        """Hand on."""
        return self._receiver.eof_received()

    def pause_writing(self) -> None:
        """Pass on, and watch whether the caller reads its answer."""
        self._receiver.pause_writing()
        self._watch_for_stall()

    def resume_writing(self) -> None:
        """Hand on."""
        self._moves_again()
        self._receiver.resume_writing()

    def _pause_between_pieces(self) -> None:
        """Let the request's handler run before the next piece is read: uvloop would read 32 of them in a row."""
        transport = self._transport
        if transport is not None and transport.is_reading():  # else aiohttp wants no more
            self._between_pieces = True
            transport.pause_reading()
            loop = asyncio.get_running_loop()
            loop.call_soon(loop.call_soon, self._read_on)  # aiohttp starts the handler in the second round from now

    def _read_on(self) -> None:
        if self._between_pieces and not self._held:
            self._between_pieces = False
            if self._transport is not None:
                self._transport.resume_reading()

    def _watch_for_stall(self) -> None:
        if self._transport is not None:
            left_bytes = self._transport.get_write_buffer_size()
            self._stall = asyncio.get_running_loop().call_later(_STALL_S, self._give_up_if_stalled, left_bytes)

    def _give_up_if_stalled(self, before_bytes: int) -> None:
        if self._transport is None:
            return
        if self._transport.get_write_buffer_size() >= before_bytes:
            self._transport.abort()
        else:
            self._watch_for_stall()

    def _moves_again(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None


@contextmanager
def hold_body(request: web.Request) -> Iterator[None]:
    """Stop reading a request's body for a while; a caller that hangs up is still noticed."""
    transport, reader, watch = request.transport, _reader(request), _HangupWatch.of_loop()
    if transport is None or reader is None or watch is None or request.content.is_eof():
        yield
        return
    with watch.watching(transport):
        reader.hold()
        try:
            yield
        finally:
            reader.release()


@contextmanager
def wide_reads(request: web.Request) -> Iterator[None]:
    """Read a request's body in large pieces."""
    reader = _reader(request)
    if reader is None:
        yield
        return
    reader.widen()
    try:
        yield
    finally:
        reader.narrow()


async def read_all(content: StreamReader) -> bytes:
    """Return a body to its end; one that has arrived already costs half of what `content.read` takes."""
    return content.read_nowait() if content.is_eof() else await content.read()


def _reader(request: web.Request) -> ConnectionReader | None:
    """Return what reads the request's connection; None if it is lost, or another server's."""
    reader = request.transport.get_protocol() if request.transport is not None else None
    return reader if isinstance(reader, ConnectionReader) else None


class _HangupWatch:
    """Connections that aren't read, whose callers may hang up; one for each event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._epoll = select.epoll()
        self._transports: dict[int, asyncio.Transport] = {}
        loop.add_reader(self._epoll.fileno(), self._hung_up)

    @classmethod
    def of_loop(cls) -> "_HangupWatch | None":
        """Return the running loop's; None where the system has no epoll."""
        if not hasattr(select, "epoll"):
            return None
        loop = asyncio.get_running_loop()
        watch = _WATCHES.get(loop)
        if watch is None:
            watch = _WATCHES[loop] = cls(loop)
        return watch

    @contextmanager
    def watching(self, transport: asyncio.Transport) -> Iterator[None]:
        """Abort the connection when its other side closes it."""
        raw = transport.get_extra_info("socket")
        descriptor = raw.fileno() if raw is not None else -1
        if descriptor < 0:
            yield
            return
        self._transports[descriptor] = transport
        self._epoll.register(descriptor, select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR)
        try:
            yield
        finally:
            self._forget(descriptor, transport)

    def _hung_up(self) -> None:
        for descriptor, _ in self._epoll.poll(0):
            transport = self._transports[descriptor]
            self._forget(descriptor, transport)
            transport.abort()

    def _forget(self, descriptor: int, transport: asyncio.Transport) -> None:
        if self._transports.get(descriptor) is not transport:
            return  # forgotten before; another connection may have got its number since
        del self._transports[descriptor]
        with contextlib.suppress(OSError, ValueError):  # it was closed, by which it left the set
            self._epoll.unregister(descriptor)


_WATCHES: "WeakKeyDictionary[asyncio.AbstractEventLoop, _HangupWatch]" = WeakKeyDictionary()
